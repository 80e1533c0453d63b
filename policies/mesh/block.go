package mesh

import (
	"bytes"
	"net/netip"

	"github.com/google/btree"
)

// blockBits is how many bits tell the addresses of a block apart: the last byte.
const blockBits = 8

// blockTree knows in which blocks of 256 addresses entries hold any, in the order
// of addresses. Addresses that belong together lie together, so that this takes a
// hundredth of the memory that all addresses in order would.
type blockTree struct {
	tree *btree.BTreeG[block]
}

// block is a block of 256 addresses.
type block struct {
	first addressKey // its last byte is 0
	held  uint32     // how often an entry holds an address in it
}

func newBlockTree() blockTree {
	return blockTree{tree: btree.NewG(btreeDegree, func(a, b block) bool { return bytes.Compare(a.first[:], b.first[:]) < 0 })}
}

func blockOf(addr netip.Addr) block {
	first := addr.As16()
	first[len(first)-1] = 0
	return block{first: first}
}

func (t blockTree) add(addr netip.Addr) {
	at := blockOf(addr)
	known, _ := t.tree.Get(at)
	at.held = known.held + 1
	t.tree.ReplaceOrInsert(at)
}

func (t blockTree) remove(addr netip.Addr) {
	at, _ := t.tree.Get(blockOf(addr))
	if at.held--; at.held > 0 {
		t.tree.ReplaceOrInsert(at)
		return
	}
	t.tree.Delete(at)
}

// next returns the first address of the first block that is not before the one of
// addr, and of addr's family.
func (t blockTree) next(addr netip.Addr) (first netip.Addr, found bool) {
	t.tree.AscendGreaterOrEqual(blockOf(addr), func(at block) bool {
		first, found = netip.AddrFrom16(at.first).Unmap(), true
		return false
	})
	if found && first.Is4() && addr.Is6() {
		return t.next(behindMapped) // IPv4 lies in the midst of IPv6
	}
	return first, found && first.Is4() == addr.Is4()
}

// behindMapped is the first IPv6 address behind those that stand for IPv4.
var behindMapped = netip.AddrFrom16([16]byte{9: 1})
