package integration

import (
	"context"
	"flag"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"fedmesh.io/fedmesh/policies/mesh"
)

// The seed makes the requests; what they meet is not to be had twice.
var raceSeed = flag.Uint64("race-seed", 0, "what the requests of the race are made of; 0 is by chance")

// What the race is about: few enough of everything that most requests want what
// another one has or wants.
const (
	raceVIPs  = 50
	raceHosts = 50
)

var raceNamespaces = []string{"race-a", "race-b", "race-c", "race-d"}

func raceVIP(n int) string  { return fmt.Sprintf("240.0.0.%d", n+1) }
func raceHost(n int) string { return fmt.Sprintf("host%d.bar.global", n) }

// raceLoad is what workers send until it is stopped: creates, deletes, updates
// and dry runs of ServiceEntries, and now and then of default Sidecars.
type raceLoad struct {
	client  *raceClient
	history *raceHistory

	creates  atomic.Int64
	stopping context.Context // no worker begins anything new when this has ended
	stop     context.CancelFunc
	group    sync.WaitGroup
}

// startLoad starts workers, each of which does one thing after the other. They end
// with the test at the latest. The names of what they create begin with name.
func startLoad(t *testing.T, name string, client *raceClient, history *raceHistory, workers int) *raceLoad {
	t.Helper()
	seed := *raceSeed
	if seed == 0 {
		seed = rand.Uint64()
	}
	t.Logf("%s: -race-seed=%d", name, seed)
	load := &raceLoad{client: client, history: history}
	load.stopping, load.stop = context.WithCancel(context.Background())
	running, abort := context.WithCancel(context.Background())
	t.Cleanup(func() {
		load.stop()
		abort()
		load.wait()
	})
	for n := range workers {
		load.group.Go(func() {
			random := rand.New(rand.NewPCG(seed, uint64(n)))
			for count := 0; load.stopping.Err() == nil; count++ {
				step := &raceStep{load: load, name: fmt.Sprintf("%s-%d-%d", name, n, count), random: random}
				step.run(running)
			}
		})
	}
	return load
}

// reach waits until so many creates have been answered.
func (l *raceLoad) reach(t *testing.T, creates int64) {
	t.Helper()
	within(t, patience, "the load goes on", func() error {
		if now := l.creates.Load(); now < creates {
			return fmt.Errorf("got %d creates; want %d", now, creates)
		}
		return nil
	})
}

// wait waits until what is on its way after stop has been answered.
func (l *raceLoad) wait() { l.group.Wait() }

// within is become for what may take longer.
func within(t *testing.T, bound time.Duration, what string, try func() error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), bound)
	defer cancel()
	for {
		err := try()
		if err == nil {
			return
		}
		select {
		case <-ctx.Done():
			t.Fatalf("%s: %v", what, err)
		case <-time.After(100 * time.Millisecond):
		}
	}
}

// raceStep is one thing that is done, by chance, and at most one object created.
type raceStep struct {
	load   *raceLoad
	name   string // nobody else's
	random *rand.Rand
}

func (s *raceStep) run(ctx context.Context) {
	switch p := s.random.IntN(100); {
	case p < 50:
		s.create(ctx)
	case p < 71:
		s.remove(ctx)
	case p < 84:
		s.update(ctx)
	case p < 92:
		s.try(ctx)
	default:
		s.sidecar(ctx)
	}
}

// newName gives an object a name of its own; one in ten leaves that to the API
// server.
func (s *raceStep) newName(object *raceObject) {
	object.ref.Name = s.name
	if s.random.IntN(10) == 0 {
		object.ref.Name = ""
	}
}

// wish is an entry that somebody could want: for one host or two, with one address
// or two, for everybody or for one namespace. Some want what is there already for
// other namespaces, as one may: with the same hosts, on the same addresses.
func (s *raceStep) wish() *raceObject {
	object := &raceObject{ref: mesh.Ref{Kind: mesh.ServiceEntry, Namespace: s.namespace()}}
	for len(object.hosts) == 0 || len(object.hosts) < 2 && s.random.IntN(4) == 0 {
		object.hosts = with(object.hosts, raceHost(s.random.IntN(raceHosts)))
	}
	for len(object.addresses) == 0 || len(object.addresses) < 2 && s.random.IntN(4) == 0 {
		object.addresses = with(object.addresses, raceVIP(s.random.IntN(raceVIPs)))
	}
	object.exportTo = s.exportTo()
	if other, ok := s.pick(mesh.ServiceEntry); ok && s.random.IntN(5) == 0 {
		object.hosts, object.addresses = other.hosts, other.addresses
	}
	s.newName(object)
	return object
}

func (s *raceStep) namespace() string { return raceNamespaces[s.random.IntN(len(raceNamespaces))] }

// exportTo is everybody, in the ways to spell it, or one namespace.
func (s *raceStep) exportTo() []string {
	switch s.random.IntN(6) {
	case 0:
		return []string{"."}
	case 1:
		return []string{s.namespace()}
	case 2:
		return []string{"*"}
	}
	return nil
}

// pick is one of the stored objects of a kind, as the watch had it a moment ago.
func (s *raceStep) pick(kind mesh.Kind) (*raceObject, bool) {
	all := s.load.history.stored(kind)
	if len(all) == 0 {
		return nil, false
	}
	object := all[s.random.IntN(len(all))]
	return &object, true
}

func (s *raceStep) create(ctx context.Context) {
	s.load.client.create(ctx, s.wish(), false)
	s.load.creates.Add(1)
}

// remove deletes an entry, and often wants at once what it had: under its name or
// under another one.
func (s *raceStep) remove(ctx context.Context) {
	object, ok := s.pick(mesh.ServiceEntry)
	if !ok {
		return
	}
	if s.load.client.remove(ctx, object) != wasStored {
		return // somebody else was faster, and may want the name
	}
	switch s.random.IntN(3) {
	case 0:
		return
	case 1:
		object.ref.Namespace = s.namespace()
		s.newName(object)
	}
	s.load.client.create(ctx, object, false)
	s.load.creates.Add(1)
}

// update moves an entry to another address, gives it other hosts while it keeps
// its address, or shows it to others.
func (s *raceStep) update(ctx context.Context) {
	object, ok := s.pick(mesh.ServiceEntry)
	if !ok {
		return
	}
	s.alter(object)
	if s.random.IntN(2) == 0 {
		s.load.client.patch(ctx, object)
		return
	}
	s.load.client.update(ctx, object, false)
}

func (s *raceStep) alter(object *raceObject) {
	switch s.random.IntN(3) {
	case 0:
		object.addresses = []string{raceVIP(s.random.IntN(raceVIPs))}
	case 1:
		object.hosts = []string{raceHost(s.random.IntN(raceHosts))}
	default:
		object.exportTo = s.exportTo()
		if len(object.exportTo) == 0 {
			object.exportTo = []string{"*"} // a patch does not take away what it does not name
		}
	}
}

// try asks for something without wanting it. A host of its own gives away what it
// leaves behind.
func (s *raceStep) try(ctx context.Context) {
	mark := dryPrefix + s.name
	if object, ok := s.pick(mesh.ServiceEntry); ok && s.random.IntN(2) == 0 {
		s.alter(object)
		object.hosts = with(object.hosts, mark+".bar.global")
		s.load.client.update(ctx, object, true)
		return
	}
	object := s.wish()
	if s.random.IntN(4) == 0 {
		object = s.newSidecar()
	} else {
		object.hosts = with(object.hosts, mark+".bar.global")
	}
	object.ref.Name = mark
	s.load.client.create(ctx, object, true)
}

func (s *raceStep) newSidecar() *raceObject {
	return &raceObject{ref: mesh.Ref{Kind: mesh.Sidecar, Namespace: s.namespace()}}
}

// sidecar creates or deletes a default Sidecar, or lets one be it or not.
func (s *raceStep) sidecar(ctx context.Context) {
	object, ok := s.pick(mesh.Sidecar)
	switch p := s.random.IntN(4); {
	case !ok || p < 2:
		object = s.newSidecar()
		s.newName(object)
		s.load.client.create(ctx, object, false)
		s.load.creates.Add(1)
	case p == 2:
		s.load.client.remove(ctx, object)
	default:
		object.selective = !object.selective
		s.load.client.update(ctx, object, false)
	}
}

// with adds a text to a list that lacks it, and leaves the list alone that it was
// made of.
func with(list []string, text string) []string {
	if slices.Contains(list, text) {
		return list
	}
	return append(slices.Clone(list), text)
}
