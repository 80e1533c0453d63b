package claims

import (
	"context"
	"fmt"
	"net/http"
	"net/netip"
	"runtime/debug"
	"slices"
	"sync"
	"time"

	"github.com/go-logr/logr"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/kubernetes/typed/coordination/v1"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/util/workqueue"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"fedmesh.io/fedmesh/policies/mesh"
	"fedmesh.io/fedmesh/webhook/feed"
)

const (
	// workers bring claims in line at the same time; each waits for the API
	// server most of the time.
	workers = 8
	// sweepPeriod is how often all claims are looked at, whatever was missed.
	sweepPeriod = 10 * time.Minute
	// The first and the last pause before something that failed is tried again.
	firstPause, lastPause = 50 * time.Millisecond, 30 * time.Second
)

// Options are what a Controller needs. All are required.
type Options struct {
	// Config and HTTPClient say how to reach the API server, Client asks it
	// without a cache.
	Config     *rest.Config
	HTTPClient *http.Client
	Client     client.Client
	// Objects reads objects from the API server.
	Objects Objects
	// Namespace is where claims are, and Identity names this process among those
	// that may be the leader.
	Namespace, Identity string
	// Index is what the cluster is taken to hold, under the Federation.
	Index      *mesh.Index
	Federation func() *mesh.Federation
	// Ready reports whether Index and Federation are known.
	Ready func() bool
	// Reporter is told of conflicts.
	Reporter Reporter
	Log      logr.Logger
}

// Controller keeps claims in line with the objects of the cluster, in one replica
// at a time. Start runs it.
type Controller struct {
	leases     *v1.CoordinationV1Client
	namespace  string
	identity   string
	mesh       *indexed
	reconciler *Reconciler
	ready      func() bool
	log        logr.Logger

	lock sync.Mutex
	// queue holds what the leader has to look at; nil in a replica that is not.
	// Nobody looks at one key twice at the same time.
	queue workqueue.TypedRateLimitingInterface[Key]
	// stored are the uids of items that wait in the queue.
	stored map[Key][]types.UID
	sweep  chan struct{}
}

// item is a key to look at, because of an object with this uid that was seen
// stored.
type item struct {
	key    Key
	stored types.UID
}

// NewController returns a Controller.
func NewController(options Options) (*Controller, error) {
	leases, err := v1.NewForConfigAndClient(options.Config, options.HTTPClient)
	if err != nil {
		return nil, err
	}
	known := &indexed{index: options.Index, federation: options.Federation}
	return &Controller{
		leases:    leases,
		namespace: options.Namespace,
		identity:  options.Identity,
		mesh:      known,
		ready:     options.Ready,
		log:       options.Log,
		sweep:     make(chan struct{}, 1),
		reconciler: &Reconciler{
			store:     NewStore(options.Client, options.Namespace),
			objects:   options.Objects,
			mesh:      known,
			guards:    &guards{client: options.Client},
			conflicts: newConflicts(options.Reporter),
			now:       time.Now,
		},
	}, nil
}

// Conflicts returns how many objects are known to have lost a key of this kind;
// none in a replica that is not the leader.
func (c *Controller) Conflicts(kind KeyKind) int { return c.reconciler.conflicts.count(kind) }

// Changed has the claims of a changed object looked at. It does not block.
func (c *Controller) Changed(change feed.Change) {
	for _, what := range c.concerned(change) {
		c.enqueue(what)
	}
	if change.Ref.Kind == mesh.ServiceCIDR {
		c.Sweep()
	}
}

// concerned returns what a change is a reason to look at.
func (c *Controller) concerned(change feed.Change) []item {
	switch change.Ref.Kind {
	case mesh.ServiceEntry, mesh.Sidecar:
		federation := c.mesh.federation()
		before, after := usesOfRecord(change.Before, federation), usesOfRecord(change.After, federation)
		if !change.Gone && slices.EqualFunc(before, after, Use.same) && change.Before.SameObject(change.After) {
			return nil // a status, a label
		}
		var items []item
		for _, use := range append(before, after...) {
			if what := (item{use.Key, change.UID}); !slices.Contains(items, what) {
				items = append(items, what)
			}
		}
		return items
	case mesh.IPAddress:
		addr, err := netip.ParseAddr(change.Ref.Name)
		if err != nil {
			return nil
		}
		if key := AddressKey(addr); len(c.mesh.Users(key)) > 0 {
			return []item{{key: key}}
		}
	}
	return nil
}

// Sweep has all claims looked at: the configuration has changed.
func (c *Controller) Sweep() {
	select {
	case c.sweep <- struct{}{}:
	default: // one is to come
	}
}

func (c *Controller) enqueue(what item) {
	c.lock.Lock()
	defer c.lock.Unlock()
	if c.queue == nil {
		return
	}
	if what.stored != "" {
		c.stored[what.key] = append(c.stored[what.key], what.stored)
	}
	c.queue.Add(what.key)
}

// take returns the uids that are known for key, and forgets them.
func (c *Controller) take(key Key) []types.UID {
	c.lock.Lock()
	defer c.lock.Unlock()
	stored := c.stored[key]
	delete(c.stored, key)
	return stored
}

// putBack is for what could not be done.
func (c *Controller) putBack(key Key, stored []types.UID) {
	c.lock.Lock()
	defer c.lock.Unlock()
	if len(stored) > 0 {
		c.stored[key] = append(c.stored[key], stored...)
	}
}

// setQueue takes up the work of the leader with a queue, and lays it down with nil.
func (c *Controller) setQueue(queue workqueue.TypedRateLimitingInterface[Key]) {
	c.lock.Lock()
	defer c.lock.Unlock()
	c.queue, c.stored = queue, map[Key][]types.UID{}
}

// Leading reports whether this replica keeps the claims.
func (c *Controller) Leading() bool {
	c.lock.Lock()
	defer c.lock.Unlock()
	return c.queue != nil
}

// lead does the leader's work until ctx ends.
func (c *Controller) lead(ctx context.Context) {
	queue := workqueue.NewTypedRateLimitingQueueWithConfig(
		workqueue.NewTypedItemExponentialFailureRateLimiter[Key](firstPause, lastPause),
		workqueue.TypedRateLimitingQueueConfig[Key]{Name: "claims"})
	c.setQueue(queue)
	var group sync.WaitGroup
	group.Go(func() { c.watch(ctx, queue) })
	for range workers {
		group.Go(func() {
			for c.work(ctx, queue) {
			}
		})
	}
	<-ctx.Done()
	c.setQueue(nil)
	queue.ShutDown()
	group.Wait()
	c.reconciler.conflicts.forget()
}

// work looks at the next claim; it returns false when there will be none.
func (c *Controller) work(ctx context.Context, queue workqueue.TypedRateLimitingInterface[Key]) bool {
	key, shutdown := queue.Get()
	if shutdown {
		return false
	}
	defer queue.Done(key)
	stored := c.take(key)
	again, err := c.reconcile(ctx, key, stored)
	switch {
	case err == nil:
		queue.Forget(key)
		if again > 0 {
			queue.AddAfter(key, again)
		}
	case ctx.Err() != nil:
	default:
		if !retry(err) {
			c.log.Error(err, "Cannot bring a claim in line; trying again", "claim", key.LeaseName())
		}
		c.putBack(key, stored)
		queue.AddRateLimited(key)
	}
	return true
}

// reconcile brings one claim in line. A panic is that claim's misfortune: mesh
// objects wait for this process.
func (c *Controller) reconcile(ctx context.Context, key Key, stored []types.UID) (again time.Duration, err error) {
	defer func() {
		if reason := recover(); reason != nil {
			err = fmt.Errorf("panic: %v\n%s", reason, debug.Stack())
		}
	}()
	return c.reconciler.Reconcile(ctx, key, stored...)
}
