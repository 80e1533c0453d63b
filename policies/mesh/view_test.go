package mesh

import (
	"math/rand/v2"
	"slices"
	"testing"
)

// TestEachEntry: what is gone through is what EntriesOf lists, and that is in the
// order of Before.
func TestEachEntry(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	index := NewIndex()
	for range 300 {
		index.Put(NewRecord(randomObject(t, random)))
	}
	asker := decode(t, ServiceEntry, `{metadata: {name: a, namespace: foo}}`) // is one of them
	for _, host := range []string{"a.bar.global", "A.bar.global.", "*.bar.global", "*", "x.bar.global"} {
		view := NewView(index, Undeclared(), asker)
		entries := view.EntriesOf(host)
		seen := slices.SortedFunc(view.EachEntry(host), func(a, b *Entry) int {
			switch {
			case a.Before(b):
				return -1
			case b.Before(a):
				return 1
			}
			return 0
		})
		if !slices.Equal(slices.Compact(seen), entries) {
			t.Errorf("%s: went through %v; want %v", host, seen, entries)
		}
	}
}

// TestEachEntryStops: whoever leaves early, by a panic even, leaves the Index
// unlocked.
func TestEachEntryStops(t *testing.T) {
	index := NewIndex()
	for _, name := range []string{"a", "b", "c"} {
		index.Put(NewRecord(decode(t, ServiceEntry, `{metadata: {namespace: foo, name: `+name+`}, spec: {hosts: [x.bar.global]}}`)))
	}
	view := NewView(index, Undeclared(), decode(t, ServiceEntry, `{metadata: {name: x}}`))
	entries := view.EachEntry("*.global")
	if got := view.Reads(); got != KindSet(ServiceEntry) {
		t.Errorf("Reads() = %v; want ServiceEntry", got)
	}
	count := 0
	for range entries {
		count++
		break
	}
	func() {
		defer func() { _ = recover() }()
		for range entries {
			count++
			panic("a rule is broken")
		}
	}()
	if count != 2 {
		t.Errorf("went through %d entries; want 1 twice", count)
	}
	if !index.lock.TryLock() {
		t.Fatal("the Index is still locked")
	}
	index.lock.Unlock()
}
