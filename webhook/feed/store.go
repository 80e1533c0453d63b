package feed

import (
	"fmt"

	"github.com/go-logr/logr"
	"k8s.io/client-go/tools/cache"

	"fedmesh.io/fedmesh/policies/mesh"
)

// store is where a reflector puts the objects of one kind: the index. It is for
// one reflector and so for one goroutine at a time.
type store struct {
	kind    mesh.Kind
	index   *mesh.Index
	log     logr.Logger
	changed func(mesh.Ref)
	synced  func()

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
		s.index.Put(item.record)
		s.known[item.record.Ref] = struct{}{}
		s.changed(item.record.Ref)
	case *keptOut:
		s.forget(item.ref)
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
	s.forget(mesh.Ref{Kind: s.kind, Namespace: gone.Namespace, Name: gone.Name})
	return nil
}

func (s *store) forget(ref mesh.Ref) {
	s.index.Delete(ref)
	delete(s.known, ref)
	s.changed(ref)
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
			s.forget(ref)
		}
	}
	s.synced()
	return nil
}

// Resync is for stores that queue; the index has nothing to do.
func (s *store) Resync() error { return nil }
