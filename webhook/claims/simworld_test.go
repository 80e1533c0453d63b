package claims

import (
	"context"
	"slices"
	"time"

	"fedmesh.io/fedmesh/policies/mesh"
)

const (
	// requestTimeout is when the API server gives up on a request.
	requestTimeout = 34 * time.Second
	// mostSkew is how far the clock of a replica is off, either way.
	mostSkew = 5 * time.Second
	// mostSteps is far more than a schedule takes that comes to rest.
	mostSteps = 50_000
)

// world is everything in one schedule.
type world struct {
	*scheduler
	server *simulatedServer
	faults faults
	defect *defect

	// skews are how far the clocks of the replicas are off.
	skews       []time.Duration
	controllers []*controller

	// addresses and hosts are how many of each there are, names those of all objects.
	addresses, hosts int
	names            []mesh.Ref
	// revisions is true when objects may be for one revision of the control plane.
	revisions bool
	// crowded is true when most want to change one object.
	crowded bool
	// webhookTimeout is how long the API server waits for an admission.
	webhookTimeout time.Duration
	// reliable is true when whatever is let pass is stored.
	reliable bool

	// lawless is true when claims are deleted and objects stored past the protocol.
	// Then nothing holds but that in the end everything is in line.
	lawless bool

	clients int // that have not ended
	count   int // of uids, attempts and the like
	// attempts are when admissions wrote what they claim, by true time.
	attempts map[string]time.Duration
	// replacing is true once an object says that it replaces another.
	replacing bool
	// happened counts what a run of many schedules is worth nothing without.
	happened map[happening]int
	// lastClaimWrite is when a claim was last written.
	lastClaimWrite time.Duration
}

func newWorld(seed uint64, defect *defect) *world {
	w := &world{
		scheduler: newScheduler(seed),
		server:    newSimulatedServer(),
		defect:    defect,
		attempts:  map[string]time.Duration{},
		happened:  map[happening]int{},
	}
	for range 3 {
		w.skews = append(w.skews, w.between(0, 2*mostSkew)-mostSkew)
	}
	return w
}

// clock is the clock of a replica.
func (w *world) clock(replica int) func() time.Time {
	skew := w.skews[replica%len(w.skews)]
	if w.defect.skew != 0 && replica%len(w.skews) == 0 {
		skew = w.defect.skew
	}
	return func() time.Time { return scheduleStart.Add(w.now + skew) }
}

func (w *world) number() int {
	w.count++
	return w.count
}

// until is a context that ends at a moment of the schedule.
type until struct {
	context.Context
	world *world
	end   time.Duration
}

// Err is Context's.
func (u until) Err() error {
	if u.world.now > u.end {
		return context.DeadlineExceeded
	}
	return nil
}

// client starts somebody who sends requests.
func (w *world) client(name string, body func(*actor)) {
	w.clients++
	w.start(name, func(a *actor) {
		body(a)
		w.clients--
	})
}

// wake returns when a controller is to look at a claim again.
func (w *world) wake() (time.Duration, bool) {
	var next time.Duration
	found := false
	for _, c := range w.controllers {
		for _, delayed := range c.delayed {
			if delayed.at > w.now && (!found || delayed.at < next) {
				next, found = delayed.at, true
			}
		}
	}
	return next, found
}

// storedVersions are all stored objects in a fixed order.
func (w *world) storedVersions() []*version {
	var all []*version
	for _, ref := range w.server.refs {
		if v := w.server.stored[ref]; v != nil {
			all = append(all, v)
		}
	}
	return all
}

// pickOf picks one of several.
func pickOf[T any](w *world, choices []T) T { return choices[w.random.IntN(len(choices))] }

// keysInUse are the keys that stored objects use.
func (w *world) keysInUse() map[Key]bool {
	keys := map[Key]bool{}
	for _, v := range w.storedVersions() {
		for _, n := range v.needs {
			keys[n.key] = true
		}
	}
	return keys
}

// without returns a list without its duplicates, in its order.
func without[T comparable](list []T) []T {
	var rest []T
	for _, element := range list {
		if !slices.Contains(rest, element) {
			rest = append(rest, element)
		}
	}
	return rest
}

// allKeys are all keys that an object of this world could use.
func (w *world) allKeys() []Key {
	var keys []Key
	for _, ref := range w.names {
		if ref.Kind == mesh.Sidecar {
			keys = append(keys, Key{Kind: Sidecar, Name: ref.Namespace})
		}
	}
	for host := range w.hosts {
		for _, exportTo := range []string{"", "a", "b"} {
			keys = append(keys, Key{Kind: Host, Name: hostName(host), ExportTo: exportTo})
		}
	}
	for address := range w.addresses {
		keys = append(keys, Key{Kind: VIP, Name: addressName(address)})
	}
	return without(keys)
}
