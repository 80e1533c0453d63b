package feed

import (
	"k8s.io/apimachinery/pkg/types"

	"fedmesh.io/fedmesh/policies/mesh"
)

// Change is one object that was put into the Index or taken out of it.
//
// Every event of a watch and every object of a list is a Change, also when
// nothing about the object is different: its UID may be. What was deleted and
// created again while nobody watched arrives as an object that was put, with a
// UID that is not the one before.
type Change struct {
	// Ref of the object.
	Ref mesh.Ref
	// UID of the object that was put or that is gone. It is empty where only the
	// absence is known: the object was missing from a list.
	UID types.UID
	// Gone is true when the object is there no longer.
	Gone bool
	// Before is what the Index kept of the object until now; the zero Record when
	// that was nothing.
	Before mesh.Record
	// After is what it keeps now; the zero Record when the object is gone, and
	// when it is there but cannot be read.
	After mesh.Record
}
