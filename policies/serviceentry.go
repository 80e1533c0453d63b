package policies

import (
	"slices"

	networking "istio.io/api/networking/v1alpha3"

	"fedmesh.io/fedmesh/policies/mesh"
)

// federatedHosts returns the indices of the hosts of entry that are federated.
// Rules about ServiceEntries look at these only.
func federatedHosts(entry *networking.ServiceEntry, federation *mesh.Federation) []int {
	var indices []int
	for i, host := range entry.GetHosts() {
		if federation.Federated(host) {
			indices = append(indices, i)
		}
	}
	return indices
}

// publicEgress reports whether entry looks like an egress entry for a name of
// the public domain that a suffix happens to be: external, and nothing in it
// that a federated host would have. FED107 says so, and no other rule speaks of
// it.
func publicEgress(entry *networking.ServiceEntry) bool {
	return entry.GetLocation() == networking.ServiceEntry_MESH_EXTERNAL &&
		len(entry.GetAddresses()) == 0 &&
		len(entry.GetEndpoints()) == 0 &&
		entry.GetWorkloadSelector() == nil
}

// federatedEntry returns the ServiceEntry under review when rules FED101 to
// FED120 are about it, with the indices of its federated hosts.
func federatedEntry(review Review, view *mesh.View) (*networking.ServiceEntry, []int) {
	entry := review.Object.ServiceEntry
	hosts := federatedHosts(entry, view.Federation())
	if len(hosts) == 0 || publicEgress(entry) {
		return nil, nil
	}
	return entry, hosts
}

// definesAll reports whether entry defines each of hosts, which are canonical.
func definesAll(entry *networking.ServiceEntry, hosts []string) bool {
	for _, host := range hosts {
		if !slices.ContainsFunc(entry.GetHosts(), func(own string) bool { return mesh.CanonicalHost(own) == host }) {
			return false
		}
	}
	return true
}
