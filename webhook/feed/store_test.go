package feed

import (
	"encoding/json"
	"net/netip"
	"testing"

	"github.com/go-logr/logr"
	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/tools/cache"

	"fedmesh.io/fedmesh/policies/mesh"
)

func newStore() (*store, *mesh.Index) {
	index := mesh.NewIndex()
	return &store{
		kind: mesh.ServiceEntry, index: index, log: logr.Discard(),
		changed: func(mesh.Ref) {}, synced: func() {}, known: map[mesh.Ref]struct{}{},
	}, index
}

func entry(name, spec string) *object {
	return &object{ObjectMeta: metav1.ObjectMeta{Namespace: "foo", Name: name}, Spec: json.RawMessage(spec)}
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

func TestStore(t *testing.T) {
	store, index := newStore()
	transform := store.Transformer()
	for _, step := range []struct {
		name string
		do   func() error
		want []string
	}{
		{"add", func() error { return store.Add(entry("one", holding)) }, []string{"one"}},
		{"update to another address", func() error { return store.Update(entry("one", other)) }, nil},
		{"add a second", func() error { return store.Add(entry("two", holding)) }, []string{"two"}},
		{"what cannot be read takes the place of what was", func() error { return store.Update(entry("two", wrong)) }, nil},
		{"delete what is gone", func() error { return store.Delete(entry("two", wrong)) }, nil},
		{"replace by a list that is stripped already", func() error {
			item, err := transform(entry("three", holding))
			if err != nil {
				return err
			}
			return store.Replace([]any{item}, "7")
		}, []string{"three"}},
		{"replace by nothing", func() error { return store.Replace(nil, "8") }, nil},
	} {
		if err := step.do(); err != nil {
			t.Fatalf("%s: %v", step.name, err)
		}
		if diff := cmp.Diff(step.want, holders(index)); diff != "" {
			t.Errorf("%s: holders of 240.0.0.2 differ (-want +got):\n%s", step.name, diff)
		}
	}
}

// A reflector keeps stripped objects in a store of its own while a list comes
// in; that one needs to find their names.
func TestStrippedObjectsHaveNames(t *testing.T) {
	store, _ := newStore()
	for _, spec := range []string{holding, wrong} {
		item, err := store.Transformer()(entry("one", spec))
		if err != nil {
			t.Fatal(err)
		}
		if key, err := cache.DeletionHandlingMetaNamespaceKeyFunc(item); err != nil || key != "foo/one" {
			t.Errorf("%s: got key %q (%v); want foo/one", spec, key, err)
		}
	}
}
