package claims

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"time"

	"k8s.io/apimachinery/pkg/types"

	"fedmesh.io/fedmesh/policies/mesh"
)

// version is one version of an object. It is never changed.
type version struct {
	design design
	uid    types.UID
	// object as it is stored.
	object *mesh.Object
	// gone is true for the end of an object.
	gone bool
	// finalizer keeps a deleted object stored, and deleting says that it is one.
	finalizer, deleting bool

	needs []need
	// uses are what a controller's index makes of it, under UsesOf.
	uses   []Use
	record mesh.Record
}

// simulatedServer is an API server: what it has, what it had, and how it is
// written. Nothing here takes time; see connection.
type simulatedServer struct {
	revision int
	stored   map[mesh.Ref]*version
	claims   map[Key]*Claim
	// claimCreated is when the Leases were created.
	claimCreated map[Key]time.Duration

	// What there was is kept for those who read it late. A fork keeps nothing.
	past       map[mesh.Ref][]*version
	pastClaims map[Key][]*Claim
	// refs and keys are all that were ever used, in a fixed order.
	refs []mesh.Ref
	keys []Key
	// events is how many versions there were, of objects and of claims.
	events int
	fork   bool
}

func newSimulatedServer() *simulatedServer {
	return &simulatedServer{
		stored: map[mesh.Ref]*version{}, claims: map[Key]*Claim{}, claimCreated: map[Key]time.Duration{},
		past: map[mesh.Ref][]*version{}, pastClaims: map[Key][]*Claim{},
	}
}

// forked returns a server that has the same, and whose claims can be written
// without anybody noticing.
func (s *simulatedServer) forked() *simulatedServer {
	other := *s
	other.claims, other.claimCreated, other.fork = maps.Clone(s.claims), maps.Clone(s.claimCreated), true
	return &other
}

func (s *simulatedServer) nextRevision() string {
	s.revision++
	return strconv.Itoa(s.revision)
}

// put stores a version of an object.
func (s *simulatedServer) put(v *version) {
	ref := v.design.ref
	v.needs = v.design.needs()
	v.object = v.design.object(v.uid, s.nextRevision(), v.object.Created)
	v.uses = UsesOf(v.object, everythingFederated())
	v.record = mesh.NewRecord(v.object)
	s.stored[ref] = v
	s.remember(ref, v)
}

// remove deletes an object.
func (s *simulatedServer) remove(ref mesh.Ref) {
	s.nextRevision()
	v := s.stored[ref]
	delete(s.stored, ref)
	s.remember(ref, &version{design: v.design, uid: v.uid, object: v.object, gone: true})
}

func (s *simulatedServer) remember(ref mesh.Ref, v *version) {
	if _, known := s.past[ref]; !known {
		s.refs = append(s.refs, ref)
	}
	s.past[ref] = append(s.past[ref], v)
	s.events++
}

// copied returns a claim that shares nothing with the one that is stored.
func copied(claim *Claim) *Claim {
	if claim == nil {
		return nil
	}
	other := *claim
	other.Entries = slices.Clone(claim.Entries)
	for i := range other.Entries {
		other.Entries[i].Hosts = slices.Clone(other.Entries[i].Hosts)
	}
	return &other
}

func (s *simulatedServer) createClaim(claim *Claim, now time.Duration) error {
	if s.claims[claim.Key] != nil {
		return ErrConflict
	}
	if claim.ResourceVersion != "" {
		return errors.New("resourceVersion should not be set on objects to be created")
	}
	next := copied(claim)
	next.UID = types.UID("claim-" + s.nextRevision())
	s.claimCreated[claim.Key] = now
	s.writeClaim(claim.Key, next)
	return nil
}

func (s *simulatedServer) updateClaim(claim *Claim) error {
	stored := s.claims[claim.Key]
	if stored == nil || stored.UID != claim.UID || stored.ResourceVersion != claim.ResourceVersion {
		return ErrConflict
	}
	s.writeClaim(claim.Key, copied(claim))
	return nil
}

func (s *simulatedServer) deleteClaim(claim *Claim) error {
	stored := s.claims[claim.Key]
	if stored == nil || stored.UID != claim.UID || stored.ResourceVersion != claim.ResourceVersion {
		return ErrConflict
	}
	s.writeClaim(claim.Key, nil)
	return nil
}

func (s *simulatedServer) writeClaim(key Key, claim *Claim) {
	revision := s.nextRevision()
	if claim == nil {
		delete(s.claims, key)
	} else {
		claim.ResourceVersion = revision
		claim.sort()
		s.claims[key] = claim
	}
	if s.fork {
		return
	}
	if _, known := s.pastClaims[key]; !known {
		s.keys = append(s.keys, key)
	}
	s.pastClaims[key] = append(s.pastClaims[key], claim)
	s.events++
}

// faults are what goes wrong with calls, and how likely.
type faults struct {
	// crash: the process that made the call is no more, and what the API server
	// made of the call is all that stays.
	crash float64
	// lost: the answer does not arrive.
	lost float64
	// stall: the process stands still once it has read something.
	stall float64
}

var (
	errCrashed = errors.New("the process is no more")
	errLost    = errors.New("the connection was lost")
)

// connection is how one process calls the API server for one job: an admission, or
// a look at a claim. Each call is two steps: it is sent, it is executed.
type connection struct {
	world  *world
	server *simulatedServer
	// actor is who waits; nil when nobody else may act in between.
	actor *actor
	// name is for the trace.
	name string
	// alive is false when the process is no more.
	alive func() bool
	// unconditional makes it write whatever was written in between: a mistake.
	unconditional bool
	// readOnly makes every write a failure of the schedule.
	readOnly bool

	crashed bool
	// crashes is what it is called when the process crashes.
	crashes happening
	// disturbed is true when a call has failed for no fault of its own.
	disturbed bool
}

// call makes a call whose effect takes place at one moment.
func (c *connection) call(ctx context.Context, reads bool, effect func() error) error {
	if c.actor == nil {
		return effect()
	}
	w := c.world
	switch {
	case c.crashed || !c.alive():
		return errCrashed
	case ctx.Err() != nil:
		c.disturbed = true
		return ctx.Err() // it is never sent
	case !c.actor.pause():
		return errCrashed
	}
	arrives := true
	if ctx.Err() != nil || !c.alive() {
		// Nobody waits for the answer any more. The call may be under way still.
		arrives = false
	} else if w.faults.crash > 0 && w.chance(w.faults.crash) {
		w.note("%s: crashes", c.name)
		w.happened[c.crashes]++
		arrives, c.crashed = false, true
	}
	if !arrives {
		c.disturbed = true
		if w.chance(0.5) {
			_ = effect()
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		return errCrashed
	}
	err := effect()
	if w.faults.lost > 0 && w.chance(w.faults.lost) {
		w.note("%s: the answer is lost", c.name)
		c.disturbed = true
		err = errLost
	}
	if reads && w.faults.stall > 0 && w.chance(w.faults.stall) {
		pause := pickOf(w, []time.Duration{5, 30, 60, 90}) * time.Second
		w.note("%s: stands still for %s", c.name, pause)
		w.happened[stoodStill]++
		if !c.actor.sleep(pause) {
			return errCrashed
		}
	}
	return err
}

// note writes a call into the trace.
func (c *connection) note(call string, what fmt.Stringer, result string) {
	if c.world.tracing() && !c.server.fork {
		c.world.note("%s: %s %s%s", c.name, call, what, result)
	}
}

// claimCalls is a connection as a Store.
type claimCalls struct{ *connection }

var _ Store = claimCalls{}

// Get is Store's.
func (c claimCalls) Get(ctx context.Context, key Key) (*Claim, error) {
	var claim *Claim
	err := c.call(ctx, true, func() error {
		claim = copied(c.server.claims[key])
		if c.world.tracing() {
			c.note("get claim", key, ": "+describeClaim(claim))
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return claim, nil
}

// Create is Store's.
func (c claimCalls) Create(ctx context.Context, claim *Claim) error {
	return c.write(ctx, "create claim", claim, func() error { return c.server.createClaim(claim, c.world.now) })
}

// Update is Store's.
func (c claimCalls) Update(ctx context.Context, claim *Claim) error {
	return c.write(ctx, "update claim", claim, func() error {
		if stored := c.server.claims[claim.Key]; c.unconditional {
			if stored == nil {
				claim.UID, claim.ResourceVersion = "", ""
				return c.server.createClaim(claim, c.world.now)
			}
			claim.UID, claim.ResourceVersion = stored.UID, stored.ResourceVersion
		}
		return c.server.updateClaim(claim)
	})
}

// Delete is Store's.
func (c claimCalls) Delete(ctx context.Context, claim *Claim) error {
	return c.write(ctx, "delete claim", claim, func() error {
		if stored := c.server.claims[claim.Key]; c.unconditional && stored != nil {
			claim.UID, claim.ResourceVersion = stored.UID, stored.ResourceVersion
		}
		return c.server.deleteClaim(claim)
	})
}

func (c claimCalls) write(ctx context.Context, what string, claim *Claim, effect func() error) error {
	return c.call(ctx, false, func() error {
		before := c.server.claims[claim.Key]
		err := effect()
		if c.world.tracing() {
			result := ": " + describeClaim(claim)
			if err != nil {
				result += ": " + err.Error()
			}
			c.note(what, claim.Key, result)
		}
		if errors.Is(err, ErrConflict) && claim.ResourceVersion != "" {
			c.world.happened[claimConflict]++
		}
		if c.readOnly {
			c.world.fail("%s: a dry-run writes the claim to %s", c.name, claim.Key)
		}
		if err == nil && !c.server.fork {
			c.world.claimWritten(claim.Key, before)
		}
		return err
	})
}

// objectCalls is a connection as Objects.
type objectCalls struct{ *connection }

var _ Objects = objectCalls{}

// Get is Objects'.
func (c objectCalls) Get(ctx context.Context, ref mesh.Ref) (*mesh.Object, error) {
	var object *mesh.Object
	err := c.call(ctx, true, func() error {
		v := c.server.stored[ref]
		if v != nil {
			object = v.object
		}
		if c.world.tracing() {
			c.note("get", ref, ": "+describeVersion(v))
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return object, nil
}

func describeVersion(v *version) string {
	if v == nil {
		return "none"
	}
	return fmt.Sprintf("%s (%s version %s)", v.design, v.uid, v.object.ResourceVersion)
}

func describeClaim(claim *Claim) string {
	if claim == nil {
		return "none"
	}
	text := "version " + claim.ResourceVersion
	for _, entry := range claim.Entries {
		text += fmt.Sprintf(" [%s/%s %s", entry.Ref.Namespace, entry.Ref.Name, entry.UID)
		if len(entry.Hosts) > 0 {
			text += fmt.Sprintf(" for %v", entry.Hosts)
		}
		if entry.Confirmed {
			text += " confirmed]"
			continue
		}
		text += fmt.Sprintf(" %s since %.3fs", entry.Attempt, entry.Since.Sub(scheduleStart).Seconds())
		if entry.OldResourceVersion != "" {
			text += " replaces version " + entry.OldResourceVersion
		}
		text += "]"
	}
	return text
}
