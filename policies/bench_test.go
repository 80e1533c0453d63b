package policies

import (
	"bytes"
	"fmt"
	"net/netip"
	"testing"

	"fedmesh.io/fedmesh/policies/mesh"
)

// rawEntry is the JSON of a federated ServiceEntry without findings, as it comes
// with an admission request.
func rawEntry(i int) []byte {
	address := netip.AddrFrom4([4]byte{240, byte(i >> 16), byte(i >> 8), byte(i)})
	return fmt.Appendf(nil, `{"apiVersion": "networking.istio.io/v1", "kind": "ServiceEntry",
		"metadata": {"name": "httpbin-%[1]d", "namespace": "team-%[2]d", "uid": "0f4f1f9e-5d3c-4c57-b0a4-000000000000",
			"creationTimestamp": "2026-01-02T03:04:05Z", "labels": {"app": "httpbin"},
			"annotations": {"kubectl.kubernetes.io/last-applied-configuration": "{}"}},
		"spec": {"hosts": ["httpbin-%[1]d.bar.global"], "addresses": ["%[3]s"],
			"location": "MESH_INTERNAL", "resolution": "DNS",
			"ports": [{"number": 8000, "name": "http", "protocol": "HTTP"}],
			"endpoints": [{"address": "34.122.11.2", "ports": {"http": 15443}}],
			"subjectAltNames": ["spiffe://bar.com/ns/bar/sa/httpbin"]}}`, i, i%100, address)
}

// BenchmarkEvaluateServiceEntry is the way of a request through the rules, among
// ten thousand other entries: decode it, evaluate it. The clean entry is what
// nearly all requests are; the other one defines a host a second time, whose
// address it is that is taken, so that a free one is looked for.
func BenchmarkEvaluateServiceEntry(b *testing.B) {
	const size = 10_000
	index := mesh.NewIndex()
	for i := range size {
		object, err := mesh.Decode(mesh.ServiceEntry, rawEntry(i))
		if err != nil {
			b.Fatal(err)
		}
		index.Put(mesh.NewRecord(object))
	}
	rule, _, err := parseDocument([]byte(usualRule))
	if err != nil {
		b.Fatal(err)
	}
	index.Put(mesh.NewRecord(rule))
	evaluator, err := NewEvaluator(Catalogue())
	if err != nil {
		b.Fatal(err)
	}
	federation := usualFederation()
	for _, test := range []struct {
		name     string
		raw      []byte
		findings int
	}{
		{"clean", rawEntry(size + 1), 0},
		{"conflict", bytes.Replace(rawEntry(size/2), []byte(`"team-`), []byte(`"other-`), 1), 1},
	} {
		b.Run(test.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				object, err := mesh.Decode(mesh.ServiceEntry, test.raw)
				if err != nil {
					b.Fatal(err)
				}
				outcome := evaluator.Evaluate(Review{Object: object}, index, federation)
				if len(outcome.Findings) != test.findings {
					b.Fatalf("got %v; want %d findings", outcome.Findings, test.findings)
				}
			}
		})
	}
}
