package policies

import (
	"fmt"
	"net/netip"
	"strings"

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

// longestName bounds the names that messages quote. Hosts and names of objects
// can be 253 bytes long, warnings are cut off behind 256.
const longestName = 63

// quote is a name or value as messages have it: whole where that is possible,
// else its beginning and its end.
func quote(name string) string { return withoutMiddle(name, longestName) }

// withoutMiddle is a name of at most longest bytes: the beginning and the end of
// one that is longer.
func withoutMiddle(name string, longest int) string {
	if len(name) <= longest {
		return name
	}
	half := (longest - len("...")) / 2
	return strings.ToValidUTF8(name[:half], "") + "..." + strings.ToValidUTF8(name[len(name)-half:], "")
}

// andMore is the first of names and how many there are beside it.
func andMore(names []string) string {
	if len(names) == 1 {
		return quote(names[0])
	}
	return fmt.Sprintf("%s and %d more", quote(names[0]), len(names)-1)
}

// quoteRef names an object as messages have it.
func quoteRef(ref mesh.Ref) string {
	if ref.Namespace == "" {
		return ref.Kind.String() + " " + quote(ref.Name)
	}
	return ref.Kind.String() + " " + quote(ref.Namespace+"/"+ref.Name)
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
