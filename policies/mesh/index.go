package mesh

import (
	"net/netip"
	"slices"
	"sync"

	"github.com/google/btree"
	"k8s.io/apimachinery/pkg/labels"
)

// managedByLabel says who keeps an IPAddress.
const managedByLabel = "ipaddress.kubernetes.io/managed-by"

// ManagedByFedmesh is the value of the managed-by label on IPAddress objects
// that fedmesh keeps itself: they stand for entries that the Index knows.
const ManagedByFedmesh = "fedmesh.io"

// Index knows the objects of one cluster by what questions ask for. It is safe
// for use by several goroutines. What it hands out is never changed later.
type Index struct {
	lock sync.RWMutex

	entries    *btree.BTreeG[*Entry] // by Ref; takes half the memory of a map
	automatic  map[Ref][]automaticAddress
	services   map[Ref]addresses
	ips        map[Ref]addresses
	sidecars   map[string]map[string]*SidecarScope // by namespace and name
	namespaces map[string]labels.Set
	cidrs      map[Ref][]netip.Prefix

	byHost    hostTree
	byAddress multimap[addressKey, *Holder]
	blocks    blockTree      // those with addresses of entries
	ports     map[uint32]int // how many entries have a port
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
		sidecars:   map[string]map[string]*SidecarScope{},
		namespaces: map[string]labels.Set{},
		cidrs:      map[Ref][]netip.Prefix{},
		byHost:     newHostTree(),
		byAddress:  newMultimap[addressKey, *Holder](),
		blocks:     newBlockTree(),
		ports:      map[uint32]int{},
	}
}

// Record is what the Index keeps of one object. Making it apart from putting it
// in lets a feed drop the object itself early, and keeps the work out of the
// Index's lock.
type Record struct {
	// Ref of the object.
	Ref Ref

	entry     *Entry
	automatic []automaticAddress
	scope     *SidecarScope
	held      addresses
	cidrs     []netip.Prefix
	labels    labels.Set
}

// NewRecord returns what the Index keeps of object. For kinds that no question
// is about that is nothing.
func NewRecord(object *Object) Record {
	record := Record{Ref: object.Ref}
	switch object.Kind {
	case ServiceEntry:
		record.entry = newEntry(object)
		record.automatic = newAutomatic(object, record.entry)
	case Sidecar:
		record.scope = newSidecarScope(object)
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
		record.labels = object.Labels
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
	case Sidecar:
		scopes := x.sidecars[record.Ref.Namespace]
		if scopes == nil {
			scopes = map[string]*SidecarScope{}
			x.sidecars[record.Ref.Namespace] = scopes
		}
		scopes[record.Ref.Name] = record.scope
	case Service:
		x.hold(x.services, record)
	case IPAddress:
		x.hold(x.ips, record)
	case ServiceCIDR:
		x.cidrs[record.Ref] = record.cidrs
	case Namespace:
		x.namespaces[record.Ref.Name] = record.labels
	}
	return before
}

func (x *Index) hold(into map[Ref]addresses, record Record) {
	if record.held.holder == nil {
		return
	}
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
	case Sidecar:
		record.scope, known = x.sidecars[ref.Namespace][ref.Name]
		delete(x.sidecars[ref.Namespace], ref.Name)
		if len(x.sidecars[ref.Namespace]) == 0 {
			delete(x.sidecars, ref.Namespace)
		}
	case Service:
		record.held, known = x.release(x.services, ref)
	case IPAddress:
		record.held, known = x.release(x.ips, ref)
	case ServiceCIDR:
		record.cidrs, known = x.cidrs[ref]
		delete(x.cidrs, ref)
	case Namespace:
		record.labels, known = x.namespaces[ref.Name]
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

// NamespaceLabels returns the labels of a namespace, and nil when it is not
// known. They must not be changed.
func (x *Index) NamespaceLabels(name string) labels.Set {
	x.lock.RLock()
	defer x.lock.RUnlock()
	return x.namespaces[name]
}

// NamespacesWith counts the namespaces whose label has this value.
func (x *Index) NamespacesWith(label, value string) int {
	x.lock.RLock()
	defer x.lock.RUnlock()
	count := 0
	for _, set := range x.namespaces {
		if actual, ok := set[label]; ok && actual == value {
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
