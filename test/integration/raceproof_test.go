package integration

import (
	"strings"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/types"

	"fedmesh.io/fedmesh/policies/mesh"
	"fedmesh.io/fedmesh/webhook/claims"
)

// story is a made-up history.
type story []raceEvent

func (s *story) tell(event raceEvent) {
	event.revision = uint64(len(*s) + 1)
	*s = append(*s, event)
}

// claimed tells that the keys of objects are claimed by them alone, and put that
// an object is stored or gone.
func (s *story) claimed(objects ...*raceObject) {
	for _, object := range objects {
		for _, key := range object.keys() {
			s.tell(raceEvent{claim: claimFor(key, object)})
		}
	}
}

func (s *story) put(object *raceObject, gone bool) {
	s.tell(raceEvent{object: object, gone: gone})
}

func claimFor(key claims.Key, objects ...*raceObject) *raceClaim {
	claim := &raceClaim{key: key, lease: key.LeaseName()}
	for _, object := range objects {
		entry := raceEntry{Object: object.ref.Kind.String() + "/" + object.ref.Namespace + "/" + object.ref.Name, UID: object.uid, Created: &time.Time{}}
		if key.Kind == claims.VIP {
			entry.Hosts = object.hosts
		}
		claim.entries = append(claim.entries, entry)
	}
	return claim
}

func madeUp(name, host, address string) *raceObject {
	return &raceObject{
		ref: mesh.Ref{Kind: mesh.ServiceEntry, Namespace: "race-a", Name: name}, uid: types.UID("uid-" + name),
		hosts: []string{host}, addresses: []string{address},
	}
}

func madeUpSidecar(name string) *raceObject {
	return &raceObject{ref: mesh.Ref{Kind: mesh.Sidecar, Namespace: "race-a", Name: name}, uid: types.UID("uid-" + name)}
}

// TestRaceReplay has the checks of the race look at histories, each with one thing
// wrong with it.
func TestRaceReplay(t *testing.T) {
	one := madeUp("one", "a.bar.global", "240.0.0.1")
	private := *one
	private.ref.Name, private.uid, private.exportTo = "private", "uid-private", []string{"."}
	sharedKey := claims.Key{Kind: claims.VIP, Name: "240.0.0.1"}
	for name, test := range map[string]struct {
		want string // the kind of the only violation; empty for none
		tell func(s *story)
	}{
		"nothing wrong": {"", func(s *story) {
			s.claimed(one)
			s.put(one, false)
			s.claimed(madeUpSidecar("default"))
			s.put(madeUpSidecar("default"), false)
			s.put(one, true)
			again := madeUp("two", "b.bar.global", "240.0.0.1")
			s.claimed(again)
			s.put(again, false)
		}},
		"one set of hosts on one address": {"", func(s *story) {
			s.claimed(one, &private)
			s.tell(raceEvent{claim: claimFor(sharedKey, one, &private)})
			s.put(one, false)
			s.put(&private, false)
		}},
		"two hosts on one address": {string(claims.VIP), func(s *story) {
			two := madeUp("two", "b.bar.global", "240.0.0.1")
			s.claimed(one, two)
			s.tell(raceEvent{claim: claimFor(sharedKey, one, two)})
			s.put(one, false)
			s.put(two, false)
		}},
		"one host twice": {string(claims.Host), func(s *story) {
			two := madeUp("two", "a.bar.global", "240.0.0.2")
			s.claimed(one, two)
			s.tell(raceEvent{claim: claimFor(claims.Key{Kind: claims.Host, Name: "a.bar.global"}, one, two)})
			s.put(one, false)
			s.put(two, false)
		}},
		"two default Sidecars": {string(claims.Sidecar), func(s *story) {
			first, second := madeUpSidecar("first"), madeUpSidecar("second")
			s.tell(raceEvent{claim: claimFor(claims.Key{Kind: claims.Sidecar, Name: "race-a"}, first, second)})
			s.put(first, false)
			s.put(second, false)
		}},
		"claimed too late": {claimMissing, func(s *story) {
			s.put(madeUpSidecar("default"), false)
			s.claimed(madeUpSidecar("default"))
		}},
		"a claim that is lost": {claimMissing, func(s *story) {
			s.claimed(madeUpSidecar("default"))
			s.put(madeUpSidecar("default"), false)
			s.tell(raceEvent{claim: claimFor(claims.Key{Kind: claims.Sidecar, Name: "race-a"}), gone: true})
		}},
		"a claim for another object of that name": {claimMissing, func(s *story) {
			other := madeUpSidecar("default")
			other.uid = "uid-other"
			s.claimed(other)
			s.put(madeUpSidecar("default"), false)
		}},
		"a claim for other hosts": {claimMissing, func(s *story) {
			s.claimed(one)
			s.tell(raceEvent{claim: claimFor(sharedKey, madeUp("one", "b.bar.global", "240.0.0.1"))})
			s.put(one, false)
		}},
		"a dry run that is stored": {dryRunStored, func(s *story) {
			s.claimed(madeUpSidecar("default"))
			s.put(madeUpSidecar("default"), false)
			dry := madeUpSidecar(dryPrefix + "1")
			dry.selective = true
			s.put(dry, false)
		}},
		"a dry run that claims": {dryRunStored, func(s *story) { s.claimed(madeUpSidecar(dryPrefix + "1")) }},
		"a dry run of an update that claims": {dryRunStored, func(s *story) {
			s.tell(raceEvent{claim: claimFor(claims.Key{Kind: claims.Host, Name: dryPrefix + "1.bar.global"}, one)})
		}},
	} {
		t.Run(name, func(t *testing.T) {
			var told story
			test.tell(&told)
			found := replay(told)
			if len(found) != min(len(test.want), 1) || len(found) == 1 && found[0].kind != test.want {
				t.Errorf("got %v; want one violation %q, or none where that is empty", found, test.want)
			}
		})
	}
}

// TestRaceSettled does the same for what is left in the end.
func TestRaceSettled(t *testing.T) {
	one := madeUp("one", "a.bar.global", "240.0.0.1")
	for name, test := range map[string]struct {
		want  string // is in what is said; empty when all is well
		spoil func(stored map[string]raceClaim, parents map[string]mesh.Ref)
	}{
		"nothing wrong": {"", func(map[string]raceClaim, map[string]mesh.Ref) {}},
		"no claim":      {"has no confirmed entry in the claim to 240.0.0.1", func(stored map[string]raceClaim, _ map[string]mesh.Ref) { delete(stored, "vip-240.0.0.1") }},
		"not confirmed": {"has no confirmed entry in the claim to 240.0.0.1", func(stored map[string]raceClaim, _ map[string]mesh.Ref) {
			stored["vip-240.0.0.1"].entries[0].Created = nil
		}},
		"a claim without holder": {"the claim to 240.0.0.2 has an entry without a holder", func(stored map[string]raceClaim, _ map[string]mesh.Ref) {
			key := claims.Key{Kind: claims.VIP, Name: "240.0.0.2"}
			stored[key.LeaseName()] = *claimFor(key, one)
		}},
		"an empty claim": {"the claim to 240.0.0.2 is empty", func(stored map[string]raceClaim, _ map[string]mesh.Ref) {
			key := claims.Key{Kind: claims.VIP, Name: "240.0.0.2"}
			stored[key.LeaseName()] = *claimFor(key)
		}},
		"no IPAddress":             {`the IPAddress 240.0.0.1 names`, func(_ map[string]raceClaim, parents map[string]mesh.Ref) { delete(parents, "240.0.0.1") }},
		"an IPAddress of another":  {`the IPAddress 240.0.0.1 names`, func(_ map[string]raceClaim, parents map[string]mesh.Ref) { parents["240.0.0.1"] = mesh.Ref{Name: "x"} }},
		"an IPAddress for nothing": {"there is an IPAddress 240.0.0.2", func(_ map[string]raceClaim, parents map[string]mesh.Ref) { parents["240.0.0.2"] = one.ref }},
	} {
		t.Run(name, func(t *testing.T) {
			objects := map[mesh.Ref]raceObject{one.ref: *one}
			stored, parents := map[string]raceClaim{}, map[string]mesh.Ref{"240.0.0.1": one.ref}
			for _, key := range one.keys() {
				stored[key.LeaseName()] = *claimFor(key, one)
			}
			test.spoil(stored, parents)
			got := strings.Join(append(settled(objects, stored), guarded(objects, parents)...), "\n")
			if (got == "") != (test.want == "") || !strings.Contains(got, test.want) {
				t.Errorf("got %q; want %q", got, test.want)
			}
		})
	}
}

// TestRaceJudge does the same for the last rounds.
func TestRaceJudge(t *testing.T) {
	for name, test := range map[string]struct {
		outcomes []outcome
		wrong    bool
	}{
		"one wins":          {[]outcome{wasDenied, wasStored, wasDenied}, false},
		"nobody wins":       {[]outcome{wasDenied, wasDenied, wasDenied}, true},
		"two win":           {[]outcome{wasStored, wasStored, wasDenied}, true},
		"one never got in":  {[]outcome{wasStored, gaveUp, wasDenied}, true},
		"one ran into time": {[]outcome{timedOut, wasStored, wasDenied}, true},
	} {
		group := &contention{what: name, outcomes: test.outcomes}
		for i := range test.outcomes {
			group.want(i, []string{raceHost(i)}, []string{raceVIP(0)})
		}
		if wrong := group.judge(); len(wrong) > 0 != test.wrong {
			t.Errorf("%s: got %q; want something wrong: %t", name, wrong, test.wrong)
		}
	}
}
