package feed

import (
	"fmt"

	"github.com/go-logr/logr"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/tools/cache"

	"fedmesh.io/fedmesh/policies/mesh"
)

// store is where a reflector puts the objects of one kind: the index. It is for
// one reflector and so for one goroutine at a time.
type store struct {
	kind    mesh.Kind
	index   *mesh.Index
	log     logr.Logger
	changed func(Change)
	synced  func()

	// known are the objects that the API server has, also those that could not be
	// read: that they are gone is a change, too.
	known map[mesh.Ref]struct{}
}

var _ cache.TransformingStore = (*store)(nil)

// Transformer has the reflector strip objects while a list is still coming in.
func (s *store) Transformer() cache.TransformFunc {
	return func(from any) (any, error) {
		object, ok := from.(*object)
		if !ok {
			return from, nil // stripped already
		}
		kept, err := keep(s.kind, object)
		if err != nil {
			// One object that cannot be read must not keep the others out. The
			// API server has held it against the schema, so Istio fails on it
			// just as well.
			s.log.Error(err, "Left an object out of the index", "kind", s.kind, "namespace", object.Namespace, "name", object.Name)
			ref := mesh.Ref{Kind: s.kind, Namespace: object.Namespace, Name: object.Name}
			return &keptOut{object: object, ref: ref}, nil
		}
		return kept, nil
	}
}

// keptOut is an object that could not be read. It has a name, so that it can
// take the place of what was known under it.
type keptOut struct {
	*object
	ref mesh.Ref
}

// Add puts an object into the index.
func (s *store) Add(from any) error {
	item, err := s.Transformer()(from)
	if err != nil {
		return err
	}
	switch item := item.(type) {
	case *kept:
		record := item.record
		s.known[record.Ref] = struct{}{}
		before := s.index.Put(record)
		s.changed(Change{Ref: record.Ref, UID: item.UID, Before: before, After: record})
	case *keptOut:
		s.known[item.ref] = struct{}{}
		before := s.index.Delete(item.ref)
		s.changed(Change{Ref: item.ref, UID: item.object.UID, Before: before})
	default:
		return fmt.Errorf("a %T is not an object of the feed", from)
	}
	return nil
}

// Update is Add: the index replaces what it knows.
func (s *store) Update(from any) error { return s.Add(from) }

// Delete takes an object out of the index.
func (s *store) Delete(from any) error {
	gone, ok := from.(*object)
	if !ok {
		return fmt.Errorf("a %T is not an object of the feed", from)
	}
	s.forget(mesh.Ref{Kind: s.kind, Namespace: gone.Namespace, Name: gone.Name}, gone.UID)
	return nil
}

func (s *store) forget(ref mesh.Ref, uid types.UID) {
	delete(s.known, ref)
	before := s.index.Delete(ref)
	s.changed(Change{Ref: ref, UID: uid, Gone: true, Before: before})
}

// Replace makes the index hold these objects of the kind and no others. It goes
// object by object: what is in both stays visible all the while.
func (s *store) Replace(list []any, _ string) error {
	before := s.known
	s.known = make(map[mesh.Ref]struct{}, len(list))
	for _, item := range list {
		if err := s.Add(item); err != nil {
			return err
		}
	}
	for ref := range before {
		if _, still := s.known[ref]; !still {
			s.forget(ref, "") // which one is gone, a list does not say
		}
	}
	s.synced()
	return nil
}

// Resync is for stores that queue; the index has nothing to do.
func (s *store) Resync() error { return nil }
