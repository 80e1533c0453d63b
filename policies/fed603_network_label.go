package policies

import (
	"fmt"

	"k8s.io/apimachinery/pkg/util/validation/field"

	"fedmesh.io/fedmesh/policies/mesh"
	"fedmesh.io/fedmesh/policies/pods"
)

/*
FED603 network-label: a pod's network is the one that it is in.

Restricted fields of a finished pod:

	metadata.labels[topology.istio.io/network]

Forbidden values: the network of another member, which is not the local one's; one
that differs from ISTIO_META_NETWORK of the injected istio-proxy.

Allowed: a network of no member; none; any beside a variable that is not set, or
whose value comes from valueFrom.
*/
func networkLabel() Rule {
	return Rule{
		ID:         "FED603",
		Name:       "network-label",
		Summary:    "a pod's network label is the local network and the one that its proxy knows",
		Action:     Warn,
		FinalCheck: true,
		Applies:    []mesh.Kind{mesh.Pod},
		Doc: Doc{
			Why: "Istio takes the network of a pod's address from the label, and the one from which the proxy sees others from " +
				"`ISTIO_META_NETWORK`, which its injector derives from the label. With another member's network, clients of this " +
				"cluster are sent to that member's gateway. With two networks, the pod is in one and looks out from the other.",
			Bad: `apiVersion: v1
kind: Pod
metadata:
  name: web
  namespace: foo
  labels: {topology.istio.io/network: network-2}
  annotations: {sidecar.istio.io/status: "{}"}
spec:
  initContainers:
  - name: istio-proxy
    image: istio/proxyv2
    restartPolicy: Always
    env: [{name: ISTIO_META_NETWORK, value: network-2}]
    volumeMounts: [{name: workload-socket, mountPath: /var/run/secrets/workload-spiffe-uds, readOnly: true}]
  containers: [{name: web, image: web}]
  volumes: [{name: workload-socket, csi: {driver: csi.spiffe.io, readOnly: true}}]
` + optedInExample,
			Good: `apiVersion: v1
kind: Pod
metadata:
  name: web
  namespace: foo
  labels: {topology.istio.io/network: network-1}
  annotations: {sidecar.istio.io/status: "{}"}
spec:
  initContainers:
  - name: istio-proxy
    image: istio/proxyv2
    restartPolicy: Always
    env: [{name: ISTIO_META_NETWORK, value: network-1}]
    volumeMounts: [{name: workload-socket, mountPath: /var/run/secrets/workload-spiffe-uds, readOnly: true}]
  containers: [{name: web, image: web}]
  volumes: [{name: workload-socket, csi: {driver: csi.spiffe.io, readOnly: true}}]
` + optedInExample,
			Fix: "Take the label out of the pod template: fedmesh and Istio set it.",
		},
		Check: checkNetworkLabel,
	}
}

func checkNetworkLabel(review Review, view *mesh.View) []Finding {
	pod := review.Object.Pod
	network, _ := pod.Labels.Lookup(NetworkLabel)
	if network == "" || !participates(review, view) {
		return nil
	}
	finding := Finding{
		Field: field.NewPath("metadata", "labels").Key(NetworkLabel),
		Value: network,
		Fix:   "take the label out of the pod template, fedmesh sets it",
	}
	local := view.Federation().Local.Network
	for _, member := range view.Federation().Spec.Members {
		if member.Network == network && network != local {
			finding.Message = fmt.Sprintf("%s is the network of %s, this cluster's is %s: clients here are sent to the gateway of %[2]s",
				pods.Shorten(network), member.Name, local)
			return []Finding{finding}
		}
	}
	for _, proxy := range injectedProxies(pod) {
		// It is empty where it comes from valueFrom.
		if known := proxy.Network.Value; known != "" && known != network {
			finding.Message = fmt.Sprintf("the pod is in %s, and its proxy looks out from %s (%s of %s)",
				pods.Shorten(network), pods.Shorten(known), pods.NetworkVariable, containerField(proxy))
			return []Finding{finding}
		}
	}
	return nil
}
