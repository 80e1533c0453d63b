package policies

import (
	"encoding/json"
	"testing"

	"github.com/google/go-cmp/cmp"

	"fedmesh.io/fedmesh/policies/api/v1alpha1"
)

func TestNetworkLabel(t *testing.T) {
	const (
		plain     = "{spec: {containers: [{name: web}]}}"
		captured  = "{name: ISTIO_META_DNS_CAPTURE, value: 'true'}"
		unlabeled = "{metadata: {annotations: {sidecar.istio.io/status: '{}'}}, spec: {containers: [{name: web}, {name: istio-proxy, env: "
		labelled  = "{metadata: {labels: {topology.istio.io/network: network-1}, annotations: {sidecar.istio.io/status: '{}'}}, spec: {containers: [{name: istio-proxy, env: "
	)
	always, never := v1alpha1.NetworkLabelAlways, v1alpha1.NetworkLabelNever
	tests := []struct {
		name                       string
		pod                        string
		mode                       v1alpha1.NetworkLabel
		network, root, rootNetwork string
		label                      string // afterwards
		want                       []string
		status                     string
		warns                      bool
	}{
		{name: "Istio knows the network", pod: plain, network: "network-1", rootNetwork: "network-1", label: "network-1", status: "applied: network-1"},
		{name: "Istio knows no network", pod: plain, network: "network-1", status: "skipped: namespace istio-system has no label topology.istio.io/network"},
		{name: "in another root namespace", pod: plain, network: "network-1", root: "mesh", status: "skipped: namespace mesh has no label topology.istio.io/network"},
		{
			name: "Istio knows another network", pod: plain, network: "network-1", rootNetwork: "network-2",
			status: "skipped: namespace istio-system has topology.istio.io/network=network-2, the local member's network is network-1",
		},
		{name: "always", pod: plain, mode: always, network: "network-1", label: "network-1", status: "applied: network-1"},
		{name: "never", pod: plain, mode: never, network: "network-1", rootNetwork: "network-1", status: "off: pods.networkLabel is Never"},
		{name: "no network", pod: plain, mode: always, status: "skipped: the local member has no network"},
		{
			name: "the user's label", pod: "{metadata: {labels: {topology.istio.io/network: mine}}, spec: {containers: [{name: web}]}}",
			network: "network-1", rootNetwork: "network-1", label: "mine", status: `kept: the pod sets topology.istio.io/network to "mine"`,
		},
		{
			name: "the user's empty label", pod: "{metadata: {labels: {topology.istio.io/network: ''}}, spec: {containers: [{name: web}]}}",
			network: "network-1", rootNetwork: "network-1", status: `kept: the pod sets topology.istio.io/network to ""`,
		},
		{
			name: "Istio's label where Istio knows no network", pod: labelled + "[" + captured + "]}]}}",
			network: "network-1", label: "network-1", status: "skipped: namespace istio-system has no label topology.istio.io/network",
		},
		{
			name: "injected in another network", pod: unlabeled + "[" + captured + ", {name: ISTIO_META_NETWORK, value: network-9}]}]}}",
			network: "network-1", rootNetwork: "network-1", label: "network-1", status: "applied: network-1",
			want: []string{`add /spec/containers/1/env/1/value "network-1"`},
		},
		{
			name: "injected in no network", pod: unlabeled + "[" + captured + "]}]}}",
			network: "network-1", rootNetwork: "network-1", label: "network-1", status: "applied: network-1",
			want: []string{`add /spec/containers/1/env/- {"name":"ISTIO_META_NETWORK","value":"network-1"}`},
		},
		{
			name: "injected in a network that is empty", pod: unlabeled + "[" + captured + ", {name: ISTIO_META_NETWORK}]}]}}",
			network: "network-1", rootNetwork: "network-1", label: "network-1", status: "applied: network-1",
			want: []string{`add /spec/containers/1/env/1/value "network-1"`},
		},
		{
			name: "injected twice over", pod: unlabeled + "[" + captured + ", {name: ISTIO_META_NETWORK, value: network-1}, {name: ISTIO_META_NETWORK, value: network-9}]}]}}",
			network: "network-1", rootNetwork: "network-1", label: "network-1", status: "applied: network-1",
			want: []string{`add /spec/containers/1/env/2/value "network-1"`},
		},
		{
			name: "injected in this network", pod: unlabeled + "[" + captured + ", {name: ISTIO_META_NETWORK, value: network-1}]}]}}",
			network: "network-1", rootNetwork: "network-1", label: "network-1", status: "applied: network-1",
		},
		{
			name: "labelled after injection", pod: labelled + "[" + captured + ", {name: ISTIO_META_NETWORK, value: network-9}]}]}}",
			network: "network-1", rootNetwork: "network-1", label: "network-1", status: "applied: network-1",
			want: []string{`add /spec/containers/0/env/1/value "network-1"`},
		},
		{
			name: "labelled after injection in no network", pod: labelled + "[" + captured + "]}]}}",
			network: "network-1", rootNetwork: "network-1", label: "network-1", status: "applied: network-1",
			want: []string{`add /spec/containers/0/env/- {"name":"ISTIO_META_NETWORK","value":"network-1"}`},
		},
		{
			name: "labelled as it was injected", pod: labelled + "[" + captured + ", {name: ISTIO_META_NETWORK, value: network-1}]}]}}",
			network: "network-1", rootNetwork: "network-1", label: "network-1", status: "applied: network-1",
		},
		{
			name: "the user's label on an injected pod", pod: "{metadata: {labels: {topology.istio.io/network: mine}, annotations: {sidecar.istio.io/status: '{}'}}, spec: {containers: [{name: istio-proxy, env: [" + captured + ", {name: ISTIO_META_NETWORK, value: network-9}]}]}}",
			network: "network-1", rootNetwork: "network-1", label: "mine", status: `kept: the pod sets topology.istio.io/network to "mine"`,
		},
		{
			name: "not injected yet", pod: "{spec: {containers: [{name: istio-proxy, image: auto, env: [{name: ISTIO_META_NETWORK, value: network-9}]}]}}",
			network: "network-1", rootNetwork: "network-1", label: "network-1", status: "applied: network-1",
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			settings := PodSettings{Network: test.network, RootNamespace: test.root, RootNetwork: test.rootNetwork}
			settings.Pods.NetworkLabel = test.mode
			settings.Pods.WorkloadSocket.Type = v1alpha1.WorkloadSocketNone
			patch, patched := mutate(t, toJSON(t, test.pod), settings)
			if diff := cmp.Diff(test.want, onSpecification(t, patch)); diff != "" {
				t.Errorf("operations differ (-want +got):\n%s", diff)
			}
			if got := labelOf(t, patched, NetworkLabel); got != test.label {
				t.Errorf("label: got %q, want %q", got, test.label)
			}
			if got := statusOf(t, patched)["network-label"]; got != test.status {
				t.Errorf("status: got %q, want %q", got, test.status)
			}
			if patch.Warnings != nil {
				t.Errorf("warnings: got %q, want none", patch.Warnings)
			}
		})
	}
}

// TestNetworkReference: a variable that comes from elsewhere is kept, and the
// user is told.
func TestNetworkReference(t *testing.T) {
	pod := "{metadata: {annotations: {sidecar.istio.io/status: '{}'}}, spec: {containers: [{name: istio-proxy, env: [{name: ISTIO_META_NETWORK, valueFrom: {fieldRef: {fieldPath: metadata.name}}}]}]}}"
	patch, patched := mutate(t, toJSON(t, pod), testSettings())
	want := []string{"container istio-proxy: ISTIO_META_NETWORK comes from valueFrom and is kept; it has to be network-1, as the label topology.istio.io/network"}
	if diff := cmp.Diff(want, patch.Warnings); diff != "" {
		t.Errorf("warnings differ (-want +got):\n%s", diff)
	}
	if got, want := statusOf(t, patched)["network-label"], "applied: network-1; kept: container istio-proxy takes ISTIO_META_NETWORK from valueFrom"; got != want {
		t.Errorf("status: got %q, want %q", got, want)
	}
}

func labelOf(t testing.TB, pod []byte, key string) string {
	t.Helper()
	var decoded struct {
		Metadata struct{ Labels map[string]string }
	}
	if err := json.Unmarshal(pod, &decoded); err != nil {
		t.Fatal(err)
	}
	return decoded.Metadata.Labels[key]
}
