package claims

import (
	"cmp"
	"fmt"
	"slices"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"k8s.io/apimachinery/pkg/types"

	"fedmesh.io/fedmesh/policies/mesh"
)

// TestHealing: when claims are deleted by hand, and objects stored while the webhook
// is down or not there yet, in the end every object has its claims all the same,
// nobody else has any, and who shares what only one may have is known.
func TestHealing(t *testing.T) {
	if happened := runSchedules(t, lawless, *schedules/4); *schedules >= 1000 && happened[conflictKnown] == 0 {
		t.Errorf("it never happened: %s", conflictKnown)
	}
}

// lawless is a schedule in which some pass the protocol by.
func lawless(w *world) {
	w.lawless = true
	w.populate()
	w.client("somebody who deletes claims", func(a *actor) {
		for range 1 + w.random.IntN(3) {
			if !a.pause() {
				return
			}
			if keys := w.claimedKeys(); len(keys) > 0 {
				key := pickOf(w, keys)
				w.note("%s: %s", a.name, key)
				w.server.nextRevision()
				w.server.writeClaim(key, nil)
			}
		}
	})
	w.client("somebody who asks no webhook", func(a *actor) {
		for range 1 + w.random.IntN(3) {
			if !a.pause() {
				return
			}
			wanted := w.anyDesign(pickOf(w, w.names))
			if w.server.stored[wanted.ref] == nil {
				uid := types.UID(fmt.Sprintf("uid-%d", w.number()))
				w.note("%s: create %s as %s", a.name, wanted, uid)
				w.server.put(&version{design: wanted, uid: uid, object: wanted.object(uid, "", w.created())})
			}
		}
	})
	w.run(mostSteps, true, w.wake, func() bool { return w.clients == 0 })
	w.comeToRest()
	if w.failure == "" && len(w.controllers) == 1 {
		w.checkConflicts(w.controllers[0])
	}
}

// claimedKeys are the keys that have a claim.
func (w *world) claimedKeys() []Key {
	return slices.DeleteFunc(slices.Clone(w.server.keys), func(key Key) bool { return w.server.claims[key] == nil })
}

// checkConflicts checks that a controller knows the objects that share what only one
// may have, but for the one that Istio serves.
func (w *world) checkConflicts(c *controller) {
	for _, key := range w.server.keys {
		users := slices.DeleteFunc(w.storedVersions(), func(v *version) bool {
			_, uses := v.need(key)
			return !uses
		})
		slices.SortFunc(users, func(a, b *version) int {
			return cmp.Or(cmp.Compare(a.object.Created.Unix(), b.object.Created.Unix()), cmp.Compare(a.hostsFor(key), b.hostsFor(key)), a.design.ref.Compare(b.design.ref))
		})
		var winners []*version
		var want []mesh.Ref
		for _, user := range users {
			if slices.ContainsFunc(winners, func(winner *version) bool { return !together(key, winner, user) }) {
				want = append(want, user.design.ref)
				continue
			}
			winners = append(winners, user)
		}
		if len(want) > 0 {
			w.happened[conflictKnown]++
		}
		var got []mesh.Ref
		for _, loser := range c.conflicts.lost[key] {
			got = append(got, loser.ref)
		}
		if diff := gocmp.Diff(want, got, cmpopts.EquateEmpty()); diff != "" {
			w.fail("known to have lost %s (-want +got):\n%s", key, diff)
		}
	}
}
