package integration

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	networkingv1 "k8s.io/api/networking/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"fedmesh.io/fedmesh/policies/mesh"
	"fedmesh.io/fedmesh/webhook/claims"
)

const (
	// raceCreates is how many creates are sent at least.
	raceCreates = 1000
	// raceWorkers is how many clients there are.
	raceWorkers = 40
	// settleTime is how long claims may outlast what they were written for: until
	// they can be judged, and as long as anything else may take.
	settleTime = claims.Grace + eventually
)

// TestRace has many clients want the same things at the same moment through three
// replicas, one of which is killed in the middle, and looks at all that was ever
// stored.
func TestRace(t *testing.T) {
	r := startRace(t, raceOptions{})
	started := time.Now()
	before := startLoad(t, "before", r.client, r.history, raceWorkers)
	before.reach(t, raceCreates/2)
	r.failLater(t)
	r.replaceLeader(t)
	before.stop()
	t.Logf("%d creates and a replica killed: %s", before.creates.Load(), time.Since(started).Round(time.Millisecond))

	// What was claimed through that replica and never stored is in the way for a
	// minute. The machine has nothing to do meanwhile.
	t.Run("few seats", fewSeats)

	started = time.Now()
	after := startLoad(t, "after", r.client, r.history, raceWorkers)
	after.reach(t, raceCreates-before.creates.Load())
	after.stop()
	before.wait()
	after.wait()
	t.Logf("%d creates more: %s", after.creates.Load(), time.Since(started).Round(time.Millisecond))
	r.client.log(t)
	r.checkHistory(t)
	r.checkOutcomes(t, gaveUp)
	// Few have no attempts left when they come to what nobody will ever store.
	if gave, of := r.client.count(gaveUp), r.client.count(); gave*100 > of {
		t.Errorf("got %d of %d requests that gave up; want 1 of 100 at most", gave, of)
	}
	r.checkDryRuns(t)

	started = time.Now()
	lastRounds(t, r.client)
	t.Logf("the last rounds: %s", time.Since(started).Round(time.Millisecond))
	r.client.log(t)
	r.checkSettled(t)
	r.checkHistory(t)
}

// fewSeats is the same on an API server that handles 30 requests at a time. Each
// create that waits for a claim holds one of these seats, and the claim needs one.
func fewSeats(t *testing.T) {
	r := startRace(t, raceOptions{apiServerArgs: map[string][]string{
		"max-requests-inflight": {"15"}, "max-mutating-requests-inflight": {"15"},
	}})
	started := time.Now()
	// More than there are seats, by far.
	load := startLoad(t, "seats", r.client, r.history, 2*raceWorkers)
	load.reach(t, raceCreates)
	load.stop()
	load.wait()
	t.Logf("30 seats: %d creates: %s", load.creates.Load(), time.Since(started).Round(time.Millisecond))
	r.client.log(t)
	r.checkHistory(t)
	r.checkOutcomes(t)
	if got := r.client.tried("deadline exceeded"); got > 0 {
		t.Errorf("got %d attempts that waited for a claim until their time was up; want none", got)
	}
}

// failLater has requests pass the webhook and fail after it, because their names
// are taken: what they claimed nobody will ever have. Each wants an address that
// nobody has, so that it is not refused before.
func (r *race) failLater(t *testing.T) {
	t.Helper()
	const wanted = 5
	failed := 0
	for n, object := range r.history.stored(mesh.ServiceEntry) {
		object.hosts = []string{fmt.Sprintf("taken%d.bar.global", n)}
		object.addresses = []string{fmt.Sprintf("240.0.1.%d", n+1)}
		// The entry of that name may have been deleted meanwhile.
		if r.client.create(t.Context(), &object, false) == wasTaken {
			if failed++; failed == wanted {
				return
			}
		}
	}
	t.Errorf("got %d creates that fail because their names are taken; want %d", failed, wanted)
}

// replaceLeader kills the replica that keeps the claims, which is the one that was
// ready first, in the middle of what it does, and has another one take its place.
func (r *race) replaceLeader(t *testing.T) {
	t.Helper()
	if err := r.replicas[0].Kill(); err != nil {
		t.Fatal(err)
	}
	replica, err := r.installed.StartReplica(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	r.replicas = append(r.replicas[1:], replica)
	if err := r.installed.Spread(t.Context(), r.replicas...); err != nil {
		t.Fatal(err)
	}
}

// most is how many violations are shown; all of them would be thousands.
const most = 20

func report(t *testing.T, wrong []string) {
	t.Helper()
	for i, text := range wrong {
		if i == most {
			t.Errorf("and %d more", len(wrong)-most)
			return
		}
		t.Error(text)
	}
}

func (r *race) checkHistory(t *testing.T) {
	t.Helper()
	events := r.history.complete(t)
	var wrong []string
	for _, violation := range replay(events) {
		wrong = append(wrong, violation.String())
	}
	report(t, wrong)
	lags := confirmations(events)
	t.Logf("%d writes were looked at; a key was confirmed after %s", len(events), quantiles(lags))
}

// checkOutcomes wants every request to have come to an end that its sender
// understands, or to one of the others that are named.
func (r *race) checkOutcomes(t *testing.T, others ...outcome) {
	t.Helper()
	report(t, r.client.unexpected(append(others, orderly...)...))
	if r.client.count(wasStored) == 0 || r.client.count(wasDenied) == 0 {
		t.Error("the requests were not both stored and denied: the load is none")
	}
}

// checkSettled waits until claims and IPAddresses say what is stored and nothing
// else.
func (r *race) checkSettled(t *testing.T) {
	t.Helper()
	started := time.Now()
	within(t, settleTime, "the claims settle", func() error {
		r.history.complete(t)
		objects, stored := r.history.present()
		parents, err := r.guards(t.Context())
		if err != nil {
			return err
		}
		if wrong := append(settled(objects, stored), guarded(objects, parents)...); len(wrong) > 0 {
			return errors.New(strings.Join(wrong[:min(len(wrong), most)], "\n"))
		}
		t.Logf("%d objects have %d claims and %d IPAddresses, %s after the last request", len(objects), len(stored), len(parents),
			time.Since(started).Round(time.Second))
		return nil
	})
}

// guards returns what fedmesh's IPAddresses name, by address.
func (r *race) guards(ctx context.Context) (map[string]mesh.Ref, error) {
	var list networkingv1.IPAddressList
	if err := r.admin.List(ctx, &list, client.MatchingLabels{networkingv1.LabelManagedBy: mesh.ManagedByFedmesh}); err != nil {
		return nil, err
	}
	parents := map[string]mesh.Ref{}
	for _, guard := range list.Items {
		parent := guard.Spec.ParentRef
		parents[guard.Name] = mesh.Ref{Kind: mesh.ServiceEntry, Namespace: parent.Namespace, Name: parent.Name}
	}
	return parents, nil
}

// checkDryRuns asks by dry run for every address, for a host of its own: it is
// denied exactly where somebody has the address.
func (r *race) checkDryRuns(t *testing.T) {
	t.Helper()
	taken := map[string]bool{}
	for _, entry := range r.history.stored(mesh.ServiceEntry) {
		for _, address := range entry.addresses {
			taken[address] = true
		}
	}
	for n := range raceVIPs {
		name := fmt.Sprintf("%stold-%d", dryPrefix, n)
		want := wasStored
		if taken[raceVIP(n)] {
			want = wasDenied
		}
		if got := r.client.create(t.Context(), &raceObject{
			ref:   mesh.Ref{Kind: mesh.ServiceEntry, Namespace: raceNamespaces[0], Name: name},
			hosts: []string{name + ".bar.global"}, addresses: []string{raceVIP(n)},
		}, true); got != want {
			t.Errorf("a dry run for %s: got %q; want %q", raceVIP(n), got, want)
		}
	}
}
