package mesh

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"net/netip"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"fedmesh.io/fedmesh/policies/api/v1alpha1"
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

// TestEntriesCovering: an entry counts for each name that its wildcard stands for,
// and comes once.
func TestEntriesCovering(t *testing.T) {
	index := NewIndex()
	for i, hosts := range []string{
		`"*.global"`, `"*.bar.global"`, `httpbin.bar.global`, `httpbin.bar.global, "*.bar.global"`, // a to d
		`"*.httpbin.bar.global"`, `bar.global`, `reviews.bar.global`,
	} {
		index.Put(NewRecord(decode(t, ServiceEntry, fmt.Sprintf(
			`{metadata: {namespace: foo, name: %c, creationTimestamp: "2026-01-01T00:00:0%dZ"}, spec: {hosts: [%s]}}`, 'a'+i, 9-i, hosts))))
	}
	view := NewView(index, Undeclared(), decode(t, ServiceEntry, `{}`))
	var got []string
	for _, entry := range view.EntriesCovering("HTTPBIN.bar.global.") {
		got = append(got, entry.Ref.Name)
	}
	if diff := cmp.Diff([]string{"d", "c", "b", "a"}, got); diff != "" {
		t.Errorf("entries differ (-want +got):\n%s", diff)
	}
}

// answersOf is all that a View can be asked about objects.
func answersOf(view *View) map[string]any {
	all := map[string]any{}
	for _, text := range []string{"240.0.0.1", "240.0.0.2", "240.0.0.3", "2001:2::3"} {
		for _, holder := range view.HoldersOf(netip.MustParseAddr(text)) {
			all["holders of "+text] = fmt.Sprint(all["holders of "+text], *holder)
		}
	}
	for _, host := range []string{"a.bar.global", "b.bar.global", "*.bar.global", "*"} {
		for _, entry := range view.EntriesOf(host) {
			all["entries of "+host] = fmt.Sprint(all["entries of "+host], *entry)
		}
		for _, entry := range view.DefinersOf(host) {
			all["definers of "+host] = fmt.Sprint(all["definers of "+host], *entry)
		}
		var each []string
		for entry := range view.EachEntry(host) {
			each = append(each, fmt.Sprint(*entry))
		}
		slices.Sort(each)
		all["each of "+host] = slices.Compact(each)
	}
	for _, namespace := range []string{"foo", "bar"} {
		for _, scope := range view.Sidecars(namespace) {
			all["sidecars of "+namespace] = fmt.Sprint(all["sidecars of "+namespace], *scope)
		}
	}
	alsoAnswers(view, all)
	return all
}

// TestPrefer: an Index that lags behind, with the objects that it has not heard
// of yet, answers like one that is up to date.
func TestPrefer(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 4))
	asker := decode(t, ServiceEntry, `{metadata: {name: a, namespace: foo}}`) // is one of them
	outdated := 0
	for range 200 {
		late, current, live := NewIndex(), NewIndex(), map[Ref]*Object{}
		for range 30 {
			object := randomObject(t, random)
			late.Put(NewRecord(object))
			current.Put(NewRecord(object))
		}
		for range random.IntN(6) {
			object := randomObject(t, random)
			switch {
			case object.Kind == Namespace || object.Kind == ServiceCIDR:
				continue
			case random.IntN(2) == 0:
				current.Delete(object.Ref)
				live[object.Ref] = nil
			default:
				current.Put(NewRecord(object))
				live[object.Ref] = object
			}
		}
		want, before := answersOf(NewView(current, Undeclared(), asker)), answersOf(NewView(late, Undeclared(), asker))
		if !cmp.Equal(want, before) {
			outdated++
		}
		if diff := cmp.Diff(want, answersOf(NewView(late, Undeclared(), asker).Prefer(live))); diff != "" {
			t.Fatalf("answers with %v live differ (-up to date +late):\n%s", slices.Collect(maps.Keys(live)), diff)
		}
	}
	if outdated < 50 {
		t.Errorf("the Index was outdated %d times; want that often enough to tell something", outdated)
	}
}

// TestPreferStops: whoever leaves at the last entry of the Index sees none of
// the live ones.
func TestPreferStops(t *testing.T) {
	index := NewIndex()
	index.Put(NewRecord(decode(t, ServiceEntry, `{metadata: {namespace: foo, name: a}, spec: {hosts: [x.bar.global]}}`)))
	live := decode(t, ServiceEntry, `{metadata: {namespace: foo, name: b}, spec: {hosts: [x.bar.global]}}`)
	view := NewView(index, Undeclared(), decode(t, ServiceEntry, `{metadata: {name: x}}`)).Prefer(map[Ref]*Object{live.Ref: live})
	for _, want := range []int{1, 2} {
		count := 0
		for range view.EachEntry("x.bar.global") {
			if count++; count == want {
				break
			}
		}
		if count != want {
			t.Errorf("went through %d entries; want %d", count, want)
		}
	}
}

// TestNextFreeOfLive: an address that an object holds which the Index has not
// heard of yet is not free.
func TestNextFreeOfLive(t *testing.T) {
	federation := federation(t, func(spec *v1alpha1.FederationSpec) { spec.VIPs.CIDRs = []string{"240.0.0.0/4"} })
	index := NewIndex()
	index.Put(NewRecord(decode(t, ServiceEntry, `{metadata: {namespace: foo, name: a}, spec: {hosts: [a.bar.global], addresses: [240.0.0.2, 240.0.0.4]}}`)))
	live := map[Ref]*Object{}
	for _, object := range []*Object{
		decode(t, ServiceEntry, `{metadata: {namespace: foo, name: b}, spec: {hosts: [b.bar.global], addresses: [240.0.0.3]}}`),
		decode(t, Service, `{metadata: {namespace: foo, name: s}, spec: {clusterIPs: [240.0.0.5]}}`),
	} {
		live[object.Ref] = object
	}
	view := NewView(index, federation, decode(t, ServiceEntry, `{metadata: {name: x}}`)).Prefer(live)
	if got, ok := view.NextFree(netip.MustParseAddr("240.0.0.2")); !ok || got.String() != "240.0.0.6" {
		t.Errorf("next free address is %s, %t; want 240.0.0.6, behind those of the Index and the live ones", got, ok)
	}
}
