package policies

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestPassthroughNamespaceBesideExposure: where the rule for the host * is off,
// nothing else says that the namespace does not restrict it.
func TestPassthroughNamespaceBesideExposure(t *testing.T) {
	const gateway = `apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {name: cross-network-gateway, namespace: istio-system}
spec:
  servers:
  - port: {number: 15443, name: tls, protocol: TLS}
    tls: {mode: AUTO_PASSTHROUGH}
    hosts: [bar/*]
`
	for name, test := range map[string]struct {
		context string
		want    []string
	}{
		"usually": {"", []string{"Deny FED401 spec.servers[0].hosts[0]"}},
		"off":     {federationYAML("rules: [{id: FED401, action: 'Off'}]"), []string{"Warn FED405 spec.servers[0].hosts[0]"}},
	} {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(test.want, summaries(evaluate(t, Catalogue(), "", gateway, test.context))); diff != "" {
				t.Errorf("findings differ (-want +got):\n%s", diff)
			}
		})
	}
}
