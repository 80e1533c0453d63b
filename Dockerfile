# The image of the server. Build it from the root of the repository:
#   docker build --tag <your registry>/fedmesh-webhook:<version> .

# On the machine's own architecture, for the one that is asked for: a Go compiler
# needs no emulation.
FROM --platform=$BUILDPLATFORM golang:1.26 AS build
WORKDIR /src
# The modules first: they change less often than the code.
COPY go.mod go.sum ./
RUN go mod download
COPY policies policies
COPY webhook webhook
COPY cmd/fedmesh-webhook cmd/fedmesh-webhook
ARG TARGETOS
ARG TARGETARCH
# Static, because the image below has no libc; without paths of this machine, so
# that the same code gives the same binary.
RUN CGO_ENABLED=0 GOOS=$TARGETOS GOARCH=$TARGETARCH \
    go build -trimpath -buildvcs=false -ldflags=-s -o /fedmesh-webhook ./cmd/fedmesh-webhook

# Nothing but the binary. It talks to the API server only, whose authority is
# mounted with the ServiceAccount's token, so it needs no CA certificates either.
FROM scratch
COPY --from=build /fedmesh-webhook /fedmesh-webhook
# A number and not a name: there is no /etc/passwd, and with runAsNonRoot the
# kubelet has to see that this is not root.
USER 65532:65532
EXPOSE 9443 8081 8080
ENTRYPOINT ["/fedmesh-webhook"]
