package policies

import (
	"net/netip"

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

// federatedEntry returns the ServiceEntry under review when rules FED101 to
// FED120 are about it, with the indices of its federated hosts.
func federatedEntry(review Review, view *mesh.View) (*networking.ServiceEntry, []int) {
	entry := review.Object.ServiceEntry
	hosts := federatedHosts(entry, view.Federation())
	if len(hosts) == 0 || mesh.PublicEgress(entry) {
		return nil, nil
	}
	return entry, hosts
}

// written is a field of a specification as messages have it, whose value is the
// one that it also has when it is omitted.
func written(object *mesh.Object, name, value string) string {
	if object.Writes(name) {
		return value
	}
	return "omitted, which means " + value
}

// nextFree is the fix for an address that cannot be had.
func nextFree(view *mesh.View, addr netip.Addr) string {
	if free, ok := view.NextFree(addr); ok {
		return "next free address: " + free.String()
	}
	return "choose another address"
}

// suchAs names a free address behind addr, where there is one to name.
func suchAs(view *mesh.View, addr netip.Addr) string {
	if free, ok := view.NextFree(addr); ok {
		return ", such as " + free.String()
	}
	return ""
}
