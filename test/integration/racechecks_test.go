package integration

import (
	"fmt"
	"maps"
	"slices"
	"time"

	"k8s.io/apimachinery/pkg/types"

	"fedmesh.io/fedmesh/policies/mesh"
	"fedmesh.io/fedmesh/webhook/claims"
)

// The kinds of violations, beside those of keys that two objects had.
const (
	claimMissing = "no claim" // an object had a key and no claim to it
	dryRunStored = "dry run"  // something was written by a dry run
)

// violation is a moment at which something was not as it has to be.
type violation struct {
	kind string
	text string
}

func (v violation) String() string { return v.kind + ": " + v.text }

// replay goes through all that was ever stored, write by write, and returns what
// was wrong after each:
//
//   - two objects have one host at one level, two Sidecars are the default of one
//     namespace, or entries with different sets of hosts have one address
//   - an object is stored without a claim to each of its keys
//   - a dry run left something
func replay(events []raceEvent) []violation {
	holders := map[claims.Key]map[mesh.Ref]*raceObject{}
	objects := map[mesh.Ref]*raceObject{}
	claimed := map[claims.Key]*raceClaim{}
	var found []violation
	report := func(revision uint64, kind, format string, args ...any) {
		found = append(found, violation{kind, fmt.Sprintf("after revision %d ", revision) + fmt.Sprintf(format, args...)})
	}
	unclaimed := func(revision uint64, key claims.Key, object *raceObject) {
		if claim := claimed[key]; claim == nil || !claim.speaksFor(object, false) {
			report(revision, claimMissing, "%s (uid %s) has %s, and the claim is %+v", object.ref, object.uid, key.Describe(), claim)
		}
	}
	for _, event := range events {
		if claim := event.claim; claim != nil {
			claimed[claim.key] = claim
			if event.gone {
				delete(claimed, claim.key)
			} else if claim.dry() {
				report(event.revision, dryRunStored, "there is the claim %+v", claim)
			}
			for _, object := range holders[claim.key] {
				unclaimed(event.revision, claim.key, object)
			}
			continue
		}
		object := event.object
		if before := objects[object.ref]; before != nil {
			for _, key := range before.keys() {
				delete(holders[key], object.ref)
			}
			delete(objects, object.ref)
		}
		if event.gone {
			continue
		}
		objects[object.ref] = object
		if object.dry() {
			report(event.revision, dryRunStored, "there is %s", object.ref)
		}
		for _, key := range object.keys() {
			for _, other := range holders[key] {
				if key.Kind != claims.VIP || !slices.Equal(object.hosts, other.hosts) {
					report(event.revision, string(key.Kind), "%s %v and %s %v both have %s", other.ref, other.hosts, object.ref, object.hosts, key.Describe())
				}
			}
			if holders[key] == nil {
				holders[key] = map[mesh.Ref]*raceObject{}
			}
			holders[key][object.ref] = object
			unclaimed(event.revision, key, object)
		}
	}
	return found
}

// settled says what is not as it has to be once no request is on its way any more:
// each object has a confirmed entry in the claims to its keys, and nothing else is
// claimed.
func settled(objects map[mesh.Ref]raceObject, stored map[string]raceClaim) []string {
	claimed := map[claims.Key]raceClaim{}
	for _, claim := range stored {
		claimed[claim.key] = claim
	}
	var wrong []string
	wanted := map[claims.Key][]raceObject{}
	for _, ref := range slices.SortedFunc(maps.Keys(objects), mesh.Ref.Compare) {
		object := objects[ref]
		for _, key := range object.keys() {
			wanted[key] = append(wanted[key], object)
			if claim := claimed[key]; !claim.speaksFor(&object, true) {
				wrong = append(wrong, fmt.Sprintf("%s (uid %s) has no confirmed entry in the claim to %s: %+v", ref, object.uid, key.Describe(), claim.entries))
			}
		}
	}
	for _, key := range slices.SortedFunc(maps.Keys(claimed), claims.Key.Compare) {
		claim := claimed[key]
		if len(claim.entries) == 0 {
			wrong = append(wrong, fmt.Sprintf("the claim to %s is empty", key.Describe()))
		}
		for _, entry := range claim.entries {
			if !slices.ContainsFunc(wanted[key], func(object raceObject) bool { return entry.of(key, &object) }) {
				wrong = append(wrong, fmt.Sprintf("the claim to %s has an entry without a holder: %+v", key.Describe(), entry))
			}
		}
	}
	return wrong
}

// guarded says what is wrong with the IPAddresses that stand for virtual addresses:
// each address that entries have wants one, which names one of these entries, and
// there is no other. The parents are by address.
func guarded(objects map[mesh.Ref]raceObject, parents map[string]mesh.Ref) []string {
	var wrong []string
	users := map[string][]mesh.Ref{}
	for ref, object := range objects {
		for _, address := range object.addresses {
			users[address] = append(users[address], ref)
		}
	}
	for _, address := range slices.Sorted(maps.Keys(users)) {
		if parent, ok := parents[address]; !ok || !slices.Contains(users[address], parent) {
			wrong = append(wrong, fmt.Sprintf("the IPAddress %s names %q; want one of %v", address, parent, users[address]))
		}
	}
	for _, address := range slices.Sorted(maps.Keys(parents)) {
		if users[address] == nil {
			wrong = append(wrong, fmt.Sprintf("there is an IPAddress %s for %s; want none", address, parents[address]))
		}
	}
	return wrong
}

// confirmations says how long it took until the controller had seen an object with
// a key that the object had got; until then nobody else can have the key when the
// object is deleted.
func confirmations(events []raceEvent) []time.Duration {
	since := map[types.UID]map[claims.Key]time.Time{}
	var took []time.Duration
	for _, event := range events {
		if object := event.object; object != nil {
			before := since[object.uid]
			since[object.uid] = map[claims.Key]time.Time{}
			for _, key := range object.keys() {
				at, had := before[key]
				if !had {
					at = event.seen
				}
				since[object.uid][key] = at
			}
			continue
		}
		for _, entry := range event.claim.entries {
			at, has := since[entry.UID][event.claim.key]
			if entry.Created != nil && has && !at.IsZero() {
				took = append(took, event.seen.Sub(at))
				since[entry.UID][event.claim.key] = time.Time{} // once
			}
		}
	}
	return took
}

// quantiles tells how long things took.
func quantiles(took []time.Duration) string {
	if len(took) == 0 {
		return "nothing"
	}
	all := slices.Sorted(slices.Values(took))
	at := func(n int) time.Duration { return all[min(len(all)*n/100, len(all)-1)].Round(time.Millisecond) }
	return fmt.Sprintf("%s (half of them at most), %s (99 of 100), %s (the longest)", at(50), at(99), at(100))
}
