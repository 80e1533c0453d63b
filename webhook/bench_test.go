package webhook

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	admissionv1 "k8s.io/api/admission/v1"
)

// BenchmarkReview is a review from the body of a request to the answer, without
// network and TLS; test/bench has those.
func BenchmarkReview(b *testing.B) {
	const passing = `
metadata: {name: some, namespace: foo}
spec:
  hosts: [httpbin.bar.global]
  addresses: [240.0.0.2]
  location: MESH_INTERNAL
  resolution: DNS
  ports: [{number: 8000, name: http, protocol: HTTP}]
  endpoints: [{address: gateway.bar.com, ports: {http: 15443}}]
`
	handler := newSetup(b).mesh()
	body := review(b, istioNetworking, "ServiceEntry", admissionv1.Create, passing, "")
	b.ReportAllocs()
	for b.Loop() {
		request := httptest.NewRequest(http.MethodPost, "/mesh?timeout=10s", strings.NewReader(body))
		request.Header.Set("Content-Type", "application/json")
		recorder := httptest.NewRecorder()
		handler.ServeHTTP(recorder, request)
		if !strings.Contains(recorder.Body.String(), `"allowed":true`) {
			b.Fatalf("got %s; want it allowed", recorder.Body)
		}
	}
}
