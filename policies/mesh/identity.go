package mesh

import (
	"hash/fnv"

	"k8s.io/apimachinery/pkg/types"
)

// Identity tells an object from another one that has, or had, its name: four
// bytes of its UID, for which an Entry has room at no cost. That two UIDs have one
// Identity is possible and unlikely, so that it says where to look and decides
// nothing. It is 0 for an object from a file.
type Identity uint32

// IdentityOf returns the Identity of the object with this UID.
func IdentityOf(uid types.UID) Identity {
	if uid == "" {
		return 0
	}
	hash := fnv.New32a()
	_, _ = hash.Write([]byte(uid)) // never fails
	return Identity(hash.Sum32())
}

// SameObject reports whether two records are of one object and one revision of the
// control plane, and not of two that had the same name. The zero Record is of none.
func (r Record) SameObject(other Record) bool {
	switch {
	case r.entry != nil && other.entry != nil:
		return r.entry.Ref == other.entry.Ref && r.entry.Identity == other.entry.Identity && r.entry.Revision == other.entry.Revision
	case r.scope != nil && other.scope != nil:
		return r.scope.Ref == other.scope.Ref && r.scope.Identity == other.scope.Identity && r.scope.Revision == other.scope.Revision
	}
	return false
}
