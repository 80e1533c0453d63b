package webhook

import (
	"context"
	"slices"
	"strconv"

	"k8s.io/apimachinery/pkg/types"

	"fedmesh.io/fedmesh/policies/mesh"
	"fedmesh.io/fedmesh/webhook/claims"
)

// apiServer holds objects and claims in memory, for tests of what the webhook
// makes of them. How claims are kept on a real API server, the integration tests
// look at.
type apiServer struct {
	objects map[mesh.Ref]*mesh.Object
	claims  map[claims.Key]*claims.Claim
	writes  int
	err     error // of every call, unless nil
}

func newAPIServer() *apiServer {
	return &apiServer{objects: map[mesh.Ref]*mesh.Object{}, claims: map[claims.Key]*claims.Claim{}}
}

// live is an apiServer as claims.Objects; claims.Store has a Get of its own.
type live struct{ *apiServer }

func (l live) Get(_ context.Context, ref mesh.Ref) (*mesh.Object, error) {
	return l.objects[ref], l.err
}

func (a *apiServer) Get(_ context.Context, key claims.Key) (*claims.Claim, error) {
	stored, ok := a.claims[key]
	if a.err != nil || !ok {
		return nil, a.err
	}
	claim := *stored
	claim.Entries = slices.Clone(stored.Entries)
	return &claim, nil
}

func (a *apiServer) Create(_ context.Context, claim *claims.Claim) error {
	if _, ok := a.claims[claim.Key]; ok && a.err == nil {
		return claims.ErrConflict
	}
	return a.write(claim, func() { a.claims[claim.Key] = claim })
}

func (a *apiServer) Update(_ context.Context, claim *claims.Claim) error {
	if stored := a.claims[claim.Key]; stored == nil || stored.ResourceVersion != claim.ResourceVersion {
		return claims.ErrConflict
	}
	return a.write(claim, func() { a.claims[claim.Key] = claim })
}

func (a *apiServer) Delete(_ context.Context, claim *claims.Claim) error {
	return a.write(claim, func() { delete(a.claims, claim.Key) })
}

func (a *apiServer) write(claim *claims.Claim, change func()) error {
	if a.err != nil {
		return a.err
	}
	a.writes++
	claim.UID, claim.ResourceVersion = types.UID(claim.Key.String()), strconv.Itoa(a.writes)
	change()
	return nil
}
