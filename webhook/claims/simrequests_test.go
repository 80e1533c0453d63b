package claims

import (
	"context"
	"errors"
	"fmt"
	"time"

	"k8s.io/apimachinery/pkg/types"

	"fedmesh.io/fedmesh/policies/mesh"
)

// outcome is what becomes of a request.
type outcome int

const (
	applied outcome = iota
	unchanged
	// refused because an object has what it needs, and because another request may.
	refusedHeld
	refusedPending
	// failed: nobody could say, in time, whether it may be stored.
	failed
	// dropped: it was let pass and is not stored.
	dropped
)

var errGaveUp = errors.New("the API server gave up on the webhook")

// admission is one call of the webhook.
type admission struct {
	object *mesh.Object
	// old is what it replaces; nil for a creation.
	old    *version
	dryRun bool
	// again is true when the same request has been admitted before.
	again bool
}

// admit asks the webhook.
func (w *world) admit(a *actor, what admission) error {
	began := w.now
	connection, request := w.request(a, w.server, what)
	if len(request.Uses) == 0 {
		return nil
	}
	replica := w.random.IntN(len(w.skews))
	clock := w.clock(replica)
	connection.name = fmt.Sprintf("%s on replica %d", request.Attempt, replica)
	if w.tracing() {
		w.note("%s: %s wants %s, dry-run %t, old %s", connection.name, what.object.UID, describeUses(request.Uses), what.dryRun, what.old.describe())
	}
	var store Store = claimCalls{connection}
	var objects Objects = objectCalls{connection}
	if w.defect.admission != nil {
		store, objects = w.defect.admission(w, &request, store, objects)
	}
	w.attempts[request.Attempt] = began
	ctx := until{context.Background(), w, began + w.webhookTimeout - 500*time.Millisecond}
	err := NewAdmission(store, objects, clock).Claim(ctx, request)
	connection.disturbed = connection.disturbed || ctx.Err() != nil
	w.note("%s: answers %v", connection.name, err)
	w.checkAnswer(connection, &request, began, err)
	if w.now > began+w.webhookTimeout {
		return errGaveUp
	}
	return err
}

// request is what the webhook makes of an admission, and how it calls the API
// server for it: nobody acts in between where there is no actor.
func (w *world) request(a *actor, server *simulatedServer, what admission) (*connection, Request) {
	request := Request{
		Object: what.object, Attempt: fmt.Sprintf("attempt-%d", w.number()), DryRun: what.dryRun,
	}
	var old *mesh.Object
	if what.old != nil {
		request.OldResourceVersion = what.old.object.ResourceVersion
		old = what.old.object
	}
	request.Uses = NewUses(what.object, old, everythingFederated())
	if w.defect.uses != nil {
		request.Uses = w.defect.uses(w, request.Uses, what)
	}
	return &connection{
		world: w, server: server, actor: a, readOnly: what.dryRun,
		crashes: webhookCrashed, unconditional: w.defect.unconditional, alive: func() bool { return true },
	}, request
}

func describeUses(uses []Use) string {
	var keys []string
	for _, use := range uses {
		keys = append(keys, use.Key.String())
	}
	return fmt.Sprint(keys)
}

func (v *version) describe() string { return describeVersion(v) }

// result says what an error of the webhook means for a request.
func result(err error) outcome {
	switch {
	case errors.As(err, new(*HeldError)):
		return refusedHeld
	case errors.As(err, new(*PendingError)):
		return refusedPending
	}
	return failed
}

// untilStored lets time pass between the admission of a request and its commit. It
// returns false when it is never committed: another webhook or a quota refuses it,
// the API server is no more, or its time is over.
func (w *world) untilStored(a *actor, began time.Duration) bool {
	deadline := began + requestTimeout
	switch choice := w.random.IntN(8); {
	case w.reliable:
		a.notBefore = w.now + w.between(0, 5*time.Second)
	case choice == 0:
		a.notBefore = max(w.now, deadline)
	case choice == 1:
		a.notBefore = w.now + w.between(0, deadline-w.now)
	}
	if !a.pause() {
		return false
	}
	if w.now > deadline {
		w.happened[timedOut]++
	}
	return w.now <= deadline && (w.reliable || !w.chance(0.1))
}

// create creates an object: it is admitted first, and only then the API server
// looks whether there is one of that name.
func (w *world) create(a *actor, wanted design, finalizer bool) outcome {
	began := w.now
	uid := types.UID(fmt.Sprintf("uid-%d", w.number()))
	object := wanted.object(uid, "", w.created())
	w.replacing = w.replacing || wanted.replaces != ""
	if w.tracing() {
		w.note("%s: create %s as %s", a.name, wanted, uid)
	}
	err := w.admit(a, admission{object: object})
	if err == nil && w.chance(0.03) {
		// The transport may repeat a call whose answer is lost.
		err = w.admit(a, admission{object: object, again: true})
	}
	switch {
	case err != nil:
		return result(err)
	case !w.untilStored(a, began):
		w.note("%s: %s is not created", a.name, uid)
		return dropped
	case w.server.stored[wanted.ref] != nil:
		w.note("%s: %s is not created: the name exists", a.name, uid)
		w.happened[nameExists]++
		return dropped
	}
	w.countCreation(wanted, began)
	w.server.put(&version{design: wanted, uid: uid, object: object, finalizer: finalizer})
	w.note("%s: %s is created", a.name, uid)
	w.objectWritten(wanted.ref)
	return applied
}

// created is the creation time of an object that is created now.
func (w *world) created() time.Time { return scheduleStart.Add(w.now).Truncate(time.Second) }

func (w *world) countCreation(wanted design, began time.Duration) {
	w.happened[created]++
	if w.now > began+30*time.Second {
		w.happened[createdLate]++
	}
	if len(w.server.past[wanted.ref]) > 0 {
		w.happened[recreated]++
	}
	for _, other := range w.storedVersions() {
		if replaces(wanted, other.design) {
			w.happened[tookOver]++
		}
		if wanted.addresses&other.design.addresses != 0 && wanted.hosts == other.design.hosts {
			w.happened[shared]++
		}
	}
}

// update changes an object. It is admitted against what it replaces, at first
// possibly a stale version of that, and again whenever that has changed since.
func (w *world) update(a *actor, ref mesh.Ref, change func(*version) design) outcome {
	began := w.now
	for try := 0; ; try++ {
		old := w.server.stored[ref]
		if past := w.server.past[ref]; try == 0 && len(past) > 1 && w.chance(0.2) {
			w.happened[staleOld]++
			old = past[len(past)-1-w.random.IntN(min(len(past), 3))]
		}
		if old == nil || old.gone {
			return unchanged
		}
		wanted := change(old)
		wanted.ref = ref
		object := wanted.object(old.uid, old.object.ResourceVersion, old.object.Created)
		if w.tracing() {
			w.note("%s: update to %s", a.name, wanted)
		}
		if wanted == old.design {
			return unchanged
		}
		if err := w.admit(a, admission{object: object, old: old, again: try > 0}); err != nil {
			return result(err)
		}
		if !w.untilStored(a, began) {
			w.note("%s: the update of %s is not stored", a.name, old.uid)
			return dropped
		}
		if live := w.server.stored[ref]; live == nil || live.object.ResourceVersion != old.object.ResourceVersion {
			continue
		}
		w.happened[updated]++
		if try > 0 {
			w.happened[updatedAgain]++
		}
		if wanted.addresses&old.design.addresses != 0 && wanted.hosts != old.design.hosts {
			w.happened[keptWithOther]++
		}
		w.server.put(&version{design: wanted, uid: old.uid, object: object, finalizer: old.finalizer, deleting: old.deleting})
		w.note("%s: %s is updated", a.name, old.uid)
		w.objectWritten(ref)
		return applied
	}
}

// remove deletes an object, or marks it where a finalizer keeps it.
func (w *world) remove(a *actor, ref mesh.Ref) {
	if !a.pause() {
		return
	}
	v := w.server.stored[ref]
	if v == nil {
		return
	}
	if !v.finalizer {
		w.note("%s: delete %s %s", a.name, ref, v.uid)
		w.happened[deleted]++
		w.server.remove(ref)
		return
	}
	if !v.deleting {
		w.note("%s: mark %s %s as deleted", a.name, ref, v.uid)
		w.server.put(&version{design: v.design, uid: v.uid, object: v.object, finalizer: true, deleting: true})
	}
}

// finalize lets a deleted object go.
func (w *world) finalize(a *actor, ref mesh.Ref) {
	if !a.pause() {
		return
	}
	if v := w.server.stored[ref]; v != nil && v.finalizer {
		if v.deleting {
			w.note("%s: finalize %s %s", a.name, ref, v.uid)
			w.happened[deletedLater]++
			w.server.remove(ref)
			return
		}
		w.server.put(&version{design: v.design, uid: v.uid, object: v.object})
	}
}
