# Everything below needs Go, make and git. All that is built goes to bin/.

GO ?= go
export GO
BIN := bin

# A program that was killed while it was linked must not pass for a good one.
.DELETE_ON_ERROR:
.DEFAULT_GOAL := help

.PHONY: help
help: ## Show this list.
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

##
## The real servers that tests and playground run on
##

SERVERS_DIR := test/controlplane/servers
BUILD := $(SERVERS_DIR)/build.sh
ETCD := $(SERVERS_DIR)/etcd
KUBERNETES := $(SERVERS_DIR)/kubernetes
KUBERNETES_SERVERS := $(addprefix $(BIN)/,kube-apiserver kube-controller-manager kubectl)

# A plain build calls itself v0.0.0, and then kubectl warns about the version
# and the API server enables other features than a released one.
KUBERNETES_VERSION = $(shell sed -n 's/^[[:space:]]*k8s\.io\/kubernetes \(v[0-9.]*\).*/\1/p' $(KUBERNETES)/go.mod)
KUBERNETES_MINOR = $(word 2,$(subst ., ,$(KUBERNETES_VERSION)))
VERSION_PACKAGE := k8s.io/component-base/version
KUBERNETES_LDFLAGS = -X $(VERSION_PACKAGE).gitVersion=$(KUBERNETES_VERSION) \
	-X $(VERSION_PACKAGE).gitMajor=1 -X $(VERSION_PACKAGE).gitMinor=$(KUBERNETES_MINOR)

.PHONY: servers
servers: $(BIN)/etcd $(KUBERNETES_SERVERS) ## Build etcd, kube-apiserver, kube-controller-manager and kubectl.

$(BIN)/etcd: $(ETCD)/go.mod $(ETCD)/go.sum
	@$(BUILD) $(ETCD) go.etcd.io/etcd/server/v3 $@

$(KUBERNETES_SERVERS): $(KUBERNETES)/go.mod $(KUBERNETES)/go.sum
	@$(BUILD) $(KUBERNETES) k8s.io/kubernetes/cmd/$(@F) $@ "$(KUBERNETES_LDFLAGS)"

# One after the other, also with -j: they share most of their packages, and
# builds that run at the same time compile each of them again.
$(BIN)/kube-controller-manager: | $(BIN)/kube-apiserver
$(BIN)/kubectl: | $(BIN)/kube-controller-manager

ISTIO := test/istio/servers

.PHONY: istio
istio: $(BIN)/pilot-discovery $(BIN)/istioctl ## Build istiod and istioctl.

$(BIN)/pilot-discovery: $(ISTIO)/go.mod $(ISTIO)/go.sum
	@$(BUILD) $(ISTIO) istio.io/istio/pilot/cmd/pilot-discovery $@

$(BIN)/istioctl: $(ISTIO)/go.mod $(ISTIO)/go.sum | $(BIN)/pilot-discovery
	@$(BUILD) $(ISTIO) istio.io/istio/istioctl/cmd/istioctl $@

##
## The product
##

.PHONY: build
build: ## Build the webhook server and the command line.
	CGO_ENABLED=0 $(GO) build -trimpath -o $(BIN)/ ./cmd/...

# A binary instead of "go run", so that signals and the exit status pass
# unchanged between make and the playground.
.PHONY: run
run: servers build ## Start a playground and show the main job; ONESHOT=1 ends by itself.
	@$(GO) build -o $(BIN)/playground ./test/playground
	@exec $(BIN)/playground $(if $(filter 1,$(ONESHOT)),-oneshot)

# Never from the test cache: it does not know that tests run the binaries in bin.
# The race detector needs a C compiler; the go command says whether there is one.
RACE = $(if $(filter 1,$(shell $(GO) env CGO_ENABLED)),-race)

# Istio's own samples have a line of their own: they come with Istio's module, which fedmesh's go.mod does not name.
.PHONY: test
test: servers build ## Run all tests on the real servers; TESTFLAGS are added.
	$(GO) test $(RACE) -count=1 -timeout 20m $(TESTFLAGS) ./...
	cd test/istio && $(GO) test -count=1 -run '^TestSamples$$' .
	$(GO) test -count=1 -run '^$$' -bench . -benchtime 1x ./policies/... ./cmd/... > /dev/null # that they run

# A module of its own, so that what speaks with istiod is not in fedmesh's go.mod.
.PHONY: test-istio
test-istio: servers istio build ## Run the tests that need the real istiod.
	cd test/istio && $(GO) test $(RACE) -count=1 -timeout 20m $(TESTFLAGS) ./...

COUNT ?= 6
.PHONY: bench
bench: servers build $(BIN)/benchstat ## Run the benchmarks COUNT times; OLD=<file> compares with an earlier bin/bench.txt.
	$(GO) test -run '^$$' -bench . -benchmem -count $(COUNT) -timeout 60m $(TESTFLAGS) ./... > $(BIN)/bench.txt || { cat $(BIN)/bench.txt; exit 1; }
	@$(BIN)/benchstat $(OLD) $(BIN)/bench.txt

IMAGE ?= fedmesh-webhook:latest
CONTAINER_TOOL ?= docker
.PHONY: image
image: ## Build the container image IMAGE with CONTAINER_TOOL.
	$(CONTAINER_TOOL) build --tag $(IMAGE) .

.PHONY: clean
clean: ## Remove everything that was built, servers included.
	rm -rf $(BIN)

##
## Generated files
##

API_PACKAGES := ./policies/api/...
DEEPCOPY := policies/api/v1alpha1/zz_generated.deepcopy.go
CRD_DIR := manifests/crd

.PHONY: generate
generate: $(BIN)/controller-gen ## Regenerate deepcopy functions, CRDs and the catalogue of rules.
	$(BIN)/controller-gen object crd paths=$(API_PACKAGES) output:crd:dir=$(CRD_DIR)
	$(GO) test ./policies -run 'TestCatalogue|TestReadme' -update

# What the real injector makes of pods, with and without fedmesh.
.PHONY: golden
golden: servers istio build ## Regenerate the pods that the tests compare with.
	cd test/istio && $(GO) test -count=1 -run '^TestPods' . -update

##
## Checks
##

.PHONY: verify verify-format verify-vet verify-lint verify-tidy verify-generated
verify: verify-format verify-vet verify-lint verify-tidy verify-generated ## Check format, vet, lint, go.mod files and generated files.

verify-format:
	@files=$$("$$($(GO) env GOROOT)/bin/gofmt" -l .) || exit 1; \
	if [ -n "$$files" ]; then echo 'not formatted, run "gofmt -w" on:'; echo "$$files"; exit 1; fi

verify-vet:
	$(GO) vet ./...
	cd test/istio && $(GO) vet ./...

verify-lint: $(BIN)/staticcheck $(BIN)/revive
	$(BIN)/revive -config test/tools/revive/revive.toml -formatter plain -set_exit_status ./...
	$(BIN)/staticcheck ./...
	cd test/istio && $(CURDIR)/$(BIN)/revive -config ../tools/revive/revive.toml -formatter plain -set_exit_status ./...
	cd test/istio && $(CURDIR)/$(BIN)/staticcheck ./...

verify-tidy:
	@failed=; for file in $$(find . -name go.mod -not -path './bin/*'); do \
		(cd "$$(dirname "$$file")" && $(GO) mod tidy -diff) || { echo "$$file: run \"go mod tidy\" beside it"; failed=1; }; \
	done; [ -z "$$failed" ]

# The catalogue of rules is checked by "make test".
# Generated beside the tree and not in it: whoever has changes there keeps them,
# and tests that run at the same time do not see files change.
verify-generated: $(BIN)/controller-gen
	@dir=$$(mktemp -d) && trap 'rm -rf "$$dir"' EXIT && \
	$(BIN)/controller-gen object crd paths=$(API_PACKAGES) output:object:dir="$$dir/object" output:crd:dir="$$dir/crd" && \
	if ! { diff -u $(DEEPCOPY) "$$dir/object/$(notdir $(DEEPCOPY))" && diff -ru --exclude=kustomization.yaml $(CRD_DIR) "$$dir/crd"; }; then \
		echo 'generated files are out of date, run "make generate"'; exit 1; \
	fi

##
## Tools, each from a module of its own
##

$(addprefix $(BIN)/,controller-gen staticcheck revive benchstat): $(BIN)/%: test/tools/%/go.mod test/tools/%/go.sum
	@$(BUILD) test/tools/$* tool $@
