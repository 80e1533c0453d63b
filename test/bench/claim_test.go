//go:build linux

package bench

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"fedmesh.io/fedmesh/policies/api/v1alpha1"
)

// The namespaces of BenchmarkClaim: in one of them the rules that claim only warn,
// so that nothing is claimed there.
const (
	claimed, unclaimed = "claimed", "unclaimed"
	ruleLabel          = "bench"
)

// BenchmarkClaim measures what a claim adds to writes through the API server. Each
// write is made twice, in turns: in a namespace where FED105 and FED106 deny, so
// that an address and a host are claimed, and in one where they only warn. p50 and
// p99 are what the client waited, added-p50-µs is the difference of the two.
//
// An update that changes an endpoint keeps its keys and so claims nothing in
// either namespace: there the difference is noise.
func BenchmarkClaim(b *testing.B) {
	_, api := startFedmesh(b, 0)
	ctx := b.Context()
	for _, namespace := range []string{claimed, unclaimed} {
		if err := api.Create(ctx, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{
			Name: namespace, Labels: map[string]string{ruleLabel: namespace},
		}}); err != nil {
			b.Fatal(err)
		}
	}
	var federation v1alpha1.Federation
	if err := api.Get(ctx, client.ObjectKey{Name: v1alpha1.FederationName}, &federation); err != nil {
		b.Fatal(err)
	}
	for _, id := range []string{"FED105", "FED106"} {
		federation.Spec.Rules = append(federation.Spec.Rules, v1alpha1.RuleSetting{
			ID: id, Action: v1alpha1.RuleWarn,
			NamespaceSelector: &metav1.LabelSelector{MatchLabels: map[string]string{ruleLabel: unclaimed}},
		})
	}
	if err := api.Update(ctx, &federation); err != nil {
		b.Fatal(err)
	}
	time.Sleep(2 * time.Second) // until it is in force, and the first leader elected

	next := 0
	b.Run("write=create", func(b *testing.B) {
		first := next
		next += b.N
		var waits [2][]time.Duration
		for i := range b.N {
			for n, namespace := range []string{claimed, unclaimed} {
				waits[n] = append(waits[n], timed(b, func(ctx context.Context) error {
					return api.Create(ctx, claimEntry(namespace, 2*(first+i)+n))
				}))
			}
		}
		reportPair(b, waits)
	})
	b.Run("write=update", func(b *testing.B) {
		var waits [2][]time.Duration
		for i := range b.N {
			for n, namespace := range []string{claimed, unclaimed} {
				stored := claimEntry(namespace, n)
				patch := fmt.Appendf(nil, `{"spec":{"endpoints":[{"address":"34.122.11.%d","ports":{"http":15443}}]}}`, i%250)
				waits[n] = append(waits[n], timed(b, func(ctx context.Context) error {
					return api.Patch(ctx, stored, client.RawPatch("application/merge-patch+json", patch))
				}))
			}
		}
		reportPair(b, waits)
	})
}

func timed(b *testing.B, write func(context.Context) error) time.Duration {
	started := time.Now()
	if err := write(b.Context()); err != nil {
		b.Fatal(err)
	}
	return time.Since(started)
}

func reportPair(b *testing.B, waits [2][]time.Duration) {
	slices.Sort(waits[0])
	slices.Sort(waits[1])
	b.ReportMetric(micros(percentile(waits[0], 0.50)), "p50-µs")
	b.ReportMetric(micros(percentile(waits[0], 0.99)), "p99-µs")
	b.ReportMetric(micros(percentile(waits[1], 0.50)), "unclaimed-p50-µs")
	b.ReportMetric(micros(percentile(waits[0], 0.50)-percentile(waits[1], 0.50)), "added-p50-µs")
	b.ReportMetric(0, "ns/op") // of the two together
}

// claimEntry is an entry with a host and an address of its own.
func claimEntry(namespace string, i int) *unstructured.Unstructured {
	entry := entry(i)
	entry.SetNamespace(namespace)
	name := entry.GetName()
	for field, value := range map[string]any{
		"hosts":     []any{name + "." + namespace + ".global"},
		"addresses": []any{netip.AddrFrom4([4]byte{240, 2, byte(i >> 8), byte(i)}).String()},
	} {
		_ = unstructured.SetNestedField(entry.Object, value, "spec", field) // spec is a map
	}
	return entry
}
