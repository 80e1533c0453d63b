package mesh

import (
	"cmp"
	"strings"

	"github.com/google/btree"
)

// hostTree finds records by host. It is ordered by the host read from its end,
// so that the hosts below a domain stand together and a wildcard is a range.
type hostTree[T hosted] struct {
	tree *btree.BTreeG[hostItem[T]]
}

// hosted is a record of an object that is about hosts.
type hosted interface {
	comparable
	name() Ref
	hosts() []string // canonical
}

type hostItem[T hosted] struct {
	host   string
	record T
}

// btreeDegree trades memory for depth; at 32 half-full nodes waste little and a
// hundred thousand hosts are four levels deep.
const btreeDegree = 32

func newHostTree[T hosted]() hostTree[T] {
	return hostTree[T]{tree: btree.NewG(btreeDegree, lessHostItem[T])}
}

// lessHostItem orders by host from the end, then by the object's name. An item
// without a record comes before all of its host.
func lessHostItem[T hosted](a, b hostItem[T]) bool {
	if order := compareFromEnd(a.host, b.host); order != 0 {
		return order < 0
	}
	var none T
	if a.record == none || b.record == none {
		return a.record == none && b.record != none
	}
	return a.record.name().Compare(b.record.name()) < 0
}

func compareFromEnd(a, b string) int {
	for i, j := len(a)-1, len(b)-1; i >= 0 && j >= 0; i, j = i-1, j-1 {
		if a[i] != b[j] {
			return cmp.Compare(a[i], b[j])
		}
	}
	return cmp.Compare(len(a), len(b))
}

func (t hostTree[T]) add(record T) {
	for _, host := range record.hosts() {
		t.tree.ReplaceOrInsert(hostItem[T]{host: host, record: record})
	}
}

func (t hostTree[T]) remove(record T) {
	for _, host := range record.hosts() {
		t.tree.Delete(hostItem[T]{host: host, record: record})
	}
}

// of calls yield for each record of exactly this host, until yield returns false.
func (t hostTree[T]) of(host string, yield func(T) bool) {
	t.tree.AscendGreaterOrEqual(hostItem[T]{host: host}, func(item hostItem[T]) bool {
		return item.host == host && yield(item.record)
	})
}

// under calls yield for each record of a host that pattern stands for, the wildcard
// itself included, until yield returns false.
func (t hostTree[T]) under(pattern string, yield func(T) bool) {
	suffix, wildcard := strings.CutPrefix(pattern, "*")
	if !wildcard {
		t.of(pattern, yield)
		return
	}
	t.tree.AscendGreaterOrEqual(hostItem[T]{host: suffix}, func(item hostItem[T]) bool {
		return strings.HasSuffix(item.host, suffix) && yield(item.record)
	})
}
