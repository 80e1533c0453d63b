package claims

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"time"

	"fedmesh.io/fedmesh/policies/mesh"
	"fedmesh.io/fedmesh/webhook/feed"
)

// controller is a replica's controller: its Reconciler is the real one, what tells
// it where to look lags behind.
type controller struct {
	world     *world
	name      string
	replica   int
	conflicts *conflicts
	// real tells which keys a change concerns, as in production.
	real *Controller

	// seen is how many versions of each object, and of each claim, have arrived.
	seen       map[mesh.Ref]int
	seenClaims map[Key]int
	// arrived is how many of the server's events these are.
	arrived int
	// leading is true while it does more than to follow the objects.
	leading bool
	// life is another one after each crash.
	life int

	// The queue, as k8s.io/client-go/util/workqueue has it: an item that is being
	// looked at is not looked at a second time at the same moment.
	queue, busy, again []item
	delayed            []delayedItem
}

type delayedItem struct {
	item item
	at   time.Duration
}

func (w *world) startController(replica, workers int) *controller {
	c := &controller{
		world: w, name: fmt.Sprintf("controller-%d", replica), replica: replica,
		conflicts: newConflicts(reporter{w}),
		real:      &Controller{mesh: &indexed{federation: everythingFederated}},
		seen:      map[mesh.Ref]int{}, seenClaims: map[Key]int{},
	}
	w.controllers = append(w.controllers, c)
	w.startSteps(c.name+" events", c.lagging, c.deliver)
	for number := range workers {
		worker := w.start(fmt.Sprintf("%s worker %d", c.name, number), c.work)
		worker.background = true
	}
	return c
}

// known is the version of an object that the controller's index has.
func (c *controller) known(ref mesh.Ref) *version {
	seen := c.seen[ref]
	if seen == 0 {
		return nil
	}
	if v := c.world.server.past[ref][seen-1]; !v.gone {
		return v
	}
	return nil
}

// Users is Mesh's.
func (c *controller) Users(key Key) []User {
	var users []User
	for _, ref := range c.world.server.refs {
		v := c.known(ref)
		if v == nil {
			continue
		}
		for _, use := range v.uses {
			if use.Key == key {
				users = append(users, User{Ref: ref, Identity: mesh.IdentityOf(v.uid), Revision: v.object.Revision, Hosts: use.Hosts})
			}
		}
	}
	return users
}

// InServiceRange is Mesh's.
func (c *controller) InServiceRange(netip.Addr) bool { return false }

// lagging reports whether there are events that have not arrived.
func (c *controller) lagging() bool { return c.arrived < c.world.server.events }

// deliver lets one event arrive: those of one object in order, those of several in
// any order.
func (c *controller) deliver() {
	s := c.world.server
	var refs []mesh.Ref
	var keys []Key
	for _, ref := range s.refs {
		if c.seen[ref] < len(s.past[ref]) {
			refs = append(refs, ref)
		}
	}
	for _, key := range s.keys {
		if c.seenClaims[key] < len(s.pastClaims[key]) {
			keys = append(keys, key)
		}
	}
	which := c.world.random.IntN(len(refs) + len(keys))
	if which < len(refs) {
		c.changed(refs[which])
		return
	}
	key := keys[which-len(refs)]
	claim := s.pastClaims[key][c.seenClaims[key]]
	c.seenClaims[key]++
	c.arrived++
	if c.leading {
		c.look(key, claim)
	}
}

// changed lets the next event of an object arrive.
func (c *controller) changed(ref mesh.Ref) {
	before := c.known(ref)
	c.seen[ref]++
	c.arrived++
	next := c.world.server.past[ref][c.seen[ref]-1]
	change := feed.Change{Ref: ref, UID: next.uid, Gone: next.gone, After: next.record}
	if before != nil {
		change.Before = before.record
	}
	if c.world.tracing() {
		c.world.note("%s: sees %s (gone %t)", c.name, describeVersion(next), next.gone)
	}
	for _, what := range c.real.concerned(change) {
		if change.Gone && c.world.defect.gone != nil {
			what.stored = c.world.defect.gone(c.world, what.key, ref)
		}
		if c.leading {
			c.add(what)
		}
	}
}

// look does what watchStore.look and watchStore.Delete do with a claim.
func (c *controller) look(key Key, claim *Claim) {
	users := c.Users(key)
	if claim == nil {
		if len(users) > 0 {
			c.add(item{key: key})
		}
		return
	}
	atOnce, later := claim.due(users, c.world.clock(c.replica)())
	if atOnce {
		c.add(item{key: key})
	}
	if later > 0 {
		c.addAfter(item{key: key}, later)
	}
}

// lead begins to lead: it looks at all claims, and at what has none.
func (c *controller) lead() {
	s := c.world.server
	c.leading = true
	for _, key := range s.keys {
		c.arrived += len(s.pastClaims[key]) - c.seenClaims[key]
		c.seenClaims[key] = len(s.pastClaims[key])
		if claim := s.claims[key]; claim != nil {
			c.look(key, claim)
		}
	}
	for _, ref := range s.refs {
		if v := c.known(ref); v != nil {
			for _, use := range v.uses {
				if s.claims[use.Key] == nil {
					c.add(item{key: use.Key})
				}
			}
		}
	}
}

// rest ends that. What is under way goes on.
func (c *controller) rest() {
	c.leading = false
	c.queue, c.again, c.delayed = nil, nil, nil
}

// restart is what becomes of a process that crashes: it lists everything anew.
func (c *controller) restart() {
	c.world.note("%s: starts anew", c.name)
	c.life++
	c.busy = nil
	c.rest()
	c.conflicts.forget()
	for _, ref := range c.world.server.refs {
		c.arrived += len(c.world.server.past[ref]) - c.seen[ref]
		c.seen[ref] = len(c.world.server.past[ref])
	}
	c.lead()
}

func (c *controller) add(what item) {
	switch {
	case slices.Contains(c.busy, what):
		if !slices.Contains(c.again, what) {
			c.again = append(c.again, what)
		}
	case !slices.Contains(c.queue, what):
		c.queue = append(c.queue, what)
	}
}

func (c *controller) addAfter(what item, delay time.Duration) {
	if delay <= 0 {
		c.add(what)
		return
	}
	// Of two times for one item, the earlier one counts.
	at := c.world.now + delay
	for i := range c.delayed {
		if c.delayed[i].item == what {
			c.delayed[i].at = min(c.delayed[i].at, at)
			return
		}
	}
	c.delayed = append(c.delayed, delayedItem{what, at})
}

// waiting reports whether there is something in the queue.
func (c *controller) waiting() bool {
	if len(c.queue) > 0 {
		return true
	}
	return slices.ContainsFunc(c.delayed, c.due)
}

func (c *controller) due(delayed delayedItem) bool { return delayed.at <= c.world.now }

// take takes something out of the queue.
func (c *controller) take() item {
	for _, delayed := range c.delayed {
		if c.due(delayed) {
			c.add(delayed.item)
		}
	}
	c.delayed = slices.DeleteFunc(c.delayed, c.due)
	if len(c.queue) == 0 {
		return item{} // it is being looked at, and will be again
	}
	which := c.world.random.IntN(len(c.queue))
	what := c.queue[which]
	c.queue = slices.Delete(c.queue, which, which+1)
	c.busy = append(c.busy, what)
	return what
}

// work is what a worker does, as Controller.work.
func (c *controller) work(a *actor) {
	for a.wait(c.waiting) {
		what := c.take()
		if what.key.Kind == "" {
			continue
		}
		life := c.life
		connection := &connection{
			world: c.world, server: c.world.server, actor: a, name: a.name,
			crashes: controllerCrashed, unconditional: c.world.defect.unconditional,
			alive: func() bool { return c.life == life },
		}
		if c.world.tracing() {
			c.world.note("%s: looks at %s, stored %q", a.name, what.key, what.stored)
		}
		after, err := c.reconciler(connection).Reconcile(context.Background(), what.key, what.stored)
		if a.dead {
			return
		}
		if c.life != life {
			continue
		}
		if connection.crashed {
			c.restart()
			continue
		}
		c.busy = slices.DeleteFunc(c.busy, func(other item) bool { return other == what })
		if slices.Contains(c.again, what) {
			c.again = slices.DeleteFunc(c.again, func(other item) bool { return other == what })
			c.add(what)
		}
		switch {
		case !c.leading:
		case err == nil:
			if after > 0 {
				c.addAfter(item{key: what.key}, after)
			}
		case retry(err) || errors.Is(err, errLost):
			c.add(what)
		default:
			c.world.fail("%s: %v", a.name, err)
		}
	}
}

func (c *controller) reconciler(connection *connection) *Reconciler {
	var store Store = claimCalls{connection}
	var objects Objects = objectCalls{connection}
	if c.world.defect.controller != nil {
		store, objects = c.world.defect.controller(c, store, objects)
	}
	return &Reconciler{
		store: store, objects: objects, mesh: c, guards: nil, conflicts: c.conflicts, now: c.world.clock(c.replica),
	}
}
