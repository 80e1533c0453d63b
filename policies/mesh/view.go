package mesh

import (
	"cmp"
	"iter"
	"net/netip"
	"slices"

	"k8s.io/apimachinery/pkg/labels"
)

// View answers questions about the mesh on behalf of one object. That object
// itself is never part of an answer, nor are entries and Sidecars of another
// control plane revision than the object's.
//
// A View is for one evaluation and one goroutine. Answers are in a fixed order.
type View struct {
	index      *Index
	federation *Federation
	self       Ref
	revision   string
	reads      Kinds
	own        []netip.Addr // what the object itself declares
	free       search
}

// NewView returns a View of index under a federation's configuration, on behalf
// of object.
func NewView(index *Index, federation *Federation, object *Object) *View {
	view := &View{index: index, federation: federation, self: object.Ref, revision: object.Revision}
	for _, text := range object.ServiceEntry.GetAddresses() {
		if address, ok := ParseAddress(text); ok {
			view.own = append(view.own, address.Addr)
		}
	}
	return view
}

// Reads returns the kinds that questions have been about so far.
func (v *View) Reads() Kinds { return v.reads }

// Federation returns the federation's configuration.
func (v *View) Federation() *Federation { return v.federation }

// NamespaceLabels returns the labels of a namespace; they must not be changed.
func (v *View) NamespaceLabels(name string) labels.Set {
	return v.index.NamespaceLabels(name)
}

// HoldersOf returns what holds addr: entries that list it or were given it by
// Istio, Services, and whatever an IPAddress stands for. The oldest comes first.
func (v *View) HoldersOf(addr netip.Addr) []*Holder {
	v.reads |= KindSet(ServiceEntry, Service, IPAddress)
	v.index.lock.RLock()
	holders := v.index.byAddress.appendTo(nil, addr.As16())
	v.index.lock.RUnlock()
	holders = slices.DeleteFunc(holders, func(h *Holder) bool { return !v.shows(h.Ref, h.Revision) })
	slices.SortFunc(holders, compareHolders)
	return holders
}

// EntriesOf returns the entries that define host; for a wildcard, those with a
// host that it stands for. The oldest comes first.
func (v *View) EntriesOf(host string) []*Entry {
	return v.collect(host, v.index.byHost.covered)
}

// EachEntry goes through the entries that EntriesOf returns, in no order that
// means anything, and through one several times when several of its hosts are
// under a wildcard. It costs what is gone through, which lets a rule that needs
// no list stop where it knows enough. The Index is locked for as long: what is
// done with an entry asks no other question.
func (v *View) EachEntry(host string) iter.Seq[*Entry] {
	v.reads |= KindSet(ServiceEntry)
	return func(yield func(*Entry) bool) {
		v.index.lock.RLock()
		defer v.index.lock.RUnlock() // also when a rule panics
		v.index.byHost.covered(CanonicalHost(host), func(entry *Entry) bool {
			return !v.shows(entry.Ref, entry.Revision) || yield(entry)
		})
	}
}

// DefinersOf returns the entries that define host; for a wildcard, those that
// define the very same wildcard. The oldest comes first.
func (v *View) DefinersOf(host string) []*Entry {
	return v.collect(host, v.index.byHost.defining)
}

func (v *View) collect(host string, find func(string, func(*Entry) bool)) []*Entry {
	v.reads |= KindSet(ServiceEntry)
	var entries []*Entry
	v.index.lock.RLock()
	find(CanonicalHost(host), func(entry *Entry) bool {
		if v.shows(entry.Ref, entry.Revision) {
			entries = append(entries, entry)
		}
		return true
	})
	v.index.lock.RUnlock()
	slices.SortFunc(entries, func(a, b *Entry) int { return compareHolders(&a.Holder, &b.Holder) })
	return slices.Compact(entries) // an entry can have several hosts under a wildcard
}

// Sidecars returns the Sidecars of a namespace, the oldest first.
func (v *View) Sidecars(namespace string) []*SidecarScope {
	v.reads |= KindSet(Sidecar)
	var scopes []*SidecarScope
	v.index.lock.RLock()
	for _, scope := range v.index.sidecars[namespace] {
		if v.shows(scope.Ref, scope.Revision) {
			scopes = append(scopes, scope)
		}
	}
	v.index.lock.RUnlock()
	slices.SortFunc(scopes, func(a, b *SidecarScope) int {
		return cmp.Or(cmp.Compare(a.Created, b.Created), a.Ref.Compare(b.Ref))
	})
	return scopes
}

// ServiceRange returns the range of a ServiceCIDR that addr lies in.
func (v *View) ServiceRange(addr netip.Addr) (netip.Prefix, bool) {
	v.reads |= KindSet(ServiceCIDR)
	v.index.lock.RLock()
	defer v.index.lock.RUnlock()
	return v.index.serviceRange(addr)
}

// serviceRange returns the smallest range that addr lies in, so that the answer
// does not hang on the order of a map. Clusters have a handful of ranges.
func (x *Index) serviceRange(addr netip.Addr) (netip.Prefix, bool) {
	var found netip.Prefix
	for _, prefixes := range x.cidrs {
		for _, prefix := range prefixes {
			if prefix.Contains(addr) && (!found.IsValid() || prefix.Bits() > found.Bits()) {
				found = prefix
			}
		}
	}
	return found, found.IsValid()
}

// shows reports whether an object with this name and revision may be part of an
// answer. No control plane sees both of two that are for different revisions;
// what has no revision, every one sees.
func (v *View) shows(ref Ref, revision string) bool {
	return ref != v.self && (revision == "" || v.revision == "" || revision == v.revision)
}
