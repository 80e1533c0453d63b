package mesh

import (
	"iter"
	"net/netip"
	"slices"
)

// VIP is an address that an entry holds.
type VIP struct {
	Addr netip.Addr
	// Hosts that the address belongs to, in canonical form: those of the entry, or
	// the one that Istio gave it to.
	Hosts []string
	// Entry that holds it.
	Entry *Entry
}

// EachVIP goes through the addresses of entries that lie in within and in none of
// without, in the order of addresses and, where several entries hold one, the
// oldest first; what Prefer named comes behind the rest. As with EachEntry it
// costs what is gone through, which what without covers is not, and the Index is
// locked for as long.
func (v *View) EachVIP(within netip.Prefix, without []netip.Prefix) iter.Seq[VIP] {
	v.reads |= KindSet(ServiceEntry)
	return func(yield func(VIP) bool) {
		for index := range v.indexes {
			if !v.eachVIP(index, within.Masked(), without, yield) {
				return
			}
		}
	}
}

// eachVIP is EachVIP for one index. It returns false when yield did.
func (v *View) eachVIP(index *Index, within netip.Prefix, without []netip.Prefix, yield func(VIP) bool) bool {
	index.lock.RLock()
	defer index.lock.RUnlock() // also when a rule panics
	for next := within.Addr(); next.IsValid(); {
		first, found := index.blocks.next(next)
		if !found || first.Compare(within.Addr()) > 0 && !within.Contains(first) {
			break
		}
		if covering := coveringBlock(without, first); covering.IsValid() {
			next = after(covering, first)
			continue
		}
		if !v.eachInBlock(index, first, within, without, yield) {
			return false
		}
		next = after(netip.PrefixFrom(first, first.BitLen()-blockBits), first)
	}
	return true
}

// coveringBlock returns the widest of ranges that contain the whole block that
// begins with first; it is invalid when there is none.
func coveringBlock(ranges []netip.Prefix, first netip.Addr) netip.Prefix {
	var widest netip.Prefix
	for _, prefix := range ranges {
		if prefix.Contains(first) && prefix.Bits() <= first.BitLen()-blockBits && (!widest.IsValid() || prefix.Bits() < widest.Bits()) {
			widest = prefix
		}
	}
	return widest
}

// eachInBlock goes through one block, and returns false when yield did.
func (v *View) eachInBlock(index *Index, first netip.Addr, within netip.Prefix, without []netip.Prefix, yield func(VIP) bool) bool {
	addr := first
	for range 1 << blockBits {
		if _, outside := containing(without, addr); !outside && within.Contains(addr) {
			for _, holder := range v.entriesHolding(index, addr) {
				entry, _ := index.entries.Get(&Entry{Holder: Holder{Ref: holder.Ref}})
				if !yield(VIP{Addr: addr, Hosts: holder.Hosts, Entry: entry}) {
					return false
				}
			}
		}
		addr = addr.Next()
	}
	return true
}

// entriesHolding returns the entries that hold addr, the oldest first.
func (v *View) entriesHolding(index *Index, addr netip.Addr) []*Holder {
	holders := index.byAddress.appendTo(nil, addr.As16())
	holders = slices.DeleteFunc(holders, func(h *Holder) bool {
		return h.Ref.Kind != ServiceEntry || !v.shows(index, h.Ref, h.Revision)
	})
	slices.SortFunc(holders, compareHolders)
	return holders
}
