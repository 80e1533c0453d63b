package mesh

import (
	"net/netip"
	"slices"
)

// Usable reports whether addr can be a virtual address at all, and if not, what
// it is: "a multicast address", "a loopback address" and so on.
func Usable(addr netip.Addr) (bool, string) {
	switch {
	case addr.IsMulticast():
		return false, "a multicast address"
	case addr.IsLoopback():
		return false, "a loopback address"
	case addr.IsUnspecified():
		return false, "the unspecified address"
	case addr.IsLinkLocalUnicast():
		return false, "a link-local address"
	case addr == netip.AddrFrom4([4]byte{255, 255, 255, 255}):
		return false, "the broadcast address"
	}
	return true, ""
}

// probes bounds the searches of one View: they are made for messages, not for
// decisions, and hold the Index's lock.
const probes = 1 << 14

// search is where a View's search for free addresses has got to, so that it has
// one answer for an address, another for another, and looks at nothing twice.
type search struct {
	probes  int
	last    map[netip.Prefix]netip.Addr // by range
	answers map[netip.Addr]netip.Addr
}

// NextFree returns the first address after addr that a federated host could
// have: in the ranges of the federation, usable, not reserved, in no range of
// Services or of Istio's allocator, held by nobody, not declared by the View's
// own object, and not the answer for another address. Behind the end of addr's range, and
// where addr lies in none, the search goes on with the ranges' first addresses.
// It returns false when it found none.
func (v *View) NextFree(addr netip.Addr) (netip.Addr, bool) {
	v.reads |= KindSet(ServiceEntry, Service, IPAddress, ServiceCIDR)
	if v.free.answers == nil {
		v.free = search{last: map[netip.Prefix]netip.Addr{}, answers: map[netip.Addr]netip.Addr{}}
	}
	answer, ok := v.free.answers[addr]
	if !ok {
		answer = v.nextFree(addr)
		v.free.answers[addr] = answer
	}
	return answer, answer.IsValid()
}

func (v *View) nextFree(addr netip.Addr) netip.Addr {
	v.index.lock.RLock()
	defer v.index.lock.RUnlock()
	ranges := v.federation.Ranges(addr)
	if i := slices.IndexFunc(ranges, func(prefix netip.Prefix) bool { return prefix.Contains(addr) }); i >= 0 {
		ranges = slices.Insert(ranges, 0, netip.PrefixFrom(addr, ranges[i].Bits()))
	}
	for _, prefix := range ranges {
		within := prefix.Masked()
		candidate := prefix.Addr().Next() // neither addr nor the address of the range itself
		if last, ok := v.free.last[within]; ok && candidate.Compare(last) <= 0 {
			candidate = last.Next()
		}
		for ; within.Contains(candidate) && v.free.probes < probes; v.free.probes++ {
			taken, blocked := v.taken(candidate)
			if !taken {
				v.free.last[within] = candidate
				return candidate
			}
			candidate = after(blocked, candidate)
		}
	}
	return netip.Addr{}
}

// taken reports whether candidate cannot be had; if a whole range cannot, that
// range is returned so that the search can step over it.
func (v *View) taken(candidate netip.Addr) (bool, netip.Prefix) {
	if blocked, ok := v.index.serviceRange(candidate); ok {
		return true, blocked
	}
	if blocked, ok := v.federation.Reserved(candidate); ok {
		return true, blocked
	}
	if blocked, ok := v.federation.AutoRange(candidate); ok {
		return true, blocked
	}
	if usable, _ := Usable(candidate); !usable || slices.Contains(v.own, candidate) {
		return true, netip.Prefix{}
	}
	return v.index.holds(candidate) || v.fresh != nil && v.fresh.holds(candidate), netip.Prefix{}
}

// holds reports whether anybody holds addr.
func (x *Index) holds(addr netip.Addr) bool {
	_, held := x.byAddress.first[addr.As16()]
	return held
}

// after returns the address behind blocked, or behind candidate where nothing
// wider is blocked. It is invalid behind the last address there is.
func after(blocked netip.Prefix, candidate netip.Addr) netip.Addr {
	if !blocked.IsValid() {
		return candidate.Next()
	}
	last := blocked.Masked().Addr().AsSlice()
	for bit := blocked.Bits(); bit < len(last)*8; bit++ {
		last[bit/8] |= 1 << (7 - bit%8)
	}
	addr, _ := netip.AddrFromSlice(last)
	return addr.Next()
}
