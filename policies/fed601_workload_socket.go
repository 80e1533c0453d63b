package policies

import (
	"fmt"
	"path"
	"strings"

	"fedmesh.io/fedmesh/policies/api/v1alpha1"
	"fedmesh.io/fedmesh/policies/mesh"
	"fedmesh.io/fedmesh/policies/pods"
)

const workloadSocketID = "FED601"

/*
FED601 workload-socket: the proxy finds SPIRE's socket where it looks for it.

Restricted fields of a finished pod with an injected istio-proxy:

	spec.containers[*], spec.initContainers[*], of the name istio-proxy
	spec.volumes[*]

Forbidden values: no mount at /var/run/secrets/workload-spiffe-uds (or
/run/secrets/workload-spiffe-uds, which is the same place in Istio's images); a
mount of a part of a volume; a volume that is not the source of the Federation's
pods.workloadSocket; a hostPath that is mounted to be written to; a second
container istio-proxy without an image beside a native sidecar.

Allowed: everything when pods.workloadSocket is None.
*/
func workloadSocket() Rule {
	return Rule{
		ID:         workloadSocketID,
		Name:       "workload-socket",
		Summary:    "an injected proxy has the SPIFFE Workload API socket of the configured source",
		Action:     Warn,
		FinalCheck: true,
		Applies:    []mesh.Kind{mesh.Pod},
		Doc: Doc{
			Why: "Without the socket at start-up the agent in `istio-proxy` serves that path itself, with a certificate of Istio's own " +
				"authority, and says nothing. The pod gets ready with an identity that no other member of the federation trusts. " +
				"With native sidecars, Istio's documented `spire` template for `containers` leaves a second container `istio-proxy` " +
				"without an image, and the API server refuses the pod.",
			Bad: `apiVersion: v1
kind: Pod
metadata: {name: web, namespace: foo, annotations: {sidecar.istio.io/status: "{}"}}
spec:
  initContainers:
  - name: istio-proxy
    image: istio/proxyv2
    restartPolicy: Always
    volumeMounts: [{name: workload-socket, mountPath: /var/run/secrets/workload-spiffe-uds}]
  containers: [{name: web, image: web}]
  volumes: [{name: workload-socket, emptyDir: {}}]
` + optedInExample,
			Good: `apiVersion: v1
kind: Pod
metadata: {name: web, namespace: foo, annotations: {sidecar.istio.io/status: "{}"}}
` + injectedExample + optedInExample,
			Fix: "Create the pod again while fedmesh's mutating webhook is called: it provides the socket. Take templates and volumes for " +
				"the socket that are not fedmesh's out of the pod, or say in the Federation's `pods.workloadSocket` that they are wanted.",
		},
		Check: checkWorkloadSocket,
	}
}

func checkWorkloadSocket(review Review, view *mesh.View) []Finding {
	source := view.Federation().Spec.Pods.WorkloadSocket
	if source.Type == v1alpha1.WorkloadSocketNone || !participates(review, view) {
		return nil
	}
	findings := socketFindings(review.Object.Pod, source)
	if second := leftover(review.Object.Pod); second != nil {
		findings = append(findings, leftoverFinding(review.Object.Pod, second))
	}
	return findings
}

// socketFindings says which proxies will not find the configured socket.
func socketFindings(pod *pods.Pod, source v1alpha1.WorkloadSocket) []Finding {
	var findings []Finding
	for _, proxy := range injectedProxies(pod) {
		if finding, found := socketFinding(pod, proxy, source); found {
			findings = append(findings, finding)
		}
	}
	return findings
}

func socketFinding(pod *pods.Pod, proxy *pods.Container, source v1alpha1.WorkloadSocket) (Finding, bool) {
	const fallback = "the proxy takes Istio's identity, not SPIRE's"
	if len(proxy.SocketMounts) == 0 {
		return Finding{
			Field:   containerField(proxy).Child("volumeMounts"),
			Message: "nothing is mounted at " + pods.SocketDirectory + ": " + fallback,
			Fix:     "create the pod again, fedmesh mounts the socket",
		}, true
	}
	mount := effectiveMount(proxy.SocketMounts)
	mountField := containerField(proxy).Child("volumeMounts").Index(mount.Index)
	volume := pod.Volume(mount.Volume)
	switch {
	case volume == nil: // the API server refuses it
		return Finding{}, false
	case isForeign(volume, source):
		return Finding{
			Field: spec().Child("volumes").Index(volume.Index),
			Value: describeVolume(volume),
			Message: fmt.Sprintf("volume %s is %s, and SPIRE's socket is to come from %s",
				pods.Shorten(mount.Volume), describeVolume(volume), describeSource(source)),
			Fix: "take the volume out of the pod, or change pods.workloadSocket",
		}, true
	case !isSource(volume, source):
		return Finding{
			Field:   spec().Child("volumes").Index(volume.Index),
			Value:   describeVolume(volume),
			Message: fmt.Sprintf("volume %s is %s, not %s: %s", pods.Shorten(mount.Volume), describeVolume(volume), describeSource(source), fallback),
			Fix:     "create the pod again, fedmesh provides the volume",
		}, true
	case mount.Part:
		return Finding{
			Field:   mountField,
			Value:   mount.Volume,
			Message: "a path within the volume is mounted, where there is no socket: " + fallback,
			Fix:     "mount the volume itself, without subPath",
		}, true
	case volume.HostPath && !mount.ReadOnly:
		return Finding{
			Field:   mountField.Child("readOnly"),
			Value:   "false",
			Message: "a directory of the node can be written to: while SPIRE's agent is away, a proxy serves Istio's certificates there for all pods",
			Fix:     "set readOnly: true",
		}, true
	}
	return Finding{}, false
}

// effectiveMount returns the mount that the proxy sees. Where there are two, at
// /run and at /var/run, runtimes mount the path of fewer steps first (containerd
// internal/cri/opts, orderedMounts), and the other one, which leads to the same
// place, lies over it.
func effectiveMount(mounts []pods.Mount) pods.Mount {
	steps := func(mount pods.Mount) int { return strings.Count(path.Clean(mount.Path), "/") }
	effective := mounts[0]
	for _, mount := range mounts[1:] {
		if steps(mount) >= steps(effective) {
			effective = mount
		}
	}
	return effective
}
