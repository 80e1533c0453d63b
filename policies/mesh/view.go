package mesh

import (
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
	live       map[Ref]*Object // of these, what index says does not count
	fresh      *Index          // made of live; nil without any
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

// Prefer makes the View answer from live, objects as the API server has them at
// this moment, and not from what the Index knows of the same ones: the Index
// lags behind. An object that is nil is gone. Of Namespaces and ServiceCIDRs the
// Index alone speaks. Prefer is called before the first question and returns the
// View.
func (v *View) Prefer(live map[Ref]*Object) *View {
	if len(live) == 0 {
		return v
	}
	v.live = live
	v.fresh = NewIndex()
	for _, object := range live {
		if object != nil {
			v.fresh.Put(NewRecord(object))
		}
	}
	return v
}

// indexes goes through those that answers come from.
func (v *View) indexes(yield func(*Index) bool) {
	if yield(v.index) && v.fresh != nil {
		yield(v.fresh)
	}
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
	var holders []*Holder
	for index := range v.indexes {
		before := len(holders)
		index.lock.RLock()
		holders = index.byAddress.appendTo(holders, addr.As16())
		index.lock.RUnlock()
		shown := slices.DeleteFunc(holders[before:], func(h *Holder) bool { return !v.shows(index, h.Ref, h.Revision) })
		holders = holders[:before+len(shown)]
	}
	slices.SortFunc(holders, compareHolders)
	return holders
}

// EntriesOf returns the entries that define host; for a wildcard, those with a
// host that it stands for. The oldest comes first.
func (v *View) EntriesOf(host string) []*Entry {
	return v.collect(host, hostTree[*Entry].under)
}

// EachEntry goes through the entries that EntriesOf returns, in no order that
// means anything, and through one several times when several of its hosts are
// under a wildcard. It costs what is gone through, which lets a rule that needs
// no list stop where it knows enough. The Index is locked for as long: what is
// done with an entry asks no other question.
func (v *View) EachEntry(host string) iter.Seq[*Entry] {
	v.reads |= KindSet(ServiceEntry)
	return func(yield func(*Entry) bool) {
		for index := range v.indexes {
			if !v.eachEntry(index, host, yield) {
				return
			}
		}
	}
}

// eachEntry calls yield for the entries that index has for host, and returns
// false when yield did.
func (v *View) eachEntry(index *Index, host string, yield func(*Entry) bool) bool {
	index.lock.RLock()
	defer index.lock.RUnlock() // also when a rule panics
	goOn := true
	index.byHost.under(CanonicalHost(host), func(entry *Entry) bool {
		goOn = !v.shows(index, entry.Ref, entry.Revision) || yield(entry)
		return goOn
	})
	return goOn
}

// EachEntryIn goes through the entries of a namespace, in no order that means
// anything. As with EachEntry, what is done with an entry asks no other question.
func (v *View) EachEntryIn(namespace string) iter.Seq[*Entry] {
	v.reads |= KindSet(ServiceEntry)
	return func(yield func(*Entry) bool) {
		for index := range v.indexes {
			if !v.eachEntryIn(index, namespace, yield) {
				return
			}
		}
	}
}

func (v *View) eachEntryIn(index *Index, namespace string, yield func(*Entry) bool) bool {
	index.lock.RLock()
	defer index.lock.RUnlock()
	goOn := true
	from := &Entry{Holder: Holder{Ref: Ref{Kind: ServiceEntry, Namespace: namespace}}}
	index.entries.AscendGreaterOrEqual(from, func(entry *Entry) bool {
		if entry.Ref.Namespace != namespace {
			return false
		}
		goOn = !v.shows(index, entry.Ref, entry.Revision) || yield(entry)
		return goOn
	})
	return goOn
}

// DefinersOf returns the entries that define host; for a wildcard, those that
// define the very same wildcard. The oldest comes first.
func (v *View) DefinersOf(host string) []*Entry {
	return v.collect(host, hostTree[*Entry].of)
}

// EntriesCovering returns the entries that define host, or a wildcard that stands
// for it. Those of the most specific host come first, then the oldest.
func (v *View) EntriesCovering(host string) []*Entry {
	var entries []*Entry
	for _, pattern := range CoveringPatterns(CanonicalHost(host)) {
		for _, entry := range v.DefinersOf(pattern) {
			if !slices.Contains(entries, entry) {
				entries = append(entries, entry)
			}
		}
	}
	return entries
}

func (v *View) collect(host string, find func(hostTree[*Entry], string, func(*Entry) bool)) []*Entry {
	v.reads |= KindSet(ServiceEntry)
	var entries []*Entry
	for index := range v.indexes {
		index.lock.RLock()
		find(index.byHost, CanonicalHost(host), func(entry *Entry) bool {
			if v.shows(index, entry.Ref, entry.Revision) {
				entries = append(entries, entry)
			}
			return true
		})
		index.lock.RUnlock()
	}
	slices.SortFunc(entries, func(a, b *Entry) int { return compareHolders(&a.Holder, &b.Holder) })
	return slices.Compact(entries) // an entry can have several hosts under a wildcard
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

// shows reports whether what index has of an object with this name and revision
// may be part of an answer. No control plane sees both of two that are for
// different revisions; what has no revision, every one sees.
func (v *View) shows(index *Index, ref Ref, revision string) bool {
	if _, outdated := v.live[ref]; outdated && index == v.index {
		return false
	}
	return ref != v.self && (revision == "" || v.revision == "" || revision == v.revision)
}
