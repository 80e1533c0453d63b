package mesh

import (
	"net/netip"
	"slices"
)

// managedByLabel says who keeps an IPAddress.
const managedByLabel = "ipaddress.kubernetes.io/managed-by"

// ManagedByFedmesh is the value of the managed-by label on IPAddress objects
// that fedmesh keeps itself: they stand for entries that the Index knows.
const ManagedByFedmesh = "fedmesh.io"

// Record is what the Index keeps of one object. Making it apart from putting it
// in lets a feed drop the object itself early, and keeps the work out of the
// Index's lock.
type Record struct {
	// Ref of the object.
	Ref Ref

	entry        *Entry
	automatic    []automaticAddress
	selecting    *SelectingEntry
	rule         *TrafficRule
	scope        *SidecarScope
	routes       *Routes
	accessPolicy *AccessPolicy
	workload     *workload
	passthrough  *passthrough
	authority    *authority
	exemption    *Exemption
	held         addresses
	cidrs        []netip.Prefix
	namespace    *namespace
}

// NewRecord returns what the Index keeps of object. For kinds that no question
// is about that is nothing.
func NewRecord(object *Object) Record {
	record := Record{Ref: object.Ref}
	switch object.Kind {
	case ServiceEntry:
		record.entry = newEntry(object)
		record.automatic = newAutomatic(object, record.entry)
		record.selecting = newSelectingEntry(object, record.entry)
	case DestinationRule:
		record.rule = newTrafficRule(object)
	case Sidecar:
		record.scope = newSidecarScope(object)
	case VirtualService:
		record.routes = newRoutes(object)
	case AuthorizationPolicy:
		record.accessPolicy = newAccessPolicy(object)
	case WorkloadEntry:
		record.workload = newWorkload(object)
	case Gateway:
		record.passthrough = newPassthrough(object)
	case Certificate:
		record.authority = newAuthority(object)
	case FederationExemption:
		record.exemption = newExemption(object)
	case Service:
		record.held = newAddresses(object, object.Service.ClusterIPs)
	case IPAddress:
		parent := object.IPAddress.ParentRef
		// The Service that it stands for is known by itself, and so is the
		// entry that fedmesh keeps one for.
		if parent.Group == "" && parent.Resource == "services" || object.Labels[managedByLabel] == ManagedByFedmesh {
			break
		}
		record.held = newAddresses(object, []string{object.Name})
	case ServiceCIDR:
		for _, text := range object.ServiceCIDR.CIDRs {
			if prefix, err := netip.ParsePrefix(text); err == nil {
				record.cidrs = append(record.cidrs, prefix)
			}
		}
	case Namespace:
		record.namespace = &namespace{labels: object.Labels, terminating: object.Terminating}
	}
	return record
}

// newAddresses notes the addresses of a Service or IPAddress. A headless Service
// has the text "None" for one and holds nothing.
func newAddresses(object *Object, texts []string) addresses {
	var held addresses
	for _, text := range texts {
		addr, err := netip.ParseAddr(text)
		if addr = addr.Unmap(); err == nil && !slices.Contains(held.addrs, addr) {
			held.addrs = append(held.addrs, addr)
		}
	}
	if len(held.addrs) > 0 {
		holder := newHolder(object)
		holder.Revision = ""
		held.holder = &holder
	}
	return held
}

// Entry returns what is kept of a ServiceEntry, and nil when the record is of
// another kind or the zero Record. It must not be changed.
func (r Record) Entry() *Entry { return r.entry }

// Sidecar returns what is kept of a Sidecar, and nil when the record is of
// another kind or the zero Record. It must not be changed.
func (r Record) Sidecar() *SidecarScope { return r.scope }
