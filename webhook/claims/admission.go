package claims

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"fedmesh.io/fedmesh/policies/mesh"
)

// Request is what an admission claims.
type Request struct {
	// Object as it will be stored, with the uid that it will have.
	Object *mesh.Object
	// OldResourceVersion is the version of the object that it replaces; empty
	// for one that is created.
	OldResourceVersion string
	// Uses are what the object needs and did not have, in the order of keys.
	Uses []Use
	// Attempt tells this admission from all others: one request can be admitted
	// several times.
	Attempt string
	// DryRun is true when nothing may be written.
	DryRun bool
}

// entry is what the request writes into the claim for a use.
func (r *Request) entry(use Use, now time.Time) Entry {
	return Entry{
		Ref: r.Object.Ref, UID: r.Object.UID, Hosts: use.Hosts, Revision: r.Object.Revision, Replaces: r.Object.Replaces,
		Attempt: r.Attempt, Since: now, OldResourceVersion: r.OldResourceVersion,
	}
}

// HeldError says that an object has a key that a request needs.
type HeldError struct {
	Use    Use
	Holder *mesh.Object
}

// Error is for logs: the webhook lets the rule speak.
func (e *HeldError) Error() string {
	return fmt.Sprintf("%s is held by %s", e.Use.Key.Describe(), e.Holder.Ref)
}

// PendingError says that another request that needs the key was let pass and may
// be stored any moment, or never.
type PendingError struct {
	Use   Use
	Other Entry
	// Age is how long ago the other request was let pass.
	Age time.Duration
}

// Error tells a user when the key is free again at the latest.
func (e *PendingError) Error() string {
	return fmt.Sprintf("%s is being claimed by %s, which was let pass %s ago and is not stored yet; should it never be, it is free in %s",
		e.Use.Key.Describe(), e.Other.Ref, max(e.Age, 0).Round(time.Second), max(Grace-e.Age, time.Second).Round(time.Second))
}

// refused reports whether err says that a key cannot be had, and not that nobody
// can tell.
func refused(err error) bool {
	return errors.As(err, new(*HeldError)) || errors.As(err, new(*PendingError))
}

// Admission claims keys for requests. It is safe for use by several goroutines.
type Admission struct {
	store   Store
	objects Objects
	now     func() time.Time
}

// NewAdmission returns an Admission that keeps its claims in store and judges
// them by objects.
func NewAdmission(store Store, objects Objects, now func() time.Time) *Admission {
	return &Admission{store: store, objects: objects, now: now}
}

// Claim claims all keys of a request, or none. The error is a *HeldError when the
// request is to be denied, a *PendingError when it is to be sent again, and any
// other when nobody can say: then nothing may be let pass on hope.
func (a *Admission) Claim(ctx context.Context, request Request) error {
	for i, use := range request.Uses {
		err := a.claim(ctx, &request, use)
		if err == nil {
			continue
		}
		written := request.Uses[:i]
		if !refused(err) {
			written = request.Uses[:i+1] // what a failed call has written nobody knows
		}
		a.takeBack(ctx, &request, written)
		return err
	}
	return nil
}

// claim claims one key.
func (a *Admission) claim(ctx context.Context, request *Request, use Use) error {
	if !request.DryRun {
		// Most keys are new ones, and this is their only call.
		err := a.store.Create(ctx, &Claim{Key: use.Key, Entries: []Entry{request.entry(use, a.now())}})
		if !errors.Is(err, ErrConflict) {
			return err
		}
	}
	for {
		claim, err := a.store.Get(ctx, use.Key)
		if err != nil {
			return err
		}
		if claim == nil {
			claim = &Claim{Key: use.Key}
		}
		own := request.entry(use, a.now())
		if claim.Entries, err = a.judge(ctx, claim, use, &own); err != nil || request.DryRun {
			return err
		}
		claim.Entries = append(claim.Entries, own)
		write := a.store.Update
		if claim.ResourceVersion == "" {
			write = a.store.Create
		}
		if err := write(ctx, claim); !errors.Is(err, ErrConflict) {
			return err
		}
		if err := ctx.Err(); err != nil {
			return err
		}
	}
}

// judge returns the entries of a claim that stay beside own, and an error when one
// is in its way. Entries that are in nobody's way stay as they are: to judge them
// takes calls, and the controller does it. Those of objects of own's name are
// judged, though they are never in its way, because each attempt would leave one.
func (a *Admission) judge(ctx context.Context, claim *Claim, use Use, own *Entry) ([]Entry, error) {
	var stay []Entry
	var waiting *PendingError
	now := a.now() // no later than the objects are read, or one might be stored in between
	objects := newReadOnce(a.objects)
	for _, entry := range claim.Entries {
		rivals := own.rivals(use.Key, &entry)
		if !rivals && entry.Ref != own.Ref {
			stay = append(stay, entry)
			continue
		}
		live, err := objects.Get(ctx, entry.Ref)
		if err != nil {
			return nil, err
		}
		switch entry.judge(use.Key, live, now) {
		case held:
			entry.Revision = live.Revision // a label may have changed since
			if rivals && !own.keptApart(&entry) {
				return nil, &HeldError{Use: use, Holder: live}
			}
			stay = append(stay, entry)
		case pending:
			if rivals && !own.keptApart(&entry) && waiting == nil {
				waiting = &PendingError{Use: use, Other: entry, Age: now.Sub(entry.Since)}
			}
			stay = append(stay, entry)
		}
	}
	if waiting != nil {
		return nil, waiting
	}
	return stay, nil
}

// takeBack removes the entries of a request that is refused. What cannot be taken
// back is in other requests' way until it is void.
func (a *Admission) takeBack(ctx context.Context, request *Request, uses []Use) {
	if request.DryRun {
		return
	}
	for _, use := range uses {
		for ctx.Err() == nil {
			claim, err := a.store.Get(ctx, use.Key)
			if err != nil || claim == nil {
				break
			}
			rest := slices.DeleteFunc(slices.Clone(claim.Entries), func(entry Entry) bool { return entry.Attempt == request.Attempt })
			if len(rest) == len(claim.Entries) {
				break
			}
			write := a.store.Update
			if claim.Entries = rest; len(rest) == 0 {
				write = a.store.Delete
			}
			if !errors.Is(write(ctx, claim), ErrConflict) {
				break
			}
		}
	}
}
