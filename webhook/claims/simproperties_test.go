package claims

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"fedmesh.io/fedmesh/policies/mesh"
)

// claimWritten checks what has to hold after every write of a claim: no stored
// object that uses the key has lost its entry.
func (w *world) claimWritten(key Key, before *Claim) {
	w.lastClaimWrite = w.now
	w.countExpired(before, w.server.claims[key])
	if w.lawless {
		return
	}
	for _, v := range w.storedVersions() {
		if n, uses := v.need(key); uses {
			w.checkEntry(v, n)
		}
	}
}

// countExpired counts the entries of a claim that were dropped for their age.
func (w *world) countExpired(before, after *Claim) {
	if before == nil {
		return
	}
	for _, entry := range before.Entries {
		dropped := after == nil || !slices.ContainsFunc(after.Entries, func(other Entry) bool {
			return other.Attempt == entry.Attempt || other.UID == entry.UID
		})
		if dropped && !entry.Confirmed && w.now-w.attempts[entry.Attempt] > Grace-mostSkew {
			w.happened[expired]++
		}
	}
}

// objectWritten checks what has to hold after every commit: the object has an
// entry in the claims to all its keys, and no other object has one of them.
func (w *world) objectWritten(ref mesh.Ref) {
	if w.lawless {
		return
	}
	v := w.server.stored[ref]
	for _, n := range v.needs {
		w.checkEntry(v, n)
		for _, other := range w.storedVersions() {
			if _, uses := other.need(n.key); uses && other != v && !compatible(n.key, v, other) {
				w.fail("two owners: %s is used by %s (%s) and by %s (%s)", n.key, v.design, v.uid, other.design, other.uid)
			}
		}
	}
}

func (w *world) checkEntry(v *version, n need) {
	claim := w.server.claims[n.key]
	if claim != nil {
		for i := range claim.Entries {
			if n.has(&claim.Entries[i], v) {
				return
			}
		}
	}
	w.fail("lost claim: %s (%s) uses %s, and the claim is %s", v.design, v.uid, n.key, describeClaim(claim))
}

// checkAnswer checks what the webhook answers.
func (w *world) checkAnswer(c *connection, request *Request, began time.Duration, err error) {
	var held *HeldError
	var waiting *PendingError
	switch {
	case errors.As(err, &held):
		w.happened[heldRefused]++
		if held.Holder.Ref == request.Object.Ref {
			w.fail("in its own way: %s is refused for itself: %v", request.Object.Ref, err)
		}
		holder := designOf(w, held.Holder)
		if n, uses := holder.need(held.Use.Key); !uses || held.Use.Key.Kind == VIP && n.hosts == strings.Join(held.Use.Hosts, " ") {
			w.fail("refused for nothing: %s by %s, which is %s", request.Object.Ref, held.Holder.Ref, holder.design)
		}
	case errors.As(err, &waiting):
		w.happened[pendingRefused]++
		if waiting.Other.Ref == request.Object.Ref {
			w.fail("in its own way: %s waits for itself: %v", request.Object.Ref, err)
		}
		if waiting.Use.Key.Kind == VIP && strings.Join(waiting.Other.Hosts, " ") == strings.Join(waiting.Use.Hosts, " ") {
			w.fail("refused for nothing: %s waits for %s, which needs %s for the same hosts", request.Object.Ref, waiting.Other.Ref, waiting.Use.Key)
		}
		if since, known := w.attempts[waiting.Other.Attempt]; !known || began-since > Grace+w.webhookTimeout+2*mostSkew {
			w.fail("too long in the way: %s waits for %s since %s (%t)", request.Attempt, waiting.Other.Attempt, began-since, known)
		}
	}
	if refused(err) && !c.disturbed && !request.DryRun {
		for _, key := range w.server.keys {
			claim := w.server.claims[key]
			for i := 0; claim != nil && i < len(claim.Entries); i++ {
				if claim.Entries[i].Attempt == request.Attempt {
					w.fail("not taken back: %s was refused and is in the claim to %s: %s", request.Attempt, key, describeClaim(claim))
				}
			}
		}
	}
}

// designOf returns the version that an object is.
func designOf(w *world, object *mesh.Object) *version {
	for _, v := range w.server.past[object.Ref] {
		if !v.gone && v.object.UID == object.UID && v.object.ResourceVersion == object.ResourceVersion {
			return v
		}
	}
	w.fail("%s %s version %s was never stored", object.Ref, object.UID, object.ResourceVersion)
	return &version{}
}

// checkDryRun checks that a dry-run answers what a real request would.
func (w *world) checkDryRun() {
	w.happened[dryRunAnswered]++
	wanted := w.anyDesign(pickOf(w, w.names))
	what := admission{object: wanted.object("uid-of-nobody", "", scheduleStart)}
	if live := w.server.stored[wanted.ref]; live != nil && w.chance(0.5) {
		what = admission{object: wanted.object(live.uid, live.object.ResourceVersion, live.object.Created), old: live}
	}
	replica := w.random.IntN(len(w.skews))
	answer := func(dryRun bool) string {
		fork := w.server.forked()
		what.dryRun = dryRun
		connection, request := w.request(nil, fork, what)
		err := NewAdmission(claimCalls{connection}, objectCalls{connection}, w.clock(replica)).Claim(context.Background(), request)
		if dryRun && fork.revision != w.server.revision {
			w.fail("a dry-run of %s writes", wanted)
		}
		return describeAnswer(err)
	}
	if dry, real := answer(true), answer(false); dry != real {
		w.fail("a dry-run of %s answers %q; a real request %q", wanted, dry, real)
	}
}

func describeAnswer(err error) string {
	var held *HeldError
	var waiting *PendingError
	switch {
	case errors.As(err, &held):
		return fmt.Sprintf("%s is held by %s", held.Use.Key, held.Holder.UID)
	case errors.As(err, &waiting):
		return fmt.Sprintf("%s is pending for %s %s", waiting.Use.Key, waiting.Other.UID, waiting.Other.Attempt)
	}
	return fmt.Sprint(err)
}

// checkRest checks what has to hold once all requests have ended, time has gone on
// and the controllers have nothing left to do.
func (w *world) checkRest(since time.Duration) {
	if most := since + Grace + 2*mostSkew + 2*time.Second; w.lastClaimWrite > most {
		w.fail("lasting block: a claim is still written %s after the last request", w.lastClaimWrite-since)
	}
	for _, key := range w.server.keys {
		claim := w.server.claims[key]
		if claim == nil {
			continue
		}
		if len(claim.Entries) == 0 {
			w.fail("lasting block: the claim to %s is empty", key)
		}
		for i := range claim.Entries {
			entry := &claim.Entries[i]
			v := w.server.stored[entry.Ref]
			if v == nil {
				w.fail("lasting block: %s has %s", describeClaim(claim), key)
				return
			}
			if n, uses := v.need(key); !uses || !entry.Confirmed || !n.has(entry, v) {
				w.fail("lasting block: %s has %s, and %s is stored", describeClaim(claim), key, describeVersion(v))
			}
		}
	}
	for _, v := range w.storedVersions() {
		for _, n := range v.needs {
			w.checkEntry(v, n)
		}
		w.objectWritten(v.design.ref)
	}
	w.checkFree()
}

// checkFree checks that a new request gets every key that no object uses, and none
// that another object uses.
func (w *world) checkFree() {
	used := w.keysInUse()
	stranger := design{ref: mesh.Ref{Kind: mesh.ServiceEntry, Namespace: "c", Name: "stranger"}}
	for _, key := range w.allKeys() {
		fork := w.server.forked()
		connection, request := w.request(nil, fork, admission{object: stranger.object("uid-of-a-stranger", "", scheduleStart)})
		request.Uses = []Use{{Key: key}}
		if key.Kind == VIP {
			request.Uses[0].Hosts = []string{"stranger.x.global"}
		}
		err := NewAdmission(claimCalls{connection}, objectCalls{connection}, w.clock(0)).Claim(context.Background(), request)
		switch {
		case err != nil && !used[key]:
			w.fail("lasting block: nobody uses %s, and a new request is told: %v", key, err)
		case !errors.As(err, new(*HeldError)) && used[key]:
			w.fail("%s is used, and a new request is told: %v", key, err)
		}
	}
}

// reporter fails a schedule when a conflict is reported that cannot be.
type reporter struct{ world *world }

// Conflict is Reporter's.
func (r reporter) Conflict(_ context.Context, key Key, object *mesh.Object, _ mesh.Ref) bool {
	r.world.note("conflict reported: %s at %s", object.Ref, key)
	if !r.world.replacing && !r.world.lawless {
		r.world.fail("a conflict is reported where there is none: %s %s at %s", object.Ref, object.UID, key)
	}
	return true
}
