package policies

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestRulePeerIdentityUpdates: levels of a rule have the same field but for
// indices, and a name in another of them is a new mistake.
func TestRulePeerIdentityUpdates(t *testing.T) {
	const old = ruleHead + `
  host: httpbin.bar.global
  trafficPolicy: {tls: {mode: ISTIO_MUTUAL}}
  subsets:
  - {name: v1, trafficPolicy: {tls: {mode: ISTIO_MUTUAL, subjectAltNames: [spiffe://baz.com/a]}}}
`
	const object = ruleHead + `
  host: httpbin.bar.global
  trafficPolicy: {tls: {mode: ISTIO_MUTUAL}}
  subsets:
  - {name: v2, trafficPolicy: {tls: {mode: ISTIO_MUTUAL, subjectAltNames: [spiffe://baz.com/a]}}}
  - {name: v1, trafficPolicy: {tls: {mode: ISTIO_MUTUAL, subjectAltNames: [spiffe://bar.com/a, spiffe://baz.com/a]}}}
`
	want := []string{
		"Deny FED209 spec.subsets[0].trafficPolicy.tls.subjectAltNames[0]",
		"Warn FED209 spec.subsets[1].trafficPolicy.tls.subjectAltNames[1]",
	}
	if diff := cmp.Diff(want, summaries(outcomeOfUpdate(t, old, object))); diff != "" {
		t.Errorf("findings differ (-want +got):\n%s", diff)
	}
}
