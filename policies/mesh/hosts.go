package mesh

import (
	"cmp"
	"strings"

	"github.com/google/btree"
)

// hostTree finds entries by host. It is ordered by the host read from its end,
// so that the hosts below a domain stand together and a wildcard is a range.
type hostTree struct {
	tree *btree.BTreeG[hostItem]
}

type hostItem struct {
	host  string
	entry *Entry
}

// btreeDegree trades memory for depth; at 32 half-full nodes waste little and a
// hundred thousand hosts are four levels deep.
const btreeDegree = 32

func newHostTree() hostTree {
	return hostTree{tree: btree.NewG(btreeDegree, lessHostItem)}
}

// lessHostItem orders by host from the end, then by the entry's name. An item
// without an entry comes before all of its host.
func lessHostItem(a, b hostItem) bool {
	if order := compareFromEnd(a.host, b.host); order != 0 {
		return order < 0
	}
	if a.entry == nil || b.entry == nil {
		return a.entry == nil && b.entry != nil
	}
	return a.entry.Ref.Compare(b.entry.Ref) < 0
}

func compareFromEnd(a, b string) int {
	for i, j := len(a)-1, len(b)-1; i >= 0 && j >= 0; i, j = i-1, j-1 {
		if a[i] != b[j] {
			return cmp.Compare(a[i], b[j])
		}
	}
	return cmp.Compare(len(a), len(b))
}

func (t hostTree) add(entry *Entry) {
	for _, host := range entry.Hosts {
		t.tree.ReplaceOrInsert(hostItem{host: host, entry: entry})
	}
}

func (t hostTree) remove(entry *Entry) {
	for _, host := range entry.Hosts {
		t.tree.Delete(hostItem{host: host, entry: entry})
	}
}

// defining calls yield for each entry that defines host, until yield returns
// false.
func (t hostTree) defining(host string, yield func(*Entry) bool) {
	t.tree.AscendGreaterOrEqual(hostItem{host: host}, func(item hostItem) bool {
		return item.host == host && yield(item.entry)
	})
}

// covered calls yield for each entry with a host that pattern stands for, the
// wildcard itself included, until yield returns false.
func (t hostTree) covered(pattern string, yield func(*Entry) bool) {
	suffix, wildcard := strings.CutPrefix(pattern, "*")
	if !wildcard {
		t.defining(pattern, yield)
		return
	}
	t.tree.AscendGreaterOrEqual(hostItem{host: suffix}, func(item hostItem) bool {
		return strings.HasSuffix(item.host, suffix) && yield(item.entry)
	})
}
