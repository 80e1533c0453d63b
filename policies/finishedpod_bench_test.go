package policies

import (
	"strings"
	"testing"

	"fedmesh.io/fedmesh/policies/mesh"
)

// BenchmarkFinishedPod is a pod as fedmesh leaves it, from raw JSON to the outcome.
func BenchmarkFinishedPod(b *testing.B) {
	_, pod := mutate(b, recordedPod(b, "usual.before"), testSettings())
	index := mesh.NewIndex()
	for _, document := range []string{strings.TrimPrefix(optedInExample, "---\n"), usualEntry()} {
		object, _, err := parseDocument([]byte(document))
		if err != nil {
			b.Fatal(err)
		}
		index.Put(mesh.NewRecord(object))
	}
	evaluator, err := NewEvaluator(Catalogue())
	if err != nil {
		b.Fatal(err)
	}
	federation := usualFederation()
	b.SetBytes(int64(len(pod)))
	b.ReportAllocs()
	for b.Loop() {
		object, err := mesh.Decode(mesh.Pod, pod)
		if err != nil {
			b.Fatal(err)
		}
		object.Namespace = "foo"
		if outcome := evaluator.Evaluate(Review{Object: object}, index, federation); len(outcome.Findings) > 0 {
			b.Fatalf("got %v; want silence", outcome.Findings)
		}
	}
}
