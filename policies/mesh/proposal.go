package mesh

import (
	"crypto/sha256"
	"iter"
	"math/big"
	"net/netip"
	"slices"
	"strconv"
)

// hashedProposals is how many addresses a host is proposed by its name alone. With
// nine tenths of the ranges taken, one in a thousand hosts has none among them that
// is free.
const hashedProposals = 64

// Propose returns up to count addresses of ranges that host could have, the best
// first, by what NextFree goes by: usable, not reserved, in no range of Services or
// of Istio's allocator, and held by nobody. What ends in .0 and, of IPv4, in .255 is
// allowed and yet not proposed: too many programs take it for the address of a
// network or for a broadcast. It returns fewer addresses only where there are no
// more: the search ends at nothing else, so that it is for the command line and not
// for admission.
//
// The order of what is proposed is a contract, so that two clusters and two pull
// requests that do not know of each other come to one answer, and different hosts
// to different ones. It hangs on the host and the ranges and on nothing else: what
// is taken or forbidden is left out of the order, and does not change it.
//
//   - The ranges are those of ranges that lie in no other, in the order of their
//     addresses; the address at offset 0 is the first of the first, and so on
//     through all of them. Let size be how many addresses that is.
//   - For n from 0 to 63 comes the address at the offset D(n) mod size, where D(n)
//     is the SHA-256 digest, as a big-endian number, of the canonical host, a slash
//     and n in decimal: "httpbin.bar.global/0".
//   - Behind them come all addresses in order, from the one for n = 0 to the end and
//     from offset 0.
//
// No host, "", has the addresses in order from offset 0.
func (v *View) Propose(host string, ranges []netip.Prefix, count int) []netip.Addr {
	v.reads |= KindSet(ServiceEntry, Service, IPAddress, ServiceCIDR)
	v.index.lock.RLock()
	defer v.index.lock.RUnlock()
	var proposed []netip.Addr
	if len(ranges) == 0 || count <= 0 {
		return nil
	}
	seen := map[netip.Addr]bool{} // the order has an address more than once
	for addr := range v.eachFree(CanonicalHost(host), outermost(ranges)) {
		if seen[addr] {
			continue
		}
		seen[addr] = true
		if proposed = append(proposed, addr); len(proposed) == count {
			break
		}
	}
	return proposed
}

// eachFree goes through the free addresses in the order of Propose.
func (v *View) eachFree(host string, ranges []netip.Prefix) iter.Seq[netip.Addr] {
	return func(yield func(netip.Addr) bool) {
		from := ranges[0].Addr()
		if host != "" {
			from = hashed(host, 0, ranges)
			for n := range hashedProposals {
				addr := hashed(host, n, ranges)
				if refused, _ := v.refused(addr); !refused && !yield(addr) {
					return
				}
			}
		}
		start := slices.IndexFunc(ranges, func(prefix netip.Prefix) bool { return prefix.Contains(from) })
		for i := range len(ranges) + 1 { // the first one again, for what lies before from
			within := ranges[(start+i)%len(ranges)]
			candidate := within.Addr()
			if i == 0 {
				candidate = from
			}
			for within.Contains(candidate) {
				refused, blocked := v.refused(candidate)
				if !refused && !yield(candidate) {
					return
				}
				candidate = after(blocked, candidate)
			}
		}
	}
}

// refused reports whether candidate is not proposed, and the range around it that
// is not either.
func (v *View) refused(candidate netip.Addr) (bool, netip.Prefix) {
	if prefix, found := containing(unusable, candidate); found {
		return true, prefix
	}
	bytes := candidate.AsSlice()
	last := bytes[len(bytes)-1]
	if last == 0 || last == 255 && candidate.Is4() {
		return true, netip.Prefix{}
	}
	return v.taken(candidate)
}

// unusable are the ranges in which Usable finds no address, to be stepped over.
var unusable = []netip.Prefix{
	netip.MustParsePrefix("127.0.0.0/8"), netip.MustParsePrefix("169.254.0.0/16"), netip.MustParsePrefix("224.0.0.0/4"),
	netip.MustParsePrefix("fe80::/10"), netip.MustParsePrefix("ff00::/8"),
}

// outermost returns those of ranges that lie in no other, in order.
func outermost(ranges []netip.Prefix) []netip.Prefix {
	ranges = slices.Clone(ranges)
	slices.SortFunc(ranges, netip.Prefix.Compare) // of those with one address the widest first
	var found []netip.Prefix
	for _, prefix := range ranges {
		if last := len(found) - 1; last < 0 || !found[last].Overlaps(prefix) {
			found = append(found, prefix)
		}
	}
	return found
}

// hashed returns the address of ranges, which do not overlap, that stands at n among
// those for host.
func hashed(host string, n int, ranges []netip.Prefix) netip.Addr {
	size := new(big.Int)
	for _, prefix := range ranges {
		size.Add(size, sizeOf(prefix))
	}
	digest := sha256.Sum256([]byte(host + "/" + strconv.Itoa(n)))
	offset := new(big.Int).SetBytes(digest[:])
	offset.Mod(offset, size)
	for _, prefix := range ranges {
		if here := sizeOf(prefix); offset.Cmp(here) >= 0 {
			offset.Sub(offset, here)
			continue
		}
		bytes := prefix.Addr().AsSlice()
		first := new(big.Int).SetBytes(bytes)
		addr, _ := netip.AddrFromSlice(first.Add(first, offset).FillBytes(bytes))
		return addr
	}
	return netip.Addr{} // the offset is less than the size
}

func sizeOf(prefix netip.Prefix) *big.Int {
	return new(big.Int).Lsh(big.NewInt(1), uint(prefix.Addr().BitLen()-prefix.Bits()))
}
