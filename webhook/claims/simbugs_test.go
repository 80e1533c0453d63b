package claims

import (
	"context"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/types"

	"fedmesh.io/fedmesh/policies/mesh"
)

// defect is a mistake that an implementation of the protocol could make. It is made
// by what stands around the code, which itself is what production runs.
type defect struct {
	name string
	// unconditional makes all writes of claims ignore what was written since the
	// claim was read.
	unconditional bool
	// skew, if it is not 0, is how far the clock of the first replica is off.
	skew time.Duration
	// admission and controller change what admissions, and controllers, are told
	// and write.
	admission  func(*world, *Request, Store, Objects) (Store, Objects)
	controller func(*controller, Store, Objects) (Store, Objects)
	// uses changes what a request claims.
	uses func(*world, []Use, admission) []Use
	// gone returns the uid that a controller takes for that of a deleted object.
	gone func(*world, Key, mesh.Ref) types.UID

	// run is what the mistake shows in; wholeProtocol when it is nil.
	run func(*world)
	// harmless is true for what looks like a mistake, and is none.
	harmless bool
}

var defects = []*defect{
	{name: "no precondition on writes", unconditional: true},
	{
		name: "no precondition on the admission's writes",
		admission: func(_ *world, _ *Request, store Store, objects Objects) (Store, Objects) {
			store.(claimCalls).unconditional = true
			return store, objects
		},
	},
	{
		name: "no precondition on the controller's writes",
		controller: func(c *controller, store Store, objects Objects) (Store, Objects) {
			store.(claimCalls).unconditional = true
			return store, objects
		},
	},
	{
		name: "age counted from the creation of the claim",
		admission: func(w *world, _ *Request, store Store, objects Objects) (Store, Objects) {
			return agedFromCreation(w, store), objects
		},
		controller: func(c *controller, store Store, objects Objects) (Store, Objects) {
			return agedFromCreation(c.world, store), objects
		},
	},
	{
		name: "age counted from the first entry for an object of that name",
		admission: func(w *world, _ *Request, store Store, objects Objects) (Store, Objects) {
			return agedFromFirst(store), objects
		},
	},
	{
		name: "release on a delete event without comparing the uid",
		gone: func(w *world, key Key, ref mesh.Ref) types.UID {
			if claim := w.server.claims[key]; claim != nil {
				for _, entry := range claim.Entries {
					if entry.Ref == ref {
						return entry.UID
					}
				}
			}
			return ""
		},
	},
	{
		name: "confirming by name",
		controller: func(c *controller, store Store, objects Objects) (Store, Objects) {
			return &alteredStore{Store: store, read: func(claim *Claim) {
				for i := range claim.Entries {
					if live := c.world.server.stored[claim.Entries[i].Ref]; live != nil {
						claim.Entries[i].UID = live.uid
					}
				}
			}}, objects
		},
	},
	{
		name: "sharing an address whatever the hosts are",
		admission: func(_ *world, request *Request, store Store, objects Objects) (Store, Objects) {
			return hiding(store, func(key Key, entry *Entry) bool {
				own := useFor(request, key)
				return key.Kind == VIP && entry.Attempt != request.Attempt && !slices.Equal(own.Hosts, entry.Hosts)
			}), objects
		},
	},
	{
		name: "an address kept with other hosts is no new use",
		uses: func(_ *world, uses []Use, what admission) []Use {
			if what.old == nil {
				return uses
			}
			return slices.DeleteFunc(slices.Clone(uses), func(use Use) bool {
				_, had := what.old.need(use.Key)
				return had
			})
		},
	},
	{
		name: "a request that is admitted again claims nothing",
		uses: func(_ *world, uses []Use, what admission) []Use {
			if what.again {
				return nil
			}
			return uses
		},
	},
	{
		name: "an admission judges by a cache",
		admission: func(w *world, _ *Request, store Store, _ Objects) (Store, Objects) {
			return store, staleObjects{w}
		},
	},
	{
		name: "a controller judges by its cache",
		controller: func(c *controller, store Store, _ Objects) (Store, Objects) {
			return store, cachedObjects{c}
		},
	},
	{
		name: "an admission reads the objects before the claim",
		admission: func(w *world, _ *Request, store Store, objects Objects) (Store, Objects) {
			return readEarly(w, store, objects)
		},
	},
	{
		name: "a controller reads the objects before the claim",
		controller: func(c *controller, store Store, objects Objects) (Store, Objects) {
			return readEarly(c.world, store, objects)
		},
	},
	{
		name: "an age is worked out by a time that is later than the object",
		controller: func(c *controller, store Store, objects Objects) (Store, Objects) {
			early := earlyObjects{}
			return &alteredStore{Store: store, after: early.reading(c.world, objects)}, early
		},
	},
	{
		name: "entries of an object's own name are dropped",
		admission: func(_ *world, request *Request, store Store, objects Objects) (Store, Objects) {
			return &alteredStore{Store: store, read: func(claim *Claim) {
				claim.Entries = slices.DeleteFunc(claim.Entries, func(entry Entry) bool {
					return entry.Ref == request.Object.Ref && !entry.Confirmed && entry.Attempt != request.Attempt
				})
			}}, objects
		},
	},
	{
		name: "entries are taken back by object",
		admission: func(_ *world, request *Request, store Store, objects Objects) (Store, Objects) {
			return &alteredStore{Store: store, read: func(claim *Claim) {
				own := func(entry Entry) bool { return entry.Attempt == request.Attempt }
				if !slices.ContainsFunc(claim.Entries, own) {
					return // it is claiming
				}
				for i := range claim.Entries {
					if claim.Entries[i].UID == request.Object.UID {
						claim.Entries[i].Attempt = request.Attempt
					}
				}
			}}, objects
		},
	},
	{
		name: "entries are not taken back",
		admission: func(_ *world, request *Request, store Store, objects Objects) (Store, Objects) {
			return hiding(store, func(_ Key, entry *Entry) bool { return entry.Attempt == request.Attempt }), objects
		},
	},
	{name: "a clock that is 40 s ahead", skew: 40 * time.Second},
	{
		name: "keys claimed in any order",
		uses: inAnyOrder,
		run:  func(w *world) { sameKeys(w) },
	},
	{
		// Requests may have to come again then, and that is all.
		name: "keys claimed in any order, for safety", uses: inAnyOrder, harmless: true,
	},
}

// TestMistakesAreSeen: what the simulation checks is what goes wrong when somebody
// makes one of the mistakes that suggest themselves.
func TestMistakesAreSeen(t *testing.T) {
	const most = 4000
	for _, defect := range defects {
		t.Run(defect.name, func(t *testing.T) {
			run := defect.run
			if run == nil {
				run = wholeProtocol
			}
			count := most
			if defect.harmless {
				count = most / 10
			}
			for number := range count {
				failure, _ := schedule(uint64(number+1), defect, run, false)
				switch {
				case failure == "":
				case defect.harmless:
					t.Fatalf("seed %d: %s", number+1, failure)
				default:
					t.Logf("seen in schedule %d: %s", number+1, failure)
					return
				}
			}
			if !defect.harmless {
				t.Errorf("not seen in %d schedules", count)
			}
		})
	}
}

func useFor(request *Request, key Key) Use {
	i := slices.IndexFunc(request.Uses, func(use Use) bool { return use.Key == key })
	if i < 0 {
		return Use{Key: key}
	}
	return request.Uses[i]
}

func inAnyOrder(w *world, uses []Use, what admission) []Use {
	uses = slices.Clone(uses)
	// By the object, so that a dry-run does as the request.
	hash := uint64(mesh.IdentityOf(types.UID(what.object.Ref.String())))
	rand.New(rand.NewPCG(hash, 0)).Shuffle(len(uses), func(i, j int) { uses[i], uses[j] = uses[j], uses[i] })
	return uses
}

// alteredStore is a Store that reads claims otherwise than they are.
type alteredStore struct {
	Store
	// before and after are called before and after a claim is read, read with the
	// claim. Each may be nil.
	before, after func(context.Context)
	read          func(*Claim)
	// write is called with a claim that is updated, before it is.
	write func(*Claim)
}

// Get is Store's.
func (s *alteredStore) Get(ctx context.Context, key Key) (*Claim, error) {
	if s.before != nil {
		s.before(ctx)
	}
	claim, err := s.Store.Get(ctx, key)
	if claim != nil && s.read != nil {
		s.read(claim)
	}
	if s.after != nil {
		s.after(ctx)
	}
	return claim, err
}

// Update is Store's.
func (s *alteredStore) Update(ctx context.Context, claim *Claim) error {
	if s.write != nil {
		s.write(claim)
	}
	return s.Store.Update(ctx, claim)
}

// hiding returns a Store in which some entries are not seen; they stay.
func hiding(store Store, hidden func(Key, *Entry) bool) Store {
	unseen := map[Key][]Entry{}
	return &alteredStore{
		Store: store,
		read: func(claim *Claim) {
			unseen[claim.Key] = nil
			claim.Entries = slices.DeleteFunc(claim.Entries, func(entry Entry) bool {
				if !hidden(claim.Key, &entry) {
					return false
				}
				unseen[claim.Key] = append(unseen[claim.Key], entry)
				return true
			})
		},
		write: func(claim *Claim) { claim.Entries = append(claim.Entries, unseen[claim.Key]...) },
	}
}

func agedFromCreation(w *world, store Store) Store {
	return &alteredStore{Store: store, read: func(claim *Claim) {
		for i := range claim.Entries {
			if !claim.Entries[i].Confirmed {
				claim.Entries[i].Since = scheduleStart.Add(w.server.claimCreated[claim.Key])
			}
		}
	}}
}

func agedFromFirst(store Store) Store {
	return &alteredStore{Store: store, write: func(claim *Claim) {
		first := map[mesh.Ref]time.Time{}
		for _, entry := range claim.Entries {
			if since, ok := first[entry.Ref]; !entry.Confirmed && (!ok || entry.Since.Before(since)) {
				first[entry.Ref] = entry.Since
			}
		}
		for i := range claim.Entries {
			if entry := &claim.Entries[i]; !entry.Confirmed {
				entry.Since = first[entry.Ref]
			}
		}
	}}
}

// staleObjects are objects as they were one version before.
type staleObjects struct{ world *world }

// Get is Objects'.
func (s staleObjects) Get(_ context.Context, ref mesh.Ref) (*mesh.Object, error) {
	past := s.world.server.past[ref]
	if len(past) < 2 || past[len(past)-2].gone {
		return nil, nil
	}
	return past[len(past)-2].object, nil
}

// cachedObjects are those of a controller's cache.
type cachedObjects struct{ controller *controller }

// Get is Objects'.
func (c cachedObjects) Get(_ context.Context, ref mesh.Ref) (*mesh.Object, error) {
	if v := c.controller.known(ref); v != nil {
		return v.object, nil
	}
	return nil, nil
}

// earlyObjects are objects as they were before the claim was read.
type earlyObjects map[mesh.Ref]*mesh.Object

// Get is Objects'.
func (e earlyObjects) Get(_ context.Context, ref mesh.Ref) (*mesh.Object, error) { return e[ref], nil }

// reading returns a function that reads all objects.
func (e earlyObjects) reading(w *world, objects Objects) func(context.Context) {
	return func(ctx context.Context) {
		for _, ref := range w.names {
			e[ref], _ = objects.Get(ctx, ref)
		}
	}
}

func readEarly(w *world, store Store, objects Objects) (Store, Objects) {
	early := earlyObjects{}
	return &alteredStore{Store: store, before: early.reading(w, objects)}, early
}
