package claims

import (
	"context"
	"errors"
	"slices"

	"k8s.io/apimachinery/pkg/types"

	"fedmesh.io/fedmesh/policies/mesh"
)

// Claim is who relies on a key, as the API server has it.
type Claim struct {
	Key     Key
	Entries []Entry

	// UID and ResourceVersion are the Lease's. A claim that is written is written
	// on condition that it still has them.
	UID             types.UID
	ResourceVersion string
}

// sort brings the entries in their order.
func (c *Claim) sort() { slices.SortStableFunc(c.Entries, compareEntries) }

// equal reports whether two claims have the same entries.
func (c *Claim) equal(other *Claim) bool {
	return slices.EqualFunc(c.Entries, other.Entries, func(a, b Entry) bool { return a.equal(&b) })
}

// ErrConflict is what a Store answers when a claim has been written, created or
// deleted since it was read.
var ErrConflict = errors.New("the claim has changed since it was read")

// Store is where claims are. Every method is one call to the API server, and what
// it answers is what the API server has at that moment. Store is an interface so
// that the protocol can be run step by step.
type Store interface {
	// Get returns the claim for key, and nil when there is none.
	Get(ctx context.Context, key Key) (*Claim, error)
	// Create writes a claim that does not exist: else the error is ErrConflict.
	Create(ctx context.Context, claim *Claim) error
	// Update writes a claim, and Delete deletes it, if it is still the version
	// that was read: else the error is ErrConflict.
	Update(ctx context.Context, claim *Claim) error
	Delete(ctx context.Context, claim *Claim) error
}

// Objects reads objects from the API server, never from a cache.
type Objects interface {
	// Get returns the object, and nil when there is none.
	Get(ctx context.Context, ref mesh.Ref) (*mesh.Object, error)
}

// readOnce are Objects of which each is read once. It is for the entries of one
// claim, made after the claim was read.
type readOnce struct {
	objects Objects
	read    map[mesh.Ref]*mesh.Object
}

func newReadOnce(objects Objects) *readOnce {
	return &readOnce{objects: objects, read: map[mesh.Ref]*mesh.Object{}}
}

// Get is Objects's.
func (r *readOnce) Get(ctx context.Context, ref mesh.Ref) (*mesh.Object, error) {
	if live, ok := r.read[ref]; ok {
		return live, nil
	}
	live, err := r.objects.Get(ctx, ref)
	if err == nil {
		r.read[ref] = live
	}
	return live, err
}
