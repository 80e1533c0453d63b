package policies

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"fedmesh.io/fedmesh/policies/api/v1alpha1"
	"fedmesh.io/fedmesh/policies/pods"
)

const addCSIVolume = `{"name":"workload-socket","csi":{"driver":"csi.spiffe.io","readOnly":true}}`

const addMount = `{"name":"workload-socket","mountPath":"/var/run/secrets/workload-spiffe-uds","readOnly":true}`

// injectedPod is a pod of Istio's with the given parts in it. All but the
// socket is as it should be.
func injectedPod(proxy, spec string) string {
	return `
metadata:
  labels: {topology.istio.io/network: network-1, spiffe.io/spire-managed-identity: "true"}
  annotations:
    sidecar.istio.io/status: "{}"
    proxy.istio.io/config: '{"proxyMetadata":{"ISTIO_META_DNS_CAPTURE":"true"}}'
spec:
  containers:
  - name: web
  initContainers:
  - name: istio-proxy
    image: istio/proxyv2:1.31.0
    env: [{name: ISTIO_META_DNS_CAPTURE, value: "true"}, {name: ISTIO_META_NETWORK, value: network-1}]
` + proxy + spec
}

func TestWorkloadSocket(t *testing.T) {
	const (
		noMounts   = "    volumeMounts: []\n"
		istioMount = "    volumeMounts: [{name: workload-socket, mountPath: /var/run/secrets/workload-spiffe-uds}]\n"
		goodMount  = "    volumeMounts: [{name: workload-socket, mountPath: /var/run/secrets/workload-spiffe-uds, readOnly: true}]\n"
		emptyDir   = "  volumes: [{name: workload-socket, emptyDir: {}}]\n"
		goodVolume = "  volumes: [{name: workload-socket, csi: {driver: csi.spiffe.io, readOnly: true}}]\n"

		applied = "applied: CSI driver csi.spiffe.io"
		waiting = "waiting: no injected istio-proxy container"

		mounts = "/spec/initContainers/0/volumeMounts"
	)
	addCSI := []string{
		`remove /spec/volumes/0/emptyDir`,
		`add /spec/volumes/0/csi {"driver":"csi.spiffe.io","readOnly":true}`,
	}
	hostPath := v1alpha1.WorkloadSocket{Type: v1alpha1.WorkloadSocketHostPath, Path: "/run/spire/sockets"}
	tests := []struct {
		name   string
		pod    string
		source v1alpha1.WorkloadSocket
		want   []string
		status string
		kept   bool // and FED601 says so of the result
	}{
		{
			name: "as Istio injects it", pod: injectedPod(istioMount, emptyDir), status: applied,
			want: append([]string{"add " + mounts + "/0/readOnly true"}, addCSI...),
		},
		{name: "as it should be", pod: injectedPod(goodMount, goodVolume), status: applied},
		{
			name: "no lists at all", pod: injectedPod("", ""), status: applied,
			want: []string{"add " + mounts + " [" + addMount + "]", "add /spec/volumes [" + addCSIVolume + "]"},
		},
		{
			name: "empty lists", pod: injectedPod(noMounts, "  volumes: []\n"), status: applied,
			want: []string{"add " + mounts + "/- " + addMount, "add /spec/volumes/- " + addCSIVolume},
		},
		{
			name: "other mounts and volumes", status: applied,
			pod:  injectedPod("    volumeMounts: [{name: istio-data, mountPath: /var/lib/istio/data}]\n", "  volumes: [{name: istio-data, emptyDir: {}}]\n"),
			want: []string{"add " + mounts + "/- " + addMount, "add /spec/volumes/- " + addCSIVolume},
		},
		{
			name: "volume without a source", pod: injectedPod(goodMount, "  volumes: [{name: workload-socket}]\n"), status: applied,
			want: []string{`add /spec/volumes/0/csi {"driver":"csi.spiffe.io","readOnly":true}`},
		},
		{
			name: "volume with a null source", pod: injectedPod(goodMount, "  volumes: [{name: workload-socket, emptyDir: null, hostPath: null, csi: null}]\n"), status: applied,
			want: []string{`add /spec/volumes/0/csi {"driver":"csi.spiffe.io","readOnly":true}`},
		},
		{
			name: "volume with both sources, as old gateway templates leave it", status: applied,
			pod:  injectedPod(goodMount, "  volumes: [{name: other, emptyDir: {}}, {name: workload-socket, emptyDir: {}, csi: {driver: csi.spiffe.io, readOnly: true}}]\n"),
			want: []string{`remove /spec/volumes/1/emptyDir`},
		},
		{
			name: "writable volume of the driver", pod: injectedPod(goodMount, "  volumes: [{name: workload-socket, csi: {driver: csi.spiffe.io, volumeAttributes: {a: b}}}]\n"), status: applied,
			want: []string{`add /spec/volumes/0/csi/readOnly true`},
		},
		{
			name: "explicitly writable volume of the driver", pod: injectedPod(goodMount, "  volumes: [{name: workload-socket, csi: {driver: csi.spiffe.io, readOnly: false}}]\n"), status: applied,
			want: []string{`add /spec/volumes/0/csi/readOnly true`},
		},
		{
			name: "another driver", pod: injectedPod(goodMount, "  volumes: [{name: workload-socket, csi: {driver: spiffe.csi.cert-manager.io}}]\n"), kept: true,
			status: "kept: volume workload-socket is CSI driver spiffe.csi.cert-manager.io, not CSI driver csi.spiffe.io",
		},
		{
			name: "a directory of the node", pod: injectedPod(istioMount, "  volumes: [{name: workload-socket, hostPath: {path: /run/spire}}]\n"), kept: true,
			want:   []string{"add " + mounts + "/0/readOnly true"},
			status: "kept: volume workload-socket is hostPath /run/spire, not CSI driver csi.spiffe.io",
		},
		{
			name: "a source that nobody knows yet", pod: injectedPod(goodMount, "  volumes: [{name: workload-socket, fromTheFuture: {}, emptyDir: {}}]\n"), kept: true,
			status: "kept: volume workload-socket is fromTheFuture, not CSI driver csi.spiffe.io",
		},
		{
			name: "the driver and a directory of the node", pod: injectedPod(goodMount, "  volumes: [{name: workload-socket, csi: {driver: csi.spiffe.io, readOnly: true}, hostPath: {path: /run/spire}}]\n"), kept: true,
			status: "kept: volume workload-socket is hostPath /run/spire, not CSI driver csi.spiffe.io",
		},
		{
			name: "mount of Istio's documentation", pod: injectedPod("    volumeMounts: [{name: workload-socket, mountPath: /run/secrets/workload-spiffe-uds/, readOnly: true}]\n", goodVolume), status: applied,
			want: []string{"replace " + mounts + `/0/mountPath "/var/run/secrets/workload-spiffe-uds"`},
		},
		{
			name: "mounts of template and documentation", status: applied,
			pod: injectedPod("    volumeMounts: [{name: a, mountPath: /a}, {name: workload-socket, mountPath: /run/secrets/workload-spiffe-uds, readOnly: true},"+
				" {name: b, mountPath: /b}, {name: workload-socket, mountPath: /var/run/secrets/workload-spiffe-uds}, {name: workload-socket, mountPath: /var/run/secrets/../secrets/workload-spiffe-uds}]\n", goodVolume),
			want: []string{"add " + mounts + "/3/readOnly true", "remove " + mounts + "/4", "remove " + mounts + "/1"},
		},
		{
			name: "the volume mounted elsewhere too", status: applied,
			pod: injectedPod("    volumeMounts: [{name: workload-socket, mountPath: /spiffe}, {name: workload-socket, mountPath: /var/run/secrets/workload-spiffe-uds, readOnly: true}]\n", goodVolume),
		},
		{
			name: "another volume of the same source in its place", status: applied,
			pod:  injectedPod("    volumeMounts: [{name: spire, mountPath: /run/secrets/workload-spiffe-uds, subPath: x}]\n", "  volumes: [{name: spire, csi: {driver: csi.spiffe.io, readOnly: true}}]\n"),
			want: []string{"replace " + mounts + "/0 " + addMount, "add /spec/volumes/- " + addCSIVolume},
		},
		{
			name: "a part of the volume", status: applied,
			pod:  injectedPod("    volumeMounts: [{name: workload-socket, mountPath: /var/run/secrets/workload-spiffe-uds, readOnly: true, subPath: x}]\n", goodVolume),
			want: []string{"replace " + mounts + "/0 " + addMount},
		},
		{
			name: "a part of the volume, as a variable says, and the volume", status: applied,
			pod: injectedPod("    volumeMounts: [{name: workload-socket, mountPath: /run/secrets/workload-spiffe-uds, readOnly: true},"+
				" {name: workload-socket, mountPath: /var/run/secrets/workload-spiffe-uds, subPathExpr: $(POD), subPath: ''}]\n", goodVolume),
			want: []string{"replace " + mounts + "/1 " + addMount, "remove " + mounts + "/0"},
		},
		{
			name: "no part of the volume", status: applied,
			pod: injectedPod("    volumeMounts: [{name: workload-socket, mountPath: /var/run/secrets/workload-spiffe-uds, readOnly: true, subPath: '', subPathExpr: null}]\n", goodVolume),
		},
		{
			name: "the user's own volume in its place", kept: true,
			pod: injectedPod("    volumeMounts: [{name: workload-socket, mountPath: /var/run/secrets/workload-spiffe-uds}, {name: spire, mountPath: /run/secrets/workload-spiffe-uds}]\n",
				"  volumes: [{name: workload-socket, emptyDir: {}}, {name: spire, hostPath: {path: /run/spire}}]\n"),
			want:   []string{"remove " + mounts + "/0"},
			status: "kept: volume spire is hostPath /run/spire, not CSI driver csi.spiffe.io",
		},
		{
			name: "classic sidecar", status: applied,
			pod:  "{metadata: {annotations: {sidecar.istio.io/status: x}}, spec: {containers: [{name: web}, {name: istio-proxy, env: [{name: ISTIO_META_DNS_CAPTURE, value: 'true'}, {name: ISTIO_META_NETWORK, value: network-1}]}]}}",
			want: []string{"add /spec/containers/1/volumeMounts [" + addMount + "]", "add /spec/volumes [" + addCSIVolume + "]"},
		},
		{
			name: "two of them, as the SPIRE template makes with native sidecars", status: applied,
			pod: injectedPod(goodMount, "") + "  containers: [{name: istio-proxy, env: [{name: ISTIO_META_DNS_CAPTURE, value: 'true'}, {name: ISTIO_META_NETWORK, value: network-1}], volumeMounts: [{name: workload-socket, mountPath: /run/secrets/workload-spiffe-uds, readOnly: true}]}]\n",
			want: []string{
				`replace /spec/containers/0/volumeMounts/0/mountPath "/var/run/secrets/workload-spiffe-uds"`,
				"add /spec/volumes [" + addCSIVolume + "]",
			},
		},
		{
			name: "injected by hand, without the annotation", status: applied,
			pod:  "{spec: {containers: [{name: istio-proxy, image: proxy, env: [{name: ISTIO_META_DNS_CAPTURE, value: 'true'}, {name: ISTIO_META_NETWORK, value: network-1}]}]}}",
			want: []string{"add /spec/containers/0/volumeMounts [" + addMount + "]", "add /spec/volumes [" + addCSIVolume + "]"},
		},
		{name: "override with image auto", pod: "{spec: {containers: [{name: istio-proxy, image: auto}]}}", status: waiting},
		{name: "override without an image", pod: "{spec: {containers: [{name: web}], initContainers: [{name: istio-proxy}]}}", status: waiting},
		{name: "not injected", pod: "{spec: {containers: [{name: web, image: x}], volumes: [{name: workload-socket, emptyDir: {}}]}}", status: waiting},
		{name: "injected without a proxy", pod: "{metadata: {annotations: {sidecar.istio.io/status: '{}'}}, spec: {containers: [{name: web, image: x}]}}", status: waiting},
		{
			name: "none wanted", pod: injectedPod(istioMount, emptyDir), source: v1alpha1.WorkloadSocket{Type: v1alpha1.WorkloadSocketNone},
			status: "off: pods.workloadSocket is None",
		},
		{
			name: "driver of another name", pod: injectedPod(goodMount, emptyDir), source: v1alpha1.WorkloadSocket{CSIDriver: "spire.example.com"},
			want:   []string{`remove /spec/volumes/0/emptyDir`, `add /spec/volumes/0/csi {"driver":"spire.example.com","readOnly":true}`},
			status: "applied: CSI driver spire.example.com",
		},
		{
			name: "node directory wanted", pod: injectedPod(goodMount, ""), source: hostPath,
			want:   []string{`add /spec/volumes [{"name":"workload-socket","hostPath":{"path":"/run/spire/sockets","type":"Directory"}}]`},
			status: "applied: hostPath /run/spire/sockets",
		},
		{
			name: "node directory wanted and there", pod: injectedPod(goodMount, "  volumes: [{name: workload-socket, hostPath: {path: /run/spire/sockets/, type: ''}}]\n"), source: hostPath,
			status: "applied: hostPath /run/spire/sockets",
		},
		{
			name: "node directory wanted, driver there", pod: injectedPod(goodMount, goodVolume), source: hostPath, kept: true,
			status: "kept: volume workload-socket is CSI driver csi.spiffe.io, not hostPath /run/spire/sockets",
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			settings := testSettings()
			settings.Pods.WorkloadSocket = test.source
			patch, patched := mutate(t, toJSON(t, test.pod), settings)
			if diff := cmp.Diff(test.want, onSpecification(t, patch)); diff != "" {
				t.Errorf("operations differ (-want +got):\n%s", diff)
			}
			if got := statusOf(t, patched)["workload-socket"]; got != test.status {
				t.Errorf("status: got %q, want %q", got, test.status)
			}
			decoded, err := pods.Decode(patched)
			if err != nil {
				t.Fatal(err)
			}
			source := settings.withDefaults().Pods.WorkloadSocket
			if got := socketFindings(decoded, source); source.Type != v1alpha1.WorkloadSocketNone && len(got) > 0 != test.kept {
				t.Errorf("findings of FED601 on the result: got %v, want any: %t", got, test.kept)
			}
		})
	}
}
