package feed

import (
	"context"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/go-logr/logr"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/cache"
	"k8s.io/klog/v2"

	"fedmesh.io/fedmesh/policies/mesh"
)

// Resources lists what the index is fed with.
func Resources() []mesh.Resource {
	var resources []mesh.Resource
	for _, kind := range []mesh.Kind{
		mesh.ServiceEntry, mesh.DestinationRule, mesh.Sidecar, mesh.Gateway, mesh.WorkloadEntry, mesh.VirtualService,
		mesh.AuthorizationPolicy, mesh.Certificate, mesh.FederationExemption, mesh.Service, mesh.IPAddress, mesh.ServiceCIDR, mesh.Namespace,
	} {
		resources = append(resources, kind.Resource())
	}
	return resources
}

// retryMissing is how long to wait before asking again for a kind that is not
// installed.
const retryMissing = 5 * time.Second

// Feed keeps an index up to date. Start runs it.
type Feed struct {
	log     logr.Logger
	index   *mesh.Index
	watches []*kindWatch
	// changed is told of every change; it must not block.
	changed func(Change)
}

// kindWatch is the feed of one kind.
type kindWatch struct {
	resource mesh.Resource
	clients  []*client // one a version, in the order of preference
	synced   atomic.Bool
}

// New returns a Feed of index from the API server that config and client speak
// of. The function changed is told of every change once the Index has it: those
// of one kind one after the other, those of several kinds at the same time. It
// must not block. The error is that config makes no client.
func New(config *rest.Config, client *http.Client, index *mesh.Index, log logr.Logger, changed func(Change)) (*Feed, error) {
	feed := &Feed{log: log, index: index, changed: changed}
	for _, resource := range Resources() {
		clients, err := newClients(config, client, resource)
		if err != nil {
			return nil, err
		}
		feed.watches = append(feed.watches, &kindWatch{resource: resource, clients: clients})
	}
	return feed, nil
}

// NeedLeaderElection is false: every replica has an index of its own.
func (f *Feed) NeedLeaderElection() bool { return false }

// needed are the kinds without which nothing can be said: what is unique, what is
// exempt, and what namespaces are like. The others are for rules that warn, each of
// which can go without for a while.
func needed() mesh.Kinds {
	return mesh.KindSet(mesh.ServiceEntry, mesh.Sidecar, mesh.Service, mesh.IPAddress, mesh.ServiceCIDR, mesh.Namespace, mesh.FederationExemption)
}

// HasSynced reports whether the index has held every object of the needed kinds once.
func (f *Feed) HasSynced() bool { return len(f.Missing()) == 0 }

// Missing lists the resources of the needed kinds that have not been listed yet.
func (f *Feed) Missing() []string {
	var missing []string
	for _, watch := range f.watches {
		if !watch.synced.Load() && needed().Has(watch.resource.Kind) {
			missing = append(missing, watch.resource.Plural)
		}
	}
	return missing
}

// Unlisted returns the kinds that have not been listed yet, needed or not.
func (f *Feed) Unlisted() mesh.Kinds {
	var unlisted mesh.Kinds
	for _, watch := range f.watches {
		if !watch.synced.Load() {
			unlisted |= mesh.KindSet(watch.resource.Kind)
		}
	}
	return unlisted
}

// Start feeds the index until ctx ends.
func (f *Feed) Start(ctx context.Context) error {
	var group sync.WaitGroup
	for _, watch := range f.watches {
		group.Go(func() { f.run(ctx, watch) })
	}
	group.Wait()
	return nil
}

// run watches one kind until ctx ends. Where the kind is not installed it waits
// for it, the kind counting as empty.
func (f *Feed) run(ctx context.Context, watch *kindWatch) {
	log := f.log.WithValues("resource", watch.resource.Plural)
	store := &store{
		kind:    watch.resource.Kind,
		index:   f.index,
		log:     log,
		changed: f.changed,
		synced:  func() { watch.synced.Store(true) },
		known:   map[mesh.Ref]struct{}{},
	}
	reported := false
	for ctx.Err() == nil {
		if client := served(ctx, watch); client != nil {
			reported = false
			f.reflect(ctx, client, store)
		} else {
			if !reported {
				log.Info("The kind is not installed; waiting for it", "group", watch.resource.Kind.GroupKind().Group)
				reported = true
			}
			if err := store.Replace(nil, ""); err != nil {
				log.Error(err, "Cannot empty the index")
			}
		}
		select {
		case <-ctx.Done():
		case <-time.After(retryMissing):
		}
	}
}

// served returns the first version of the kind that the API server serves, and
// nil when there is none. On any doubt a version is served, and the reflector's
// own retries find out what is wrong.
func served(ctx context.Context, watch *kindWatch) *client {
	for _, client := range watch.clients {
		_, err := client.ListWithContext(ctx, metav1.ListOptions{Limit: 1})
		if !apierrors.IsNotFound(err) {
			return client
		}
	}
	return nil
}

// reflect runs a reflector until ctx ends or the kind is taken away.
func (f *Feed) reflect(ctx context.Context, client *client, store *store) {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	ctx = klog.NewContext(ctx, f.log)
	reflector := cache.NewReflectorWithOptions(&untilGone{client: client, gone: stop}, &object{}, store, cache.ReflectorOptions{
		Name:            client.plural,
		TypeDescription: store.kind.String(),
		// Mesh objects cannot be written until every kind has been listed, so
		// that half a minute between two tries, the reflector's own, is too long.
		Backoff: &wait.Backoff{Duration: 500 * time.Millisecond, Factor: 2, Steps: 3, Cap: 2 * time.Second},
	})
	reflector.RunWithContext(ctx)
}
