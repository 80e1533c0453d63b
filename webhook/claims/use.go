package claims

import (
	"crypto/sha256"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"fedmesh.io/fedmesh/policies/mesh"
)

// MaxKeys is how many keys a request may claim: each takes calls to the API
// server, one after the other, and a request has seconds.
const MaxKeys = 32

// Use is a key that an object needs, and what for.
type Use struct {
	Key Key
	// Hosts are all hosts of the entry that uses an address, in canonical form
	// and sorted, or the hash of many: two objects may use one address when these
	// are the same. Other kinds of keys have none.
	Hosts []string
}

// same reports whether two uses are one.
func (u Use) same(other Use) bool {
	return u.Key == other.Key && slices.Equal(u.Hosts, other.Hosts)
}

// UsesOf returns what object needs under a federation's configuration, in the
// order of keys. An object that the federation has nothing to do with needs
// nothing, and without a Federation no object does.
func UsesOf(object *mesh.Object, federation *mesh.Federation) []Use {
	return usesOfRecord(mesh.NewRecord(object), federation)
}

func usesOfRecord(record mesh.Record, federation *mesh.Federation) []Use {
	if entry := record.Entry(); entry != nil {
		return usesOfEntry(entry, federation)
	}
	if scope := record.Sidecar(); scope != nil {
		return usesOfSidecar(scope, federation)
	}
	return nil
}

// usesOfEntry returns what a ServiceEntry needs: one that the rules about federated
// entries are about.
func usesOfEntry(entry *mesh.Entry, federation *mesh.Federation) []Use {
	if !federation.Declared || entry.PublicEgress || !slices.ContainsFunc(entry.Hosts, federation.Federated) {
		return nil
	}
	var uses []Use
	for _, use := range allUses(entry) {
		if use.Key.Kind == VIP || federation.Federated(use.Key.Name) {
			uses = append(uses, use)
		}
	}
	return uses
}

// allUses returns the keys that a ServiceEntry has, federated or not, in order.
func allUses(entry *mesh.Entry) []Use {
	var uses []Use
	if exportTo, ok := level(entry); ok {
		for _, host := range entry.Hosts {
			uses = append(uses, Use{Key: Key{Kind: Host, Name: host, ExportTo: exportTo}})
		}
	}
	hosts := hostSet(entry)
	for _, addr := range entry.Addresses {
		uses = append(uses, Use{Key: AddressKey(addr), Hosts: hosts})
	}
	slices.SortFunc(uses, func(a, b Use) int { return a.Key.Compare(b.Key) })
	return uses
}

// level is the one namespace that an entry is exported to, or empty when that is
// every one. Entries for several namespaces, or for none, have no level that they
// could claim a host at; rule FED106 judges them by the index alone.
func level(entry *mesh.Entry) (exportTo string, ok bool) {
	if entry.Public() {
		return "", true
	}
	namespaces := mesh.Exports(entry.ExportTo, entry.Ref.Namespace)
	if len(namespaces) != 1 {
		return "", false
	}
	return namespaces[0], true
}

// longestHostSet is how long the names of a set may be together, in bytes, to be
// kept as they are: a Lease has room for 256 KiB of annotations, and hundreds of
// objects can share an address.
const longestHostSet = 128

// hostSet is the set of an entry's hosts, sorted; of a large set it is the hash.
// Sets are only compared.
func hostSet(entry *mesh.Entry) []string {
	hosts := slices.Clone(entry.Hosts)
	slices.Sort(hosts)
	if text := strings.Join(hosts, ","); len(text) > longestHostSet {
		return []string{fmt.Sprintf("sha256:%x", sha256.Sum256([]byte(text)))}
	}
	return hosts
}

// usesOfSidecar returns what a Sidecar needs: the place of the default one.
func usesOfSidecar(scope *mesh.SidecarScope, federation *mesh.Federation) []Use {
	if !scope.Default || !federation.Declared {
		return nil
	}
	return []Use{sidecarUse(scope.Ref.Namespace)}
}

func sidecarUse(namespace string) Use {
	return Use{Key: Key{Kind: Sidecar, Name: namespace}}
}

// useOf returns how object has key, whatever the federation's configuration is:
// what was claimed under an earlier one stays claimed.
func useOf(object *mesh.Object, key Key) (Use, bool) {
	record := mesh.NewRecord(object)
	switch key.Kind {
	case VIP, Host:
		if entry := record.Entry(); entry != nil {
			return entryUse(entry, key)
		}
	case Sidecar:
		if scope := record.Sidecar(); scope != nil && scope.Default && scope.Ref.Namespace == key.Name {
			return sidecarUse(scope.Ref.Namespace), true
		}
	}
	return Use{}, false
}

func entryUse(entry *mesh.Entry, key Key) (Use, bool) {
	if key.Kind == VIP {
		addr, err := netip.ParseAddr(key.Name)
		if err != nil || !slices.Contains(entry.Addresses, addr) {
			return Use{}, false
		}
		return Use{Key: key, Hosts: hostSet(entry)}, true
	}
	exportTo, ok := level(entry)
	if !ok || exportTo != key.ExportTo || !slices.Contains(entry.Hosts, key.Name) {
		return Use{}, false
	}
	return Use{Key: key}, true
}

// NewUses returns those of the object's uses that old, which it replaces, had not.
// An address that it had with other hosts is a new use, and everything is for
// another revision of the control plane.
func NewUses(object, old *mesh.Object, federation *mesh.Federation) []Use {
	uses := UsesOf(object, federation)
	if old == nil || old.Revision != object.Revision {
		return uses
	}
	return slices.DeleteFunc(uses, func(use Use) bool {
		had, ok := useOf(old, use.Key)
		return ok && had.same(use)
	})
}
