package claims

import (
	"context"
	"slices"
	"sync"
	"time"

	"fedmesh.io/fedmesh/policies/mesh"
)

// takeOverTime is how long two objects may share a key because one replaces the
// other, before that is reported.
const takeOverTime = 10 * time.Minute

// Reporter is told of stored objects that share what only one may have: those
// older than fedmesh, those admitted while it was down, those that a rule let pass
// with a warning.
type Reporter interface {
	// Conflict says that object has lost key to an older one, or to somebody
	// else's IPAddress. It is called once for as long as that lasts.
	Conflict(ctx context.Context, key Key, object *mesh.Object)
}

// conflicts knows which objects lost their keys.
type conflicts struct {
	reporter Reporter

	lock sync.Mutex
	lost map[Key][]loser
}

// loser is an object that lost a key, told from another one of its name.
type loser struct {
	ref      mesh.Ref
	identity mesh.Identity
}

func newConflicts(reporter Reporter) *conflicts {
	return &conflicts{reporter: reporter, lost: map[Key][]loser{}}
}

// settle reports the objects that lost the claim's key, those that it has not
// reported before. All have when somebody else's IPAddress stands for it. It
// returns after how long an object will not be excused any more for replacing
// another; 0 when there is none.
func (c *conflicts) settle(ctx context.Context, objects Objects, claim *Claim, foreign bool, now time.Time) (time.Duration, error) {
	var losers []loser
	var again time.Duration
	var winners []*Entry
	for i := range claim.Entries {
		entry := &claim.Entries[i]
		if !entry.Confirmed {
			continue
		}
		lost, excused := foreign, time.Duration(0)
		for _, winner := range winners {
			if !entry.shares(claim.Key, winner) {
				continue
			}
			if entry.takesOver(winner) || winner.takesOver(entry) {
				excused = takeOverTime - now.Sub(time.Unix(max(entry.Created, winner.Created), 0))
				lost = lost || excused <= 0
				continue
			}
			lost = true
		}
		if !lost {
			again = sooner(again, max(excused, 0))
			winners = append(winners, entry)
			continue
		}
		losers = append(losers, loser{entry.Ref, mesh.IdentityOf(entry.UID)})
	}
	before := c.replace(claim.Key, losers)
	for _, lost := range losers {
		if slices.Contains(before, lost) {
			continue
		}
		object, err := objects.Get(ctx, lost.ref)
		if err != nil {
			c.replace(claim.Key, before)
			return 0, err
		}
		if object != nil && mesh.IdentityOf(object.UID) == lost.identity {
			c.reporter.Conflict(ctx, claim.Key, object)
		}
	}
	return again, nil
}

// shares reports whether two objects have a key that only one of them may have,
// whichever replaces the other.
func (e *Entry) shares(key Key, other *Entry) bool {
	alone := *e
	alone.Replaces = "" // the two may even replace each other, after a rename and one back
	return alone.yieldsTo(key, other)
}

func (c *conflicts) replace(key Key, losers []loser) []loser {
	c.lock.Lock()
	defer c.lock.Unlock()
	before := c.lost[key]
	delete(c.lost, key)
	if len(losers) > 0 {
		c.lost[key] = losers
	}
	return before
}

// count returns how many objects lost a key of this kind.
func (c *conflicts) count(kind KeyKind) int {
	c.lock.Lock()
	defer c.lock.Unlock()
	count := 0
	for key, losers := range c.lost {
		if key.Kind == kind {
			count += len(losers)
		}
	}
	return count
}

// forget forgets all of them: another replica knows from now on.
func (c *conflicts) forget() {
	c.lock.Lock()
	defer c.lock.Unlock()
	clear(c.lost)
}
