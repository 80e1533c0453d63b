package policies

import (
	"fmt"
	"testing"

	"fedmesh.io/fedmesh/policies/mesh"
)

// BenchmarkEvaluateWildcard evaluates objects about "*.global", which every entry
// of the mesh is under. The rule for the whole mesh and the Sidecar that imports
// are what all meshes have; the others ask until something is found, or, the last
// of each kind, until the end.
func BenchmarkEvaluateWildcard(b *testing.B) {
	evaluator, err := NewEvaluator(Catalogue())
	if err != nil {
		b.Fatal(err)
	}
	federation := usualFederation()
	tests := []struct {
		name      string
		kind      mesh.Kind
		namespace string
		spec      string
		findings  int
	}{
		{"DestinationRule/mutual", mesh.DestinationRule, "team-1",
			`{"host": "*.global", "trafficPolicy": {"tls": {"mode": "ISTIO_MUTUAL"}}}`, 0},
		{"DestinationRule/disabled", mesh.DestinationRule, "team-1",
			`{"host": "*.global", "trafficPolicy": {"tls": {"mode": "DISABLE"}}}`, 1},
		{"DestinationRule/unused port", mesh.DestinationRule, "team-1",
			`{"host": "*.global", "trafficPolicy": {"tls": {"mode": "ISTIO_MUTUAL"}, "portLevelSettings": [{"port": {"number": 15443}, "tls": {"mode": "DISABLE"}}]}}`, 1},
		{"Sidecar/imports", mesh.Sidecar, "team-1", `{"egress": [{"hosts": ["./*.global"]}]}`, 0},
		{"Sidecar/imports nothing", mesh.Sidecar, "clients", `{"egress": [{"hosts": ["./*.global"]}]}`, 1},
	}
	for _, size := range []int{1_000, 10_000, 100_000} {
		index := mesh.NewIndex()
		for i := range size {
			object, err := mesh.Decode(mesh.ServiceEntry, rawEntry(i))
			if err != nil {
				b.Fatal(err)
			}
			index.Put(mesh.NewRecord(object))
		}
		for _, test := range tests {
			b.Run(fmt.Sprintf("%s/%d", test.name, size), func(b *testing.B) {
				object, err := mesh.Decode(test.kind, fmt.Appendf(nil, `{"metadata": {"name": "global", "namespace": %q}, "spec": %s}`, test.namespace, test.spec))
				if err != nil {
					b.Fatal(err)
				}
				b.ReportAllocs()
				for b.Loop() {
					outcome := evaluator.Evaluate(Review{Object: object}, index, federation)
					if len(outcome.Findings) != test.findings {
						b.Fatalf("got %v; want %d findings", outcome.Findings, test.findings)
					}
				}
			})
		}
	}
}
