package policies

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestNetworkLabelOfSeveralProxies: one that disagrees is enough, and one finding
// is, too.
func TestNetworkLabelOfSeveralProxies(t *testing.T) {
	pod := func(first, second string) string {
		return `
apiVersion: v1
kind: Pod
metadata: {name: web, namespace: foo, labels: {topology.istio.io/network: network-1}, annotations: {sidecar.istio.io/status: "{}"}}
spec:
  initContainers: [{name: istio-proxy, image: x, env: [{name: ISTIO_META_NETWORK, value: ` + first + `}]}]
  containers: [{name: istio-proxy, image: x, env: [{name: ISTIO_META_NETWORK, value: ` + second + `}, {name: ISTIO_META_NETWORK, value: ` + second + `}]}]
`
	}
	for name, test := range map[string]struct {
		pod  string
		want []string
	}{
		"agree":          {pod("network-1", "network-1"), nil},
		"the second":     {pod("network-1", "network-2"), []string{"Warn FED603 metadata.labels[topology.istio.io/network]"}},
		"both":           {pod("edge", "network-2"), []string{"Warn FED603 metadata.labels[topology.istio.io/network]"}},
		"first is empty": {pod(`""`, "edge"), []string{"Warn FED603 metadata.labels[topology.istio.io/network]"}},
	} {
		t.Run(name, func(t *testing.T) {
			got := summaries(evaluate(t, []Rule{networkLabel()}, "", test.pod, optedInExample[len("---\n"):]))
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("findings differ (-want +got):\n%s", diff)
			}
		})
	}
}
