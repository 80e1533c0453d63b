package policies

import (
	"slices"

	"fedmesh.io/fedmesh/policies/api/v1alpha1"
	"fedmesh.io/fedmesh/policies/mesh"
)

// servedEntries returns the entries of this cluster through which members reach the
// workloads that policies of namespace can be for, the oldest first: those that
// have workloads stand behind a federated host. Policies of the root namespace can
// be for workloads of every namespace.
func servedEntries(namespace string, view *mesh.View) []*mesh.SelectingEntry {
	var entries []*mesh.SelectingEntry
	if namespace == view.Federation().Spec.RootNamespace {
		entries = view.AllSelectingEntries()
	} else {
		entries = view.SelectingEntries(namespace)
	}
	return slices.DeleteFunc(entries, func(e *mesh.SelectingEntry) bool {
		// No gateway exposes what is not part of the mesh; FED107 says so.
		return e.Entry.External || servedHost(e, view.Federation()) == ""
	})
}

// servedHost returns the first federated host of entry.
func servedHost(entry *mesh.SelectingEntry, federation *mesh.Federation) string {
	i := slices.IndexFunc(entry.Entry.Hosts, federation.Federated)
	if i < 0 {
		return ""
	}
	return entry.Entry.Hosts[i]
}

// concerns reports whether a policy with this selector is certainly for workloads of
// entry: for all of them, or for none but some of them. Selectors of different
// labels say nothing of each other.
func concerns(selector []string, entry *mesh.SelectingEntry) bool {
	return mesh.Covers(selector, entry.Selector) || mesh.Covers(entry.Selector, selector)
}

// otherMembers returns the members that are not the local one.
func otherMembers(federation *mesh.Federation) []*v1alpha1.Member {
	var others []*v1alpha1.Member
	for i := range federation.Spec.Members {
		if member := &federation.Spec.Members[i]; member.Name != federation.Local.Name {
			others = append(others, member)
		}
	}
	return others
}
