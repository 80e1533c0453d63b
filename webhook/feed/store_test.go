package feed

import (
	"encoding/json"
	"net/netip"
	"testing"

	"github.com/go-logr/logr"
	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/tools/cache"

	"fedmesh.io/fedmesh/policies/mesh"
)

func newStore() (*store, *mesh.Index) {
	index := mesh.NewIndex()
	return &store{
		kind: mesh.ServiceEntry, index: index, log: logr.Discard(),
		changed: func(Change) {}, synced: func() {}, known: map[mesh.Ref]struct{}{},
	}, index
}

func entry(name string, uid types.UID, spec string) *object {
	return &object{ObjectMeta: metav1.ObjectMeta{Namespace: "foo", Name: name, UID: uid}, Spec: json.RawMessage(spec)}
}

// told is a Change as tests compare it: Records as the addresses of the entry,
// and nil where there is none.
type told struct {
	Name          string
	UID           types.UID
	Gone          bool
	Before, After []string
}

func tell(change Change) told {
	addresses := func(record mesh.Record) []string {
		var texts []string
		if record.Entry() != nil {
			for _, addr := range record.Entry().Addresses {
				texts = append(texts, addr.String())
			}
		}
		return texts
	}
	return told{
		Name: change.Ref.Name, UID: change.UID, Gone: change.Gone,
		Before: addresses(change.Before), After: addresses(change.After),
	}
}

// holders names the entries that hold 240.0.0.2.
func holders(index *mesh.Index) []string {
	view := mesh.NewView(index, mesh.Undeclared(), &mesh.Object{Revision: "default"})
	var names []string
	for _, holder := range view.HoldersOf(netip.MustParseAddr("240.0.0.2")) {
		names = append(names, holder.Ref.Name)
	}
	return names
}

const (
	holding = `{"hosts":["a.b.global"],"addresses":["240.0.0.2"]}`
	other   = `{"hosts":["a.b.global"],"addresses":["240.0.0.3"]}`
	wrong   = `{"hosts":7}`
)

// TestStore: after each step the index holds what it should, and what was told of
// the step is what happened.
func TestStore(t *testing.T) {
	store, index := newStore()
	var tellings []told
	store.changed = func(change Change) { tellings = append(tellings, tell(change)) }
	stripped := func(from *object) any {
		item, err := store.Transformer()(from)
		if err != nil {
			t.Fatal(err)
		}
		return item
	}
	two, three := []string{"240.0.0.2"}, []string{"240.0.0.3"}
	for _, step := range []struct {
		name string
		do   func() error
		want []string // the holders of 240.0.0.2
		told []told
	}{
		{"add", func() error { return store.Add(entry("one", "u1", holding)) },
			[]string{"one"}, []told{{Name: "one", UID: "u1", After: two}}},
		{"update by the same", func() error { return store.Update(entry("one", "u1", holding)) },
			[]string{"one"}, []told{{Name: "one", UID: "u1", Before: two, After: two}}},
		{"update to another address", func() error { return store.Update(entry("one", "u1", other)) },
			nil, []told{{Name: "one", UID: "u1", Before: two, After: three}}},
		{"update by one that was created again", func() error { return store.Update(entry("one", "u2", other)) },
			nil, []told{{Name: "one", UID: "u2", Before: three, After: three}}},
		{"add a second", func() error { return store.Add(entry("two", "u3", holding)) },
			[]string{"two"}, []told{{Name: "two", UID: "u3", After: two}}},
		{"what cannot be read takes the place of what was", func() error { return store.Update(entry("two", "u3", wrong)) },
			nil, []told{{Name: "two", UID: "u3", Before: two}}},
		{"delete what could not be read", func() error { return store.Delete(entry("two", "u3", wrong)) },
			nil, []told{{Name: "two", UID: "u3", Gone: true}}},
		{"delete", func() error { return store.Delete(entry("one", "u2", other)) },
			nil, []told{{Name: "one", UID: "u2", Gone: true, Before: three}}},
		{"replace by a list that is stripped already", func() error {
			return store.Replace([]any{stripped(entry("three", "u4", holding)), stripped(entry("four", "u5", wrong))}, "7")
		}, []string{"three"}, []told{{Name: "three", UID: "u4", After: two}, {Name: "four", UID: "u5"}}},
		{"replace by the same", func() error {
			return store.Replace([]any{entry("three", "u4", holding), entry("four", "u5", wrong)}, "7")
		}, []string{"three"}, []told{{Name: "three", UID: "u4", Before: two, After: two}, {Name: "four", UID: "u5"}}},
		{"replace by less", func() error { return store.Replace([]any{entry("four", "u5", wrong)}, "8") },
			nil, []told{{Name: "four", UID: "u5"}, {Name: "three", Gone: true, Before: two}}},
		{"replace by nothing", func() error { return store.Replace(nil, "9") },
			nil, []told{{Name: "four", Gone: true}}},
		{"replace by nothing again", func() error { return store.Replace(nil, "9") }, nil, nil},
	} {
		if err := step.do(); err != nil {
			t.Fatalf("%s: %v", step.name, err)
		}
		if diff := cmp.Diff(step.want, holders(index)); diff != "" {
			t.Errorf("%s: holders of 240.0.0.2 differ (-want +got):\n%s", step.name, diff)
		}
		if diff := cmp.Diff(step.told, tellings); diff != "" {
			t.Errorf("%s: what was told differs (-want +got):\n%s", step.name, diff)
		}
		tellings = nil
	}
}

// TestStoreTellsLast: whoever is told of a change finds it in the index.
func TestStoreTellsLast(t *testing.T) {
	store, index := newStore()
	for _, step := range []struct {
		name string
		do   func() error
		want int
	}{
		{"add", func() error { return store.Add(entry("one", "u1", holding)) }, 1},
		{"cannot be read", func() error { return store.Add(entry("one", "u1", wrong)) }, 0},
		{"add again", func() error { return store.Add(entry("one", "u1", holding)) }, 1},
		{"delete", func() error { return store.Delete(entry("one", "u1", holding)) }, 0},
	} {
		store.changed = func(Change) {
			if got := len(holders(index)); got != step.want {
				t.Errorf("%s: told while there are %d holders; want %d", step.name, got, step.want)
			}
		}
		if err := step.do(); err != nil {
			t.Errorf("%s: %v", step.name, err)
		}
	}
}

// A reflector keeps stripped objects in a store of its own while a list comes
// in; that one needs to find their names.
func TestStrippedObjectsHaveNames(t *testing.T) {
	store, _ := newStore()
	for _, spec := range []string{holding, wrong} {
		item, err := store.Transformer()(entry("one", "u1", spec))
		if err != nil {
			t.Fatal(err)
		}
		if key, err := cache.DeletionHandlingMetaNamespaceKeyFunc(item); err != nil || key != "foo/one" {
			t.Errorf("%s: got key %q (%v); want foo/one", spec, key, err)
		}
	}
}
