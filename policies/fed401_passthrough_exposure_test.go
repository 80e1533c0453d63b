package policies

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestPassthroughExposureUpdates(t *testing.T) {
	const head = `apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {name: cross-network-gateway, namespace: istio-system}
spec:
  servers:
`
	server := func(mode, hosts string) string {
		return "  - {port: {number: 15443, name: tls, protocol: TLS}, tls: {mode: " + mode + "}, hosts: [" + hosts + "]}\n"
	}
	for _, test := range []struct {
		name, old, object string
		want              []string
	}{
		{"something else changed", server("AUTO_PASSTHROUGH", "'*'"), server("AUTO_PASSTHROUGH", "'*.global', '*'"),
			[]string{"Warn FED401 spec.servers[0].hosts[1]"}},
		{"widened", server("AUTO_PASSTHROUGH", "'*.global'"), server("AUTO_PASSTHROUGH", "'*.global', '*'"),
			[]string{"Deny FED401 spec.servers[0].hosts[1]"}},
		{"another mode", server("PASSTHROUGH", "'*'"), server("AUTO_PASSTHROUGH", "'*'"),
			[]string{"Deny FED401 spec.servers[0].hosts[0]"}},
		{"narrowed", server("AUTO_PASSTHROUGH", "'*'"), server("AUTO_PASSTHROUGH", "'*.global'"), nil},
	} {
		t.Run(test.name, func(t *testing.T) {
			if diff := cmp.Diff(test.want, summaries(outcomeOfUpdate(t, head+test.old, head+test.object))); diff != "" {
				t.Errorf("findings differ (-want +got):\n%s", diff)
			}
		})
	}
}
