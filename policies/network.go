package policies

import (
	"fmt"

	"fedmesh.io/fedmesh/policies/api/v1alpha1"
	"fedmesh.io/fedmesh/policies/pods"
)

// NetworkLabel says which network a pod is in and, on the root namespace, which
// one the mesh is in (istio
// pilot/pkg/serviceregistry/kube/controller/network.go).
const NetworkLabel = "topology.istio.io/network"

// networkLabel is MUT3: the label that says in which network the pod is.
//
// By itself (Auto) fedmesh labels pods only where Istio knows its network, which
// is what the label on the root namespace says
// (pilot/pkg/serviceregistry/kube/controller/controller.go, Network). In a mesh
// that does not know it, a labelled pod is replaced by the gateway for every
// client that has no network (pilot/pkg/xds/endpoints/ep_filters.go,
// EndpointsByNetworkFilter).
//
// Whether pods are labelled is judged before the label that the pod has: Istio's
// injector writes one too (pkg/kube/inject/webhook.go, applyMetadata), and the
// status has to read the same before and after it.
func (m *podMutation) networkLabel() (status string) {
	network, root := m.settings.Network, m.settings.RootNetwork
	switch {
	case m.settings.Pods.NetworkLabel == v1alpha1.NetworkLabelNever:
		return "off: pods.networkLabel is Never"
	case network == "":
		return "skipped: the local member has no network"
	case m.settings.Pods.NetworkLabel == v1alpha1.NetworkLabelAlways:
	case root == "":
		return fmt.Sprintf("skipped: namespace %s has no label %s", m.settings.RootNamespace, NetworkLabel)
	case root != network:
		return fmt.Sprintf("skipped: namespace %s has %s=%s, the local member's network is %s",
			m.settings.RootNamespace, NetworkLabel, pods.Shorten(root), network)
	}
	value, present := m.pod.Labels.Lookup(NetworkLabel)
	if present && value != network {
		return fmt.Sprintf(`kept: the pod sets %s to "%s"`, NetworkLabel, pods.Shorten(value))
	}
	if !present {
		m.label(NetworkLabel, network)
	}
	if m.injected && !m.setProxyNetwork(network) {
		return fmt.Sprintf("applied: %s; kept: container %s takes %s from valueFrom", network, pods.ProxyContainer, pods.NetworkVariable)
	}
	return "applied: " + network
}

// setProxyNetwork tells the proxies of a pod that Istio injected before it had
// the label, whoever gave it that since, and reports whether all could be told.
// Istio takes the network of the pod's address from the label and the
// one from which the proxy sees others from the variable; the injector makes
// them agree (pkg/kube/inject/inject.go, extractClusterAndNetwork and
// updateClusterEnvs), and so does this.
func (m *podMutation) setProxyNetwork(network string) (told bool) {
	told = true
	for i := range m.pod.Containers {
		c := &m.pod.Containers[i]
		if !c.IsProxy() {
			continue
		}
		switch current := c.Network; {
		case !current.Present:
			m.addVariable(c, pods.NetworkVariable, network)
		case current.Reference:
			told = false
			m.warn("container %s: %s comes from valueFrom and is kept; it has to be %s, as the label %s",
				pods.ProxyContainer, pods.NetworkVariable, network, NetworkLabel)
		case current.Value != network:
			m.add(pods.Pointer(c.Path+"/env/", current.Index)+"/value", network) // an empty value may be left out
		}
	}
	return told
}
