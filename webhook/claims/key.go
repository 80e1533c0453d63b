package claims

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/netip"
	"strings"

	"k8s.io/apimachinery/pkg/util/validation"

	"fedmesh.io/fedmesh/policies/mesh"
)

// KeyKind is what a key is about. It is also the value of the label by which
// claims are found.
type KeyKind string

// The kinds of keys.
const (
	VIP     KeyKind = "vip"
	Host    KeyKind = "host"
	Sidecar KeyKind = "sidecar"
)

// Key is something that only one object may have, or, for a virtual address,
// only objects with one set of hosts.
type Key struct {
	Kind KeyKind
	// Name is the address, the host or the Sidecar's namespace, in canonical form.
	Name string
	// ExportTo is the one namespace that a host is exported to; empty for a host
	// that is exported to all, and for other kinds of keys.
	ExportTo string
}

// AddressKey is the key of a virtual address, unmapped and without a zone.
func AddressKey(addr netip.Addr) Key { return Key{Kind: VIP, Name: addr.String()} }

// ObjectKind is the kind of objects that have such a key.
func (k Key) ObjectKind() mesh.Kind {
	if k.Kind == Sidecar {
		return mesh.Sidecar
	}
	return mesh.ServiceEntry
}

// Rule is the ID of the rule that says that only one object may have the key.
func (k Key) Rule() string {
	switch k.Kind {
	case VIP:
		return "FED105"
	case Host:
		return "FED106"
	}
	return "FED301"
}

// String is the key as claims spell it: its kind, the namespace of a host that is
// exported to one, the name.
func (k Key) String() string {
	return string(k.Kind) + "/" + k.ExportTo + "/" + k.Name
}

// ParseKey reads what String wrote.
func ParseKey(text string) (Key, error) {
	kind, rest, _ := strings.Cut(text, "/")
	exportTo, name, found := strings.Cut(rest, "/")
	key := Key{Kind: KeyKind(kind), Name: name, ExportTo: exportTo}
	if !found || name == "" || key.Kind != VIP && key.Kind != Host && key.Kind != Sidecar {
		return Key{}, fmt.Errorf("%q is no key of a claim", text)
	}
	return key, nil
}

// Compare orders keys, as requests claim them: one order for all of them.
func (k Key) Compare(other Key) int {
	return cmp.Or(cmp.Compare(k.Kind, other.Kind), cmp.Compare(k.Name, other.Name), cmp.Compare(k.ExportTo, other.ExportTo))
}

// Describe is the key as messages have it.
func (k Key) Describe() string {
	switch k.Kind {
	case VIP:
		return k.Name
	case Host:
		return "host " + k.Name
	}
	return "the default Sidecar of namespace " + k.Name
}

// LeaseName is the name of the key's claim. It is readable where the key makes a
// legal name and a hash where it does not; which key it is, the Lease says.
func (k Key) LeaseName() string {
	var name string
	switch k.Kind {
	case VIP:
		// Colons are not allowed, and a short form could end in a dash.
		if addr, err := netip.ParseAddr(k.Name); err == nil {
			name = "vip-" + strings.ReplaceAll(addr.StringExpanded(), ":", "-")
		}
	case Host:
		name = "host-" + k.Name
		if k.ExportTo != "" {
			name = "private-host-" + k.ExportTo + "." + k.Name
		}
	case Sidecar:
		name = "sidecar-" + k.Name
	}
	if len(validation.IsDNS1123Subdomain(name)) > 0 {
		sum := sha256.Sum256([]byte(k.String()))
		name = string(k.Kind) + "-hash-" + hex.EncodeToString(sum[:16])
	}
	return name
}
