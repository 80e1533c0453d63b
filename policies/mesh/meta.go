package mesh

import (
	"cmp"
	"slices"
)

// Meta is what the Index keeps of the metadata of an object that is looked for by
// its namespace.
type Meta struct {
	Ref      Ref
	Revision string
	// Created is when the object was created, in seconds since 1970, and 0 when
	// that is not known.
	Created int64
}

func newMeta(object *Object) Meta {
	meta := Meta{Ref: object.Ref, Revision: object.Revision}
	if !object.Created.IsZero() {
		meta.Created = object.Created.Unix()
	}
	return meta
}

func (m *Meta) meta() *Meta { return m }

// kept is a record that has a Meta.
type kept interface {
	comparable
	meta() *Meta
}

// byNamespace holds records of one kind by namespace and name.
type byNamespace[T kept] map[string]map[string]T

func (b byNamespace[T]) put(record T) {
	ref := record.meta().Ref
	if b[ref.Namespace] == nil {
		b[ref.Namespace] = map[string]T{}
	}
	b[ref.Namespace][ref.Name] = record
}

func (b byNamespace[T]) remove(ref Ref) (record T, known bool) {
	record, known = b[ref.Namespace][ref.Name]
	delete(b[ref.Namespace], ref.Name)
	if len(b[ref.Namespace]) == 0 {
		delete(b, ref.Namespace)
	}
	return record, known
}

// shownIn returns the records of a namespace that view shows, the oldest first.
// The function from says where an Index has them.
func shownIn[T kept](view *View, kind Kind, namespace string, from func(*Index) byNamespace[T]) []T {
	view.reads |= KindSet(kind)
	var records []T
	for index := range view.indexes {
		index.lock.RLock()
		for _, record := range from(index)[namespace] {
			if meta := record.meta(); view.shows(index, meta.Ref, meta.Revision) {
				records = append(records, record)
			}
		}
		index.lock.RUnlock()
	}
	oldestFirst(records)
	return records
}

// shown is shownIn for all namespaces. It costs what there is of the kind.
func shown[T kept](view *View, kind Kind, from func(*Index) byNamespace[T]) []T {
	view.reads |= KindSet(kind)
	var records []T
	for index := range view.indexes {
		index.lock.RLock()
		for _, namespace := range from(index) {
			for _, record := range namespace {
				if meta := record.meta(); view.shows(index, meta.Ref, meta.Revision) {
					records = append(records, record)
				}
			}
		}
		index.lock.RUnlock()
	}
	oldestFirst(records)
	return records
}

func oldestFirst[T kept](records []T) {
	slices.SortFunc(records, func(a, b T) int {
		left, right := a.meta(), b.meta()
		return cmp.Or(cmp.Compare(left.Created, right.Created), left.Ref.Compare(right.Ref))
	})
}
