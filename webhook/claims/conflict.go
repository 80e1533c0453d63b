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
	// else's IPAddress. It is called once for as long as that lasts, and returns
	// whether anybody wants to know.
	Conflict(ctx context.Context, key Key, object *mesh.Object, to mesh.Ref) bool
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
	to       mesh.Ref
	// wanted is what Reporter.Conflict returned.
	wanted bool
}

func (l loser) same(other loser) bool { return l.ref == other.ref && l.identity == other.identity }

func newConflicts(reporter Reporter) *conflicts {
	return &conflicts{reporter: reporter, lost: map[Key][]loser{}}
}

// settle reports the objects that lost the claim's key, those that it has not
// reported before; nobody else settles the same claim meanwhile. All have lost when
// somebody else's IPAddress stands for it. It returns after how long an object will
// not be excused any more for replacing another; 0 when there is none.
func (c *conflicts) settle(ctx context.Context, objects Objects, claim *Claim, foreign bool, now time.Time) (time.Duration, error) {
	var losers []loser
	var again time.Duration
	var winners []*Entry
	for i := range claim.Entries {
		entry := &claim.Entries[i]
		if !entry.Confirmed {
			continue
		}
		lost, to, excused := foreign, mesh.Ref{Kind: mesh.IPAddress, Name: claim.Key.Name}, time.Duration(0)
		for _, winner := range winners {
			if !entry.shares(claim.Key, winner) {
				continue
			}
			if entry.takesOver(winner) || winner.takesOver(entry) {
				excused = takeOverTime - now.Sub(time.Unix(max(entry.Created, winner.Created), 0))
				if excused > 0 {
					continue
				}
			}
			if !lost {
				lost, to = true, winner.Ref
			}
		}
		if !lost {
			again = sooner(again, max(excused, 0))
			winners = append(winners, entry)
			continue
		}
		losers = append(losers, loser{ref: entry.Ref, identity: mesh.IdentityOf(entry.UID), to: to})
	}
	before := c.known(claim.Key)
	for i := range losers {
		lost := &losers[i]
		if known := slices.IndexFunc(before, lost.same); known >= 0 {
			lost.wanted = before[known].wanted
			continue
		}
		object, err := objects.Get(ctx, lost.ref)
		if err != nil {
			return 0, err
		}
		if object != nil && mesh.IdentityOf(object.UID) == lost.identity {
			lost.wanted = c.reporter.Conflict(ctx, claim.Key, object, lost.to)
		}
	}
	c.replace(claim.Key, losers)
	return again, nil
}

// shares reports whether two objects have a key that only one of them may have,
// whichever replaces the other.
func (e *Entry) shares(key Key, other *Entry) bool {
	alone := *e
	alone.Replaces = "" // the two may even replace each other, after a rename and one back
	return alone.yieldsTo(key, other)
}

func (c *conflicts) known(key Key) []loser {
	c.lock.Lock()
	defer c.lock.Unlock()
	return c.lost[key]
}

func (c *conflicts) replace(key Key, losers []loser) {
	c.lock.Lock()
	defer c.lock.Unlock()
	delete(c.lost, key)
	if len(losers) > 0 {
		c.lost[key] = losers
	}
}

// count returns how often an object lost a key of this kind, where anybody wants
// to know.
func (c *conflicts) count(kind KeyKind) int {
	c.lock.Lock()
	defer c.lock.Unlock()
	count := 0
	for key, losers := range c.lost {
		if key.Kind == kind {
			for _, lost := range losers {
				if lost.wanted {
					count++
				}
			}
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
