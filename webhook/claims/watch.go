package claims

import (
	"context"
	"fmt"
	"net/netip"
	"time"

	"github.com/go-logr/logr"
	coordinationv1 "k8s.io/api/coordination/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/tools/cache"
	"k8s.io/client-go/util/workqueue"
	"k8s.io/klog/v2"
)

// watch follows the claims until ctx ends: for those that others write and
// delete, and for those that were written for nothing. Now and then, and when it
// is asked to, it begins anew and so looks at all of them.
func (c *Controller) watch(ctx context.Context, queue workqueue.TypedRateLimitingInterface[Key]) {
	for ctx.Err() == nil {
		sweep, cancel := context.WithTimeout(klog.NewContext(ctx, c.log), sweepPeriod)
		done := make(chan struct{})
		go func() {
			defer close(done)
			listWatch := cache.NewFilteredListWatchFromClient(c.leases.RESTClient(), "leases", c.namespace,
				func(options *metav1.ListOptions) { options.LabelSelector = Label })
			store := &watchStore{mesh: c.mesh, guards: c.reconciler.guards, queue: queue, log: c.log, ctx: sweep}
			cache.NewReflectorWithOptions(listWatch, &coordinationv1.Lease{}, store, cache.ReflectorOptions{Name: "claims"}).
				RunWithContext(sweep)
		}()
		select {
		case <-c.sweep:
		case <-sweep.Done():
		}
		cancel()
		<-done
	}
}

// watchStore is where the reflector puts claims: what there is to do about them
// goes into the queue, and nothing is kept.
type watchStore struct {
	mesh   *indexed
	guards *guards
	queue  workqueue.TypedRateLimitingInterface[Key]
	log    logr.Logger
	ctx    context.Context // of this watch: the interface has no room for it
}

var _ cache.TransformingStore = (*watchStore)(nil)

// seen is what is left of a claim on its way in: that there is one.
type seen struct {
	metav1.ObjectMeta
}

// Transformer looks at each claim while a list is still coming in.
func (s *watchStore) Transformer() cache.TransformFunc {
	return func(from any) (any, error) {
		lease, ok := from.(*coordinationv1.Lease)
		if !ok {
			return from, nil // looked at already
		}
		s.look(lease)
		return &seen{metav1.ObjectMeta{Namespace: lease.Namespace, Name: lease.Name, ResourceVersion: lease.ResourceVersion}}, nil
	}
}

// look puts a claim into the queue that the index does not agree with, and one
// that is pending for when it is no more.
func (s *watchStore) look(lease *coordinationv1.Lease) {
	claim, err := fromLease(lease)
	if err != nil {
		s.log.Error(err, "A Lease stands where a claim should be; delete it", "lease", lease.Name)
		return
	}
	now, later := claim.due(s.mesh.Users(claim.Key), time.Now())
	if now {
		s.queue.Add(claim.Key)
	}
	if later > 0 {
		s.queue.AddAfter(claim.Key, later)
	}
}

// Add looks at a claim that is new or changed.
func (s *watchStore) Add(from any) error {
	_, err := s.Transformer()(from)
	return err
}

// Update is Add.
func (s *watchStore) Update(from any) error { return s.Add(from) }

// Delete has a claim that is deleted made again, if it is needed.
func (s *watchStore) Delete(from any) error {
	lease, ok := from.(*coordinationv1.Lease)
	if !ok {
		return fmt.Errorf("a %T is no claim", from)
	}
	if key, err := ParseKey(lease.Annotations[keyAnnotation]); err == nil && len(s.mesh.Users(key)) > 0 {
		s.queue.Add(key)
	}
	return nil
}

// Replace has the claims made that are missing among all there are, and their
// guards.
func (s *watchStore) Replace(list []any, _ string) error {
	claimed := make(map[string]bool, len(list))
	for _, element := range list {
		looked, err := s.Transformer()(element)
		if err != nil {
			return err
		}
		if lease, ok := looked.(*seen); ok {
			claimed[lease.Name] = true
		}
	}
	guarded, err := s.guards.list(s.ctx)
	if err != nil {
		return err
	}
	s.mesh.each(func(key Key) {
		if !claimed[key.LeaseName()] || guarded != nil && !guarded[key.Name] && s.wantsGuard(key) {
			s.queue.Add(key)
		}
	})
	for address := range guarded {
		if key := (Key{Kind: VIP, Name: address}); !claimed[key.LeaseName()] {
			s.queue.Add(key)
		}
	}
	return nil
}

// wantsGuard reports whether key is an address that gets an IPAddress.
func (s *watchStore) wantsGuard(key Key) bool {
	addr, err := netip.ParseAddr(key.Name)
	return key.Kind == VIP && err == nil && !s.mesh.InServiceRange(addr)
}

// Resync is for stores that queue by themselves.
func (s *watchStore) Resync() error { return nil }
