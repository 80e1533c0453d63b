package claims

import (
	"context"
	"errors"
	"net/netip"
	"slices"
	"time"

	"k8s.io/apimachinery/pkg/types"

	"fedmesh.io/fedmesh/policies/mesh"
)

// User is an object that needs a key, as a cache knows it.
type User struct {
	Ref      mesh.Ref
	Identity mesh.Identity
	Revision string
	// Hosts is the set that it uses an address for; see Use.
	Hosts []string
}

// is reports whether a confirmed entry is the user's.
func (u *User) is(entry *Entry) bool {
	return entry.Confirmed && u.Ref == entry.Ref && u.Identity == mesh.IdentityOf(entry.UID) &&
		u.Revision == entry.Revision && slices.Equal(u.Hosts, entry.Hosts)
}

// Mesh is what a cache knows of the cluster. It may lag behind: it is asked where
// to look and what need not be looked at, never whether a claim may be dropped.
type Mesh interface {
	// Users returns the objects that need key.
	Users(key Key) []User
	// InServiceRange reports whether Kubernetes gives addr to Services.
	InServiceRange(addr netip.Addr) bool
}

// Reconciler brings claims in line with the objects. It is safe for use by several
// goroutines, and by several processes: each write is for the version of the
// claim that was read.
type Reconciler struct {
	store     Store
	objects   Objects
	mesh      Mesh
	guards    *guards // nil: none are kept
	conflicts *conflicts
	now       func() time.Time
}

// Reconcile brings the claim to key in line: entries are judged, objects that use
// the key get one, an empty claim goes. The uids are those of objects that were seen
// stored, so that no request is still to create them. It returns when to look
// again, 0 when only a change is a reason to. After ErrConflict it is to be called
// again.
func (r *Reconciler) Reconcile(ctx context.Context, key Key, stored ...types.UID) (time.Duration, error) {
	claim, err := r.store.Get(ctx, key)
	if err != nil {
		return 0, err
	}
	if claim == nil {
		claim = &Claim{Key: key}
	}
	settled, again, err := r.settle(ctx, claim, stored)
	if err != nil {
		return 0, err
	}
	if err := r.write(ctx, claim, settled); err != nil {
		return 0, err
	}
	// Conflicts are reported also where something refuses IPAddresses.
	var foreign bool
	var guardErr error
	if r.guards != nil && key.Kind == VIP {
		foreign, guardErr = r.guards.keep(ctx, r.mesh, settled)
	}
	overdue, err := r.conflicts.settle(ctx, r.objects, settled, foreign, r.now())
	return sooner(again, overdue), errors.Join(guardErr, err)
}

// settle returns what the claim should be, and when an entry that is pending is
// void at the latest. Confirmed entries that the cache agrees with are not looked
// at: most claims cost one call.
func (r *Reconciler) settle(ctx context.Context, claim *Claim, stored []types.UID) (*Claim, time.Duration, error) {
	users := r.mesh.Users(claim.Key)
	settled := &Claim{Key: claim.Key, UID: claim.UID, ResourceVersion: claim.ResourceVersion}
	objects := newReadOnce(r.objects)
	var again time.Duration
	now := r.now() // no later than the objects are read, or one might be stored in between
	for _, entry := range claim.Entries {
		if slices.ContainsFunc(users, func(u User) bool { return u.is(&entry) }) {
			settled.Entries = append(settled.Entries, entry)
			continue
		}
		live, err := objects.Get(ctx, entry.Ref)
		if err != nil {
			return nil, 0, err
		}
		switch entry.judge(claim.Key, live, now) {
		case held:
			settled.confirm(live)
		case pending:
			if entry.OldResourceVersion == "" && slices.Contains(stored, entry.UID) {
				continue // it was created, and is gone again
			}
			settled.Entries = append(settled.Entries, entry)
			again = sooner(again, entry.voidAfter(now))
		}
	}
	for _, user := range users {
		if slices.ContainsFunc(settled.Entries, func(e Entry) bool { return user.is(&e) }) {
			continue
		}
		live, err := objects.Get(ctx, user.Ref)
		if err != nil {
			return nil, 0, err
		}
		if live != nil {
			settled.confirm(live)
		}
	}
	settled.sort()
	return settled, again, nil
}

// due says of a claim that was just read whether there is anything to do about it:
// at once, when the cache has other users than the claim or two of them cannot
// both be served; and after a while, for entries that will be void by then. Nothing
// else is news: when the object of an entry is stored, its own change says so.
func (c *Claim) due(users []User, now time.Time) (atOnce bool, later time.Duration) {
	agreed, stored := 0, 0
	for i := range c.Entries {
		entry := &c.Entries[i]
		if !entry.Confirmed {
			later = sooner(later, entry.voidAfter(now))
			continue
		}
		stored++
		for j := range users {
			if users[j].is(entry) {
				agreed++
			}
		}
		for j := range i {
			atOnce = atOnce || c.Entries[j].Confirmed && entry.shares(c.Key, &c.Entries[j])
		}
	}
	return atOnce || agreed != stored || agreed != len(users), later
}

// confirm gives object a confirmed entry, if it has the key, in place of the one
// that it may have.
func (c *Claim) confirm(object *mesh.Object) {
	use, ok := useOf(object, c.Key)
	if !ok {
		return
	}
	entry := confirmed(object, use)
	c.Entries = slices.DeleteFunc(c.Entries, func(e Entry) bool {
		return e.Confirmed && e.UID == entry.UID && e.Ref == entry.Ref
	})
	c.Entries = append(c.Entries, entry)
}

// write brings the store from claim, which it has, to settled.
func (r *Reconciler) write(ctx context.Context, claim, settled *Claim) error {
	stored := claim.ResourceVersion != ""
	switch {
	case len(settled.Entries) == 0 && stored:
		return r.store.Delete(ctx, settled)
	case claim.equal(settled):
		return nil
	case stored:
		return r.store.Update(ctx, settled)
	}
	return r.store.Create(ctx, settled)
}

// sooner is the smaller of two durations, of which 0 means never.
func sooner(a, b time.Duration) time.Duration {
	if a == 0 || b != 0 && b < a {
		return b
	}
	return a
}

// retry reports whether an error is one that goes away by itself at once.
func retry(err error) bool { return errors.Is(err, ErrConflict) }
