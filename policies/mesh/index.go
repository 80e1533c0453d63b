package mesh

import (
	"net/netip"
	"sync"

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

	entries    map[Ref]*Entry
	services   map[Ref]addresses
	ips        map[Ref]addresses
	sidecars   map[string]map[string]*SidecarScope // by namespace and name
	namespaces map[string]labels.Set
	cidrs      map[Ref][]netip.Prefix

	byHost    hostTree
	byAddress multimap[netip.Addr, *Holder]
}

// addresses is what the Index keeps of a Service and of an IPAddress.
type addresses struct {
	holder *Holder
	addrs  []netip.Addr
}

// NewIndex returns an empty Index.
func NewIndex() *Index {
	return &Index{
		entries:    map[Ref]*Entry{},
		services:   map[Ref]addresses{},
		ips:        map[Ref]addresses{},
		sidecars:   map[string]map[string]*SidecarScope{},
		namespaces: map[string]labels.Set{},
		cidrs:      map[Ref][]netip.Prefix{},
		byHost:     newHostTree(),
		byAddress:  newMultimap[netip.Addr, *Holder](),
	}
}

// Put adds object or replaces what is known of it. Objects of kinds that no
// question is about are passed over.
func (x *Index) Put(object *Object) {
	x.lock.Lock()
	defer x.lock.Unlock()
	x.remove(object.Ref)
	switch object.Kind {
	case ServiceEntry:
		entry := newEntry(object)
		x.entries[entry.Ref] = entry
		x.byHost.add(entry)
		for _, addr := range entry.Addresses {
			x.byAddress.add(addr, &entry.Holder)
		}
		for _, automatic := range entry.automatic {
			x.byAddress.add(automatic.addr, automatic.holder)
		}
	case Sidecar:
		scopes := x.sidecars[object.Namespace]
		if scopes == nil {
			scopes = map[string]*SidecarScope{}
			x.sidecars[object.Namespace] = scopes
		}
		scopes[object.Name] = newSidecarScope(object)
	case Service:
		x.hold(x.services, object, object.Service.ClusterIPs)
	case IPAddress:
		parent := object.IPAddress.ParentRef
		// The Service that it stands for is known by itself, and so is the
		// entry that fedmesh keeps one for.
		if parent.Group == "" && parent.Resource == "services" || object.Labels[managedByLabel] == ManagedByFedmesh {
			return
		}
		x.hold(x.ips, object, []string{object.Name})
	case ServiceCIDR:
		for _, text := range object.ServiceCIDR.CIDRs {
			if prefix, err := netip.ParsePrefix(text); err == nil {
				x.cidrs[object.Ref] = append(x.cidrs[object.Ref], prefix)
			}
		}
	case Namespace:
		x.namespaces[object.Name] = object.Labels
	}
}

// hold notes the addresses of a Service or IPAddress. A headless Service has
// the text "None" for one and holds nothing.
func (x *Index) hold(into map[Ref]addresses, object *Object, texts []string) {
	var held addresses
	for _, text := range texts {
		if addr, err := netip.ParseAddr(text); err == nil {
			held.addrs = append(held.addrs, addr.Unmap())
		}
	}
	if len(held.addrs) == 0 {
		return
	}
	holder := newHolder(object)
	holder.Revision = ""
	held.holder = &holder
	into[object.Ref] = held
	for _, addr := range held.addrs {
		x.byAddress.add(addr, held.holder)
	}
}

// Delete forgets an object; it does nothing when the object is not known.
func (x *Index) Delete(ref Ref) {
	x.lock.Lock()
	defer x.lock.Unlock()
	x.remove(ref)
}

func (x *Index) remove(ref Ref) {
	switch ref.Kind {
	case ServiceEntry:
		entry, ok := x.entries[ref]
		if !ok {
			return
		}
		delete(x.entries, ref)
		x.byHost.remove(entry)
		for _, addr := range entry.Addresses {
			x.byAddress.remove(addr, &entry.Holder)
		}
		for _, automatic := range entry.automatic {
			x.byAddress.remove(automatic.addr, automatic.holder)
		}
	case Sidecar:
		delete(x.sidecars[ref.Namespace], ref.Name)
		if len(x.sidecars[ref.Namespace]) == 0 {
			delete(x.sidecars, ref.Namespace)
		}
	case Service:
		x.release(x.services, ref)
	case IPAddress:
		x.release(x.ips, ref)
	case ServiceCIDR:
		delete(x.cidrs, ref)
	case Namespace:
		delete(x.namespaces, ref.Name)
	}
}

func (x *Index) release(from map[Ref]addresses, ref Ref) {
	held, ok := from[ref]
	if !ok {
		return
	}
	delete(from, ref)
	for _, addr := range held.addrs {
		x.byAddress.remove(addr, held.holder)
	}
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
