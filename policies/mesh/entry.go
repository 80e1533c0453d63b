package mesh

import (
	"cmp"
	"net/netip"
	"slices"

	networking "istio.io/api/networking/v1alpha3"
)

// TLSModeLabel and its value mark endpoints that take Istio's mutual TLS (istio
// pilot/pkg/serviceregistry/serviceentry/conversion.go,
// getTLSModeFromWorkloadEntry).
const (
	TLSModeLabel = "security.istio.io/tlsMode"
	tlsModeIstio = "istio"
)

// Holder is whatever holds an address: a ServiceEntry, a Service or another
// object that an IPAddress stands for.
type Holder struct {
	// Ref of the object. For an IPAddress that is the IPAddress itself.
	Ref Ref
	// Revision of a ServiceEntry; empty for what every revision sees.
	Revision string
	// Created is when the object was created, in seconds since 1970, and 0 when
	// that is not known.
	Created int64
	// Hosts that the address belongs to, in canonical form. For a Service and
	// an IPAddress there are none.
	Hosts []string
}

// Entry is what the Index keeps of a ServiceEntry.
type Entry struct {
	Holder
	// Addresses are the single addresses of spec.addresses.
	Addresses []netip.Addr
	// Ports are the numbers of the entry's ports.
	Ports []uint32
	// ExportTo as it was written; none means everywhere.
	ExportTo []string
	// MutualTLS is true when Istio's automatic mutual TLS covers every endpoint:
	// the entry selects workloads, or each endpoint is labelled for it.
	MutualTLS bool
	// Localities is true when the endpoints are in more than one locality.
	Localities bool
	// External is true when the entry is not part of the mesh, as that of a public
	// host is.
	External bool
	// PublicEgress is that of the function of this name.
	PublicEgress bool
	// Identity is the object's.
	Identity Identity
}

// automaticAddress is one that Istio's allocator gave an entry. Few federated
// entries have any, so an Entry has no room for them.
type automaticAddress struct {
	addr   netip.Addr
	holder *Holder
}

func newEntry(object *Object) *Entry {
	spec := object.ServiceEntry
	entry := &Entry{
		Holder:     newHolder(object),
		MutualTLS:  MutualTLS(spec),
		Localities: severalLocalities(spec),
		External:   spec.GetLocation() == networking.ServiceEntry_MESH_EXTERNAL,
		Identity:   IdentityOf(object.UID),
	}
	entry.PublicEgress = PublicEgress(spec)
	entry.Hosts = make([]string, 0, len(spec.GetHosts()))
	for _, host := range spec.GetHosts() {
		if host = CanonicalHost(host); !slices.Contains(entry.Hosts, host) {
			entry.Hosts = append(entry.Hosts, host)
		}
	}
	for _, text := range spec.GetAddresses() {
		address, ok := ParseAddress(text)
		if ok && address.Single() && !slices.Contains(entry.Addresses, address.Addr) {
			entry.Addresses = append(entry.Addresses, address.Addr)
		}
	}
	entry.Addresses = slices.Clip(entry.Addresses)
	for _, port := range spec.GetPorts() {
		entry.Ports = append(entry.Ports, port.GetNumber())
	}
	entry.Ports = slices.Clip(entry.Ports)
	if len(spec.GetExportTo()) > 0 {
		entry.ExportTo = slices.Clone(spec.GetExportTo())
	}
	return entry
}

func (e *Entry) name() Ref       { return e.Ref }
func (e *Entry) hosts() []string { return e.Hosts }

// severalLocalities reports whether the endpoints of a ServiceEntry are in more
// than one locality. Those that say none are in one by themselves.
func severalLocalities(spec *networking.ServiceEntry) bool {
	endpoints := spec.GetEndpoints()
	for _, endpoint := range endpoints {
		if endpoint.GetLocality() != endpoints[0].GetLocality() {
			return true
		}
	}
	return false
}

// newAutomatic returns the automatic addresses that entry, made of object, does
// not declare itself.
func newAutomatic(object *Object, entry *Entry) []automaticAddress {
	var automatic []automaticAddress
	for _, given := range object.Automatic {
		address, ok := ParseAddress(given.GetValue())
		if !ok || !address.Single() || slices.Contains(entry.Addresses, address.Addr) {
			continue
		}
		holder := entry.Holder
		if host := given.GetHost(); host != "" {
			holder.Hosts = []string{CanonicalHost(host)}
		}
		automatic = append(automatic, automaticAddress{addr: address.Addr, holder: &holder})
	}
	return automatic
}

func newHolder(object *Object) Holder {
	holder := Holder{Ref: object.Ref, Revision: object.Revision}
	if !object.Created.IsZero() {
		holder.Created = object.Created.Unix()
	}
	return holder
}

// MutualTLS reports whether Istio's automatic mutual TLS covers every endpoint
// of a ServiceEntry: it selects workloads, or each endpoint is labelled for it
// or, without the label, has a service account.
func MutualTLS(spec *networking.ServiceEntry) bool {
	if spec.GetWorkloadSelector() != nil {
		return true
	}
	for _, endpoint := range spec.GetEndpoints() {
		if !EndpointMutualTLS(endpoint) {
			return false
		}
	}
	return len(spec.GetEndpoints()) > 0
}

// EndpointMutualTLS reports whether an endpoint is marked for Istio's mutual TLS:
// by the label or, without the label, by a service account.
func EndpointMutualTLS(endpoint *networking.WorkloadEntry) bool {
	if mode, labelled := endpoint.GetLabels()[TLSModeLabel]; labelled {
		return mode == tlsModeIstio
	}
	return endpoint.GetServiceAccount() != ""
}

// PublicEgress reports whether a ServiceEntry looks like an egress entry for a name
// of the public domain that a suffix of the federation happens to be: external, and
// nothing in it that a federated host would have. FED107 says so, and nothing else
// of fedmesh is about it.
func PublicEgress(spec *networking.ServiceEntry) bool {
	return spec.GetLocation() == networking.ServiceEntry_MESH_EXTERNAL &&
		len(spec.GetAddresses()) == 0 &&
		len(spec.GetEndpoints()) == 0 &&
		spec.GetWorkloadSelector() == nil
}

// Before reports whether the entry comes before other where the oldest comes
// first.
func (e *Entry) Before(other *Entry) bool { return compareHolders(&e.Holder, &other.Holder) < 0 }

// compareHolders orders the oldest first.
func compareHolders(a, b *Holder) int {
	return cmp.Or(cmp.Compare(a.Created, b.Created), a.Ref.Compare(b.Ref))
}

// VisibleIn reports whether the entry is exported to namespace.
func (e *Entry) VisibleIn(namespace string) bool {
	return exported(e.ExportTo, e.Ref.Namespace, namespace)
}

// Public reports whether the entry is exported to every namespace.
func (e *Entry) Public() bool { return Public(e.ExportTo) }

// Public reports whether an object with this exportTo is exported to every
// namespace: it names none, or "*".
func Public(exportTo []string) bool {
	return len(exportTo) == 0 || slices.Contains(exportTo, "*")
}

// Exports lists the namespaces that an object of namespace own with this
// exportTo is exported to: "." is its own namespace, "~" is nowhere. It does
// not speak of "*" and of an empty exportTo: those are Public.
func Exports(exportTo []string, own string) []string {
	var namespaces []string
	for _, name := range exportTo {
		switch name {
		case ".":
			name = own
		case "~", "*":
			continue
		}
		if !slices.Contains(namespaces, name) {
			namespaces = append(namespaces, name)
		}
	}
	return namespaces
}

// SameLevel reports whether two ServiceEntries for one host come into each
// other's way, by their exportTo and own namespace: both are public, or neither
// is and some namespace sees both. A public one beside one that is not is
// Istio's way to override a host for some namespaces.
func SameLevel(exportTo []string, own string, otherExportTo []string, other string) bool {
	if Public(exportTo) || Public(otherExportTo) {
		return Public(exportTo) && Public(otherExportTo)
	}
	others := Exports(otherExportTo, other)
	return slices.ContainsFunc(Exports(exportTo, own), func(namespace string) bool { return slices.Contains(others, namespace) })
}

func exported(exportTo []string, own, namespace string) bool {
	return Public(exportTo) || slices.Contains(Exports(exportTo, own), namespace)
}
