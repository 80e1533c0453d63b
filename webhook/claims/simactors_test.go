package claims

import (
	"fmt"
	"math/bits"
	"time"

	"k8s.io/apimachinery/pkg/types"

	"fedmesh.io/fedmesh/policies/mesh"
)

// populate makes a world small enough for everybody to be in everybody's way, and
// starts those who act in it.
func (w *world) populate() {
	w.addresses, w.hosts = 2+w.random.IntN(3), 2+w.random.IntN(3)
	sidecars := w.chance(0.2)
	w.revisions = w.chance(0.1)
	for number := range 3 + w.random.IntN(4) {
		ref := mesh.Ref{Kind: mesh.ServiceEntry, Namespace: pickOf(w, []string{"a", "b"}), Name: fmt.Sprintf("name%d", number)}
		if sidecars && w.chance(0.5) {
			ref.Kind, ref.Namespace = mesh.Sidecar, "a"
		}
		w.names = append(w.names, ref)
	}
	w.crowded = w.chance(0.3)
	w.webhookTimeout = pickOf(w, []time.Duration{10 * time.Second, 30 * time.Second})
	rate := pickOf(w, []float64{0, 0, 0.01, 0.05})
	w.faults = faults{crash: rate, lost: rate, stall: pickOf(w, []float64{0, 0, 0.03, 0.2})}
	for range w.random.IntN(4) {
		w.preload(w.anyDesign(pickOf(w, w.names)))
	}
	for replica := range pickOf(w, []int{0, 1, 1, 2, 2}) {
		w.startController(replica, 1+w.random.IntN(2)).leading = true
	}
	for number := range 2 + w.random.IntN(4) {
		w.client(fmt.Sprintf("client-%d", number), func(a *actor) {
			for range 1 + w.random.IntN(3) {
				w.operation(a)
			}
		})
	}
	w.disturb()
}

// preload stores an object before anything else happens.
func (w *world) preload(wanted design) {
	if w.server.stored[wanted.ref] != nil {
		return
	}
	uid := types.UID(fmt.Sprintf("uid-%d", w.number()))
	object := wanted.object(uid, "", scheduleStart)
	if w.admit(nil, admission{object: object}) == nil {
		w.server.put(&version{design: wanted, uid: uid, object: object, finalizer: w.chance(0.2)})
		w.note("%s is stored: %s", uid, wanted)
		w.objectWritten(wanted.ref)
	}
}

// disturb starts what happens at any time: controllers that stop and begin to lead,
// crash and look at everything, and dry-runs.
func (w *world) disturb() {
	rare := pickOf(w, []float64{0, 0.01, 0.03})
	w.client("disturbance", func(a *actor) {
		for range 20 {
			if !a.pause() {
				return
			}
			if w.chance(0.15) {
				w.checkDryRun()
			}
			if len(w.controllers) == 0 || !w.chance(rare) {
				continue
			}
			c := pickOf(w, w.controllers)
			switch {
			case w.chance(0.3):
				c.restart()
			case c.leading && w.chance(0.5):
				w.note("%s: stops leading", c.name)
				c.rest()
			default:
				w.note("%s: looks at everything", c.name)
				c.lead()
			}
		}
	})
}

// operation is one thing that a user does.
func (w *world) operation(a *actor) {
	ref := pickOf(w, w.names)
	choice := w.random.IntN(100)
	if w.crowded && w.server.stored[w.names[0]] != nil && w.chance(0.6) {
		ref, choice = w.names[0], 40+w.random.IntN(35)
	}
	switch {
	case choice < 40:
		if w.server.stored[ref] != nil && w.chance(0.7) {
			w.changeSomething(a, ref)
			return
		}
		w.insist(a, w.anyDesign(ref))
	case choice < 65:
		w.changeSomething(a, ref)
	case choice < 75:
		w.remove(a, ref)
	case choice < 88:
		w.replace(a, ref)
	case choice < 93:
		w.rename(a, ref)
	case choice < 97:
		w.finalize(a, ref)
	default:
		_ = w.admit(a, admission{object: w.anyDesign(ref).object("uid-of-nobody", "", scheduleStart), dryRun: true})
	}
}

// anyDesign is any design for an object of that name.
func (w *world) anyDesign(ref mesh.Ref) design {
	d := design{ref: ref}
	if w.revisions {
		d.revision = pickOf(w, []string{"", "one", "two"})
	}
	if ref.Kind == mesh.Sidecar {
		d.selector = w.chance(0.2)
		return d
	}
	d.hosts = w.some(w.hosts, 1)
	d.addresses = w.some(w.addresses, pickOf(w, []int{0, 1, 1, 1, 2}))
	if w.chance(0.2) {
		d.hosts |= w.some(w.hosts, 1)
	}
	if w.chance(0.5) {
		d.exportTo = exportTo(w.random.IntN(len(exports)))
	}
	return d
}

// some is a set of that many of the first numbers, or fewer.
func (w *world) some(of, count int) uint8 {
	var set uint8
	for range count {
		set |= 1 << w.random.IntN(of)
	}
	return set
}

// insist creates an object and tries again as clients do: when told to, and when no
// answer came, while the first request may still be stored.
func (w *world) insist(a *actor, wanted design) {
	finalizer := w.chance(0.2)
	if w.chance(0.15) {
		// The client has given up on this one; the API server has not.
		w.client(a.name+"'s first try", func(a *actor) { w.create(a, wanted, finalizer) })
		if !a.pause() {
			return
		}
	}
	for range 4 {
		outcome := w.create(a, wanted, finalizer)
		if a.dead || outcome == applied || outcome == refusedHeld {
			return
		}
		if outcome == refusedPending && !a.sleep(pickOf(w, []time.Duration{time.Second, 7 * time.Second, 30 * time.Second})) {
			return
		}
	}
}

// changeSomething updates an object, perhaps there and back.
func (w *world) changeSomething(a *actor, ref mesh.Ref) {
	var before *version
	w.update(a, ref, func(old *version) design {
		before = old
		return w.changed(old.design)
	})
	if before != nil && w.chance(0.3) {
		w.update(a, ref, func(*version) design { return before.design })
	}
}

// changed is a design that was changed in one way.
func (w *world) changed(d design) design {
	if d.ref.Kind == mesh.Sidecar {
		d.selector = !d.selector
		return d
	}
	switch w.random.IntN(6) {
	case 0: // other addresses
		d.addresses = w.some(w.addresses, 1)
	case 1: // one address more
		d.addresses |= w.some(w.addresses, 1)
	case 2: // one address less
		d.addresses &^= 1 << (bits.Len8(d.addresses|1) - 1)
	case 3: // other hosts with the same addresses
		d.hosts = w.some(w.hosts, 1+w.random.IntN(2))
	case 4:
		d.exportTo = exportTo(w.random.IntN(len(exports)))
	default:
		d.addresses, d.hosts = w.some(w.addresses, 2), w.some(w.hosts, 2)
	}
	return d
}

// replace deletes an object, and creates one again: under the same name or another,
// the same or not.
func (w *world) replace(a *actor, ref mesh.Ref) {
	wanted := w.anyDesign(ref)
	if old := w.server.stored[ref]; old != nil && w.chance(0.7) {
		wanted = old.design
		wanted.replaces = ""
		if w.chance(0.3) {
			wanted = w.changed(wanted)
		}
	}
	w.remove(a, ref)
	if w.chance(0.5) {
		w.finalize(a, ref)
	}
	if other := pickOf(w, w.names); other.Kind == ref.Kind && w.chance(0.4) {
		wanted.ref = other
	}
	w.insist(a, wanted)
}

// rename creates an object under another name, which replaces the one before, and
// then deletes that.
func (w *world) rename(a *actor, ref mesh.Ref) {
	old := w.server.stored[ref]
	other := pickOf(w, w.names)
	if old == nil || other == ref || other.Kind != ref.Kind || other.Namespace != ref.Namespace {
		w.changeSomething(a, ref)
		return
	}
	wanted := old.design
	wanted.ref, wanted.replaces = other, ref.Name
	w.insist(a, wanted)
	if w.chance(0.8) {
		w.remove(a, ref)
	}
}
