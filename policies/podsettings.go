package policies

import "fedmesh.io/fedmesh/policies/mesh"

// PodSettingsIn returns what the mutation of pods of a namespace depends on.
func PodSettingsIn(namespace string, federation *mesh.Federation, index *mesh.Index) PodSettings {
	return PodSettings{
		Pods:          federation.Spec.Pods,
		Network:       federation.Local.Network,
		RootNetwork:   index.NamespaceLabels(federation.Spec.RootNamespace)[NetworkLabel],
		RootNamespace: federation.Spec.RootNamespace,
		PodSecurity:   index.NamespaceLabels(namespace)[PodSecurityLabel],
	}
}
