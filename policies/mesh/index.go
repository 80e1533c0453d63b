package mesh

import (
	"net/netip"
	"slices"
	"sync"

	"github.com/google/btree"
)

// Index knows the objects of one cluster by what questions ask for. It is safe
// for use by several goroutines. What it hands out is never changed later.
type Index struct {
	lock sync.RWMutex

	entries    *btree.BTreeG[*Entry] // by Ref; takes half the memory of a map
	automatic  map[Ref][]automaticAddress
	services   map[Ref]addresses // also those without addresses, for their names
	ips        map[Ref]addresses
	namespaces map[string]*namespace
	cidrs      map[Ref][]netip.Prefix

	selecting      byNamespace[*SelectingEntry]
	rules          byNamespace[*TrafficRule]
	sidecars       byNamespace[*SidecarScope]
	routes         byNamespace[*Routes]
	accessPolicies byNamespace[*AccessPolicy]
	workloads      byNamespace[*workload]
	passthroughs   byNamespace[*passthrough]
	authorities    byNamespace[*authority]
	exemptions     byNamespace[*Exemption]

	byHost            hostTree[*Entry]
	byRuleHost        hostTree[*TrafficRule]
	byAddress         multimap[addressKey, *Holder]
	byWorkloadAddress multimap[string, *workload]
	blocks            blockTree      // those with addresses of entries
	ports             map[uint32]int // how many entries have a port
}

// addressKey is an address without the zone that no virtual address has, which
// is a third of a netip.Addr.
type addressKey = [16]byte

// addresses is what the Index keeps of a Service and of an IPAddress.
type addresses struct {
	holder *Holder
	addrs  []netip.Addr
}

// NewIndex returns an empty Index.
func NewIndex() *Index {
	return &Index{
		entries:    btree.NewG(btreeDegree, func(a, b *Entry) bool { return a.Ref.Compare(b.Ref) < 0 }),
		automatic:  map[Ref][]automaticAddress{},
		services:   map[Ref]addresses{},
		ips:        map[Ref]addresses{},
		namespaces: map[string]*namespace{},
		cidrs:      map[Ref][]netip.Prefix{},

		selecting:      byNamespace[*SelectingEntry]{},
		rules:          byNamespace[*TrafficRule]{},
		sidecars:       byNamespace[*SidecarScope]{},
		routes:         byNamespace[*Routes]{},
		accessPolicies: byNamespace[*AccessPolicy]{},
		workloads:      byNamespace[*workload]{},
		passthroughs:   byNamespace[*passthrough]{},
		authorities:    byNamespace[*authority]{},
		exemptions:     byNamespace[*Exemption]{},

		byHost:            newHostTree[*Entry](),
		byRuleHost:        newHostTree[*TrafficRule](),
		byAddress:         newMultimap[addressKey, *Holder](),
		byWorkloadAddress: newMultimap[string, *workload](),
		blocks:            newBlockTree(),
		ports:             map[uint32]int{},
	}
}

// Put adds what record says of its object or replaces what is known of it. It
// returns what was known until now: the zero Record when that was nothing.
func (x *Index) Put(record Record) Record {
	x.lock.Lock()
	defer x.lock.Unlock()
	before := x.remove(record.Ref)
	switch record.Ref.Kind {
	case ServiceEntry:
		entry := record.entry
		x.entries.ReplaceOrInsert(entry)
		x.byHost.add(entry)
		for _, addr := range entry.Addresses {
			x.byAddress.add(addr.As16(), &entry.Holder)
			x.blocks.add(addr)
		}
		for _, automatic := range record.automatic {
			x.byAddress.add(automatic.addr.As16(), automatic.holder)
			x.blocks.add(automatic.addr)
		}
		x.countPorts(entry, 1)
		if len(record.automatic) > 0 {
			x.automatic[entry.Ref] = record.automatic
		}
		if record.selecting != nil {
			x.selecting.put(record.selecting)
		}
	case DestinationRule:
		x.rules.put(record.rule)
		x.byRuleHost.add(record.rule)
	case Sidecar:
		x.sidecars.put(record.scope)
	case VirtualService:
		x.routes.put(record.routes)
	case AuthorizationPolicy:
		x.accessPolicies.put(record.accessPolicy)
	case WorkloadEntry:
		x.workloads.put(record.workload)
		x.byWorkloadAddress.add(record.workload.address, record.workload)
	case Gateway:
		if record.passthrough != nil {
			x.passthroughs.put(record.passthrough)
		}
	case Certificate:
		if record.authority != nil {
			x.authorities.put(record.authority)
		}
	case FederationExemption:
		x.exemptions.put(record.exemption)
	case Service:
		x.hold(x.services, record)
	case IPAddress:
		if record.held.holder != nil {
			x.hold(x.ips, record)
		}
	case ServiceCIDR:
		x.cidrs[record.Ref] = record.cidrs
	case Namespace:
		x.namespaces[record.Ref.Name] = record.namespace
	}
	return before
}

func (x *Index) hold(into map[Ref]addresses, record Record) {
	into[record.Ref] = record.held
	for _, addr := range record.held.addrs {
		x.byAddress.add(addr.As16(), record.held.holder)
	}
}

// Delete forgets an object; it does nothing when the object is not known. It
// returns what was known until now: the zero Record when that was nothing.
func (x *Index) Delete(ref Ref) Record {
	x.lock.Lock()
	defer x.lock.Unlock()
	return x.remove(ref)
}

// remove takes an object out and puts its Record together again. The Index does
// not keep Records, which have room for every kind and so are several times as
// large as what is kept.
func (x *Index) remove(ref Ref) Record {
	record := Record{Ref: ref}
	known := false
	switch ref.Kind {
	case ServiceEntry:
		if record.entry, known = x.entries.Delete(&Entry{Holder: Holder{Ref: ref}}); !known {
			break
		}
		x.byHost.remove(record.entry)
		x.countPorts(record.entry, -1)
		for _, addr := range record.entry.Addresses {
			x.byAddress.remove(addr.As16(), &record.entry.Holder)
			x.blocks.remove(addr)
		}
		record.automatic = x.automatic[ref]
		for _, automatic := range record.automatic {
			x.byAddress.remove(automatic.addr.As16(), automatic.holder)
			x.blocks.remove(automatic.addr)
		}
		delete(x.automatic, ref)
		record.selecting, _ = x.selecting.remove(ref)
	case DestinationRule:
		if record.rule, known = x.rules.remove(ref); known {
			x.byRuleHost.remove(record.rule)
		}
	case Sidecar:
		record.scope, known = x.sidecars.remove(ref)
	case VirtualService:
		record.routes, known = x.routes.remove(ref)
	case AuthorizationPolicy:
		record.accessPolicy, known = x.accessPolicies.remove(ref)
	case WorkloadEntry:
		if record.workload, known = x.workloads.remove(ref); known {
			x.byWorkloadAddress.remove(record.workload.address, record.workload)
		}
	case Gateway:
		record.passthrough, known = x.passthroughs.remove(ref)
	case Certificate:
		record.authority, known = x.authorities.remove(ref)
	case FederationExemption:
		record.exemption, known = x.exemptions.remove(ref)
	case Service:
		record.held, known = x.release(x.services, ref)
	case IPAddress:
		record.held, known = x.release(x.ips, ref)
	case ServiceCIDR:
		record.cidrs, known = x.cidrs[ref]
		delete(x.cidrs, ref)
	case Namespace:
		record.namespace, known = x.namespaces[ref.Name]
		delete(x.namespaces, ref.Name)
	}
	if !known {
		return Record{}
	}
	return record
}

func (x *Index) release(from map[Ref]addresses, ref Ref) (addresses, bool) {
	held, known := from[ref]
	delete(from, ref)
	for _, addr := range held.addrs {
		x.byAddress.remove(addr.As16(), held.holder)
	}
	return held, known
}

// Entries returns all ServiceEntries, ordered by Ref. It is for what goes
// through everything now and then. Rules do not get it, and View has nothing
// like it: a rule that did would make every admission cost what the mesh is
// large.
func (x *Index) Entries() []*Entry {
	x.lock.RLock()
	defer x.lock.RUnlock()
	entries := make([]*Entry, 0, x.entries.Len())
	x.entries.Ascend(func(entry *Entry) bool {
		entries = append(entries, entry)
		return true
	})
	return entries
}

// DefaultSidecars returns the Sidecars without workloadSelector, of all
// namespaces, ordered by Ref. As with Entries, rules do not get it.
func (x *Index) DefaultSidecars() []*SidecarScope {
	var defaults []*SidecarScope
	x.lock.RLock()
	for _, scopes := range x.sidecars {
		for _, scope := range scopes {
			if scope.Default {
				defaults = append(defaults, scope)
			}
		}
	}
	x.lock.RUnlock()
	slices.SortFunc(defaults, func(a, b *SidecarScope) int { return a.Ref.Compare(b.Ref) })
	return defaults
}

// NamespacesWith counts the namespaces whose label has this value.
func (x *Index) NamespacesWith(label, value string) int {
	x.lock.RLock()
	defer x.lock.RUnlock()
	count := 0
	for _, namespace := range x.namespaces {
		if actual, ok := namespace.labels[label]; ok && actual == value {
			count++
		}
	}
	return count
}

// Entry returns what is known of a ServiceEntry, and nil when that is nothing. As
// with Entries, rules do not get it: they ask about addresses and hosts.
func (x *Index) Entry(ref Ref) *Entry {
	x.lock.RLock()
	defer x.lock.RUnlock()
	entry, _ := x.entries.Get(&Entry{Holder: Holder{Ref: ref}})
	return entry
}
