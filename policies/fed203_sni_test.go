package policies

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestSNIUpdates(t *testing.T) {
	const old = ruleHead + `
  host: httpbin.bar.global
  trafficPolicy: {tls: {mode: ISTIO_MUTUAL}}
  subsets:
  - {name: v1, trafficPolicy: {tls: {mode: ISTIO_MUTUAL, sni: httpbin.bar.global}}}
`
	const object = ruleHead + `
  host: httpbin.bar.global
  trafficPolicy: {tls: {mode: ISTIO_MUTUAL}}
  subsets:
  - {name: v2, trafficPolicy: {tls: {mode: ISTIO_MUTUAL, sni: httpbin.bar.global}}}
  - {name: v1, trafficPolicy: {tls: {mode: ISTIO_MUTUAL, sni: httpbin.bar.global}}}
`
	want := []string{"Deny FED203 spec.subsets[0].trafficPolicy.tls.sni", "Warn FED203 spec.subsets[1].trafficPolicy.tls.sni"}
	if diff := cmp.Diff(want, summaries(outcomeOfUpdate(t, old, object))); diff != "" {
		t.Errorf("findings differ (-want +got):\n%s", diff)
	}
}

func TestIsClusterSNI(t *testing.T) {
	for sni, want := range map[string]bool{
		"outbound_.8000_._.httpbin.bar.svc.cluster.local": true,
		"outbound_.8000_.v2_.httpbin.bar.global":          true,
		"outbound_.65535_._.httpbin.bar.global":           true,
		"outbound_.0_._.httpbin.bar.global":               false,
		"outbound_.65536_._.httpbin.bar.global":           false,
		"outbound_._._.httpbin.bar.global":                false,
		"outbound_.8000_._.httpbin":                       false,
		"outbound_.8000_._.Httpbin.bar.global":            false,
		"outbound_.8000_._.httpbin.bar.global.":           false,
		"outbound_.8000_._.v2_.httpbin.bar.global":        false,
		"outbound_.8000_._.":                              false,
		"outbound_.8000_.httpbin.bar.global":              false,
		"OUTBOUND_.8000_._.httpbin.bar.global":            false,
		"httpbin.bar.global":                              false,
		"":                                                false,
	} {
		if got := isClusterSNI(sni); got != want {
			t.Errorf("isClusterSNI(%q) = %t; want %t", sni, got, want)
		}
	}
}
