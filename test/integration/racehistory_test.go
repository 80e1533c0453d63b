package integration

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	coordinationv1 "k8s.io/api/coordination/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/tools/cache"
	toolswatch "k8s.io/client-go/tools/watch"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"fedmesh.io/fedmesh/policies/mesh"
	"fedmesh.io/fedmesh/test/installation"
	"fedmesh.io/fedmesh/webhook/claims"
)

// raceHistory is all that was ever stored of ServiceEntries, Sidecars and claims
// since it was started. It is safe for use by several goroutines.
type raceHistory struct {
	client client.WithWatch

	lock    sync.Mutex
	events  []raceEvent
	objects map[mesh.Ref]raceObject
	claims  map[string]raceClaim // by the name of the Lease
	broken  error
}

// raceEvent is one write of the API server's: either an object or a claim. The
// API server keeps all of them in one etcd, whose revisions count the writes to
// everything, so that events of different watches can be brought in order.
type raceEvent struct {
	revision uint64
	seen     time.Time // for figures; what came first says the revision
	gone     bool
	object   *raceObject
	claim    *raceClaim
}

// recordHistory follows a control plane until the test has ended.
func recordHistory(t *testing.T, api client.WithWatch) *raceHistory {
	t.Helper()
	history := &raceHistory{client: api, objects: map[mesh.Ref]raceObject{}, claims: map[string]raceClaim{}}
	ctx, cancel := context.WithCancel(context.Background())
	var group sync.WaitGroup
	t.Cleanup(func() {
		cancel()
		group.Wait()
	})
	for _, list := range raceLists() {
		stored, version, err := listAll(ctx, api, list)
		if err != nil {
			t.Fatal(err)
		}
		for _, object := range stored {
			history.record(watch.Added, object)
		}
		// The API server ends a watch that falls behind; it goes on where it was.
		changes, err := toolswatch.NewRetryWatcherWithContext(ctx, version, &cache.ListWatch{
			WatchFuncWithContext: func(ctx context.Context, options metav1.ListOptions) (watch.Interface, error) {
				return api.Watch(ctx, list, append(listOptions(list), &client.ListOptions{Raw: &options})...)
			},
		})
		if err != nil {
			t.Fatal(err)
		}
		group.Go(func() {
			for change := range changes.ResultChan() {
				history.record(change.Type, change.Object)
			}
			<-changes.Done()
			if ctx.Err() == nil {
				history.fail(fmt.Errorf("the watch of %T ended", list))
			}
		})
	}
	return history
}

// raceLists are empty lists of what the history holds.
func raceLists() []client.ObjectList {
	var lists []client.ObjectList
	for _, kind := range []mesh.Kind{mesh.ServiceEntry, mesh.Sidecar} {
		lists = append(lists, newRaceList(kind))
	}
	return append(lists, &coordinationv1.LeaseList{})
}

func newRaceList(kind mesh.Kind) *unstructured.UnstructuredList {
	return &unstructured.UnstructuredList{Object: map[string]any{"apiVersion": "networking.istio.io/v1", "kind": kind.String() + "List"}}
}

// listOptions choose the claims among all Leases.
func listOptions(list client.ObjectList) []client.ListOption {
	if _, ok := list.(*coordinationv1.LeaseList); ok {
		return []client.ListOption{client.InNamespace(installation.Namespace), client.HasLabels{claims.Label}}
	}
	return nil
}

func listAll(ctx context.Context, api client.Client, list client.ObjectList) ([]runtime.Object, string, error) {
	if err := api.List(ctx, list, listOptions(list)...); err != nil {
		return nil, "", err
	}
	stored, err := meta.ExtractList(list)
	return stored, list.GetResourceVersion(), err
}

// record notes an event of a watch.
func (h *raceHistory) record(kind watch.EventType, stored runtime.Object) {
	if kind == watch.Error {
		h.fail(fmt.Errorf("a watch failed: %+v", stored))
		return
	}
	event := raceEvent{seen: time.Now(), gone: kind == watch.Deleted}
	version := ""
	switch stored := stored.(type) {
	case *unstructured.Unstructured:
		known, _ := mesh.KindOf(stored.GroupVersionKind().Group, stored.GetKind())
		object := readObject(known, stored)
		event.object, version = &object, object.version
	case *coordinationv1.Lease:
		claim, err := readClaim(stored)
		if err != nil {
			h.fail(err)
			return
		}
		event.claim, version = &claim, claim.version
	}
	var err error
	if event.revision, err = strconv.ParseUint(version, 10, 64); err != nil {
		h.fail(fmt.Errorf("cannot read the version of %T: %w", stored, err))
		return
	}
	h.lock.Lock()
	defer h.lock.Unlock()
	h.events = append(h.events, event)
	switch {
	case event.object != nil && event.gone:
		delete(h.objects, event.object.ref)
	case event.object != nil:
		h.objects[event.object.ref] = *event.object
	case event.gone:
		delete(h.claims, event.claim.lease)
	default:
		h.claims[event.claim.lease] = *event.claim
	}
}

func (h *raceHistory) fail(err error) {
	h.lock.Lock()
	defer h.lock.Unlock()
	h.broken = errors.Join(h.broken, err)
}

func (h *raceHistory) failure() error {
	h.lock.Lock()
	defer h.lock.Unlock()
	return h.broken
}

// stored lists the objects of a kind, as far as the watch has come.
func (h *raceHistory) stored(kind mesh.Kind) []raceObject {
	h.lock.Lock()
	defer h.lock.Unlock()
	var objects []raceObject
	for _, ref := range slices.SortedFunc(maps.Keys(h.objects), mesh.Ref.Compare) {
		if ref.Kind == kind {
			objects = append(objects, h.objects[ref])
		}
	}
	return objects
}

// present returns all objects and all claims, as far as the watches have come.
func (h *raceHistory) present() (map[mesh.Ref]raceObject, map[string]raceClaim) {
	h.lock.Lock()
	defer h.lock.Unlock()
	return maps.Clone(h.objects), maps.Clone(h.claims)
}

// complete waits until everything that the API server has is known, and returns
// what happened until then in the order in which it happened.
func (h *raceHistory) complete(t *testing.T) []raceEvent {
	t.Helper()
	within(t, patience, "the watches catch up", func() error {
		if err := h.failure(); err != nil {
			return err
		}
		versions := map[string]bool{}
		for _, list := range raceLists() {
			stored, _, err := listAll(t.Context(), h.client, list)
			if err != nil {
				return err
			}
			for _, object := range stored {
				accessor, err := meta.Accessor(object)
				if err != nil {
					return err
				}
				versions[accessor.GetResourceVersion()] = true
			}
		}
		objects, claims := h.present()
		for _, object := range objects {
			if !versions[object.version] {
				return fmt.Errorf("%s is not stored any more as the watch has it", object.ref)
			}
			delete(versions, object.version)
		}
		for _, claim := range claims {
			if !versions[claim.version] {
				return fmt.Errorf("lease %s is not stored any more as the watch has it", claim.lease)
			}
			delete(versions, claim.version)
		}
		if len(versions) > 0 {
			return fmt.Errorf("%d objects are stored that the watches do not have", len(versions))
		}
		return nil
	})
	h.lock.Lock()
	events := slices.Clone(h.events)
	h.lock.Unlock()
	slices.SortStableFunc(events, func(a, b raceEvent) int { return cmp.Compare(a.revision, b.revision) })
	return events
}
