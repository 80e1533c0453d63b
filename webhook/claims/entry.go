package claims

import (
	"cmp"
	"slices"
	"time"

	"k8s.io/apimachinery/pkg/types"

	"fedmesh.io/fedmesh/policies/mesh"
)

// Grace is how old the entry of a request that was let pass has to be before it
// is taken for one that was never stored. The API server gives up on a request
// after 34 s (see the package's comment); the rest is for etcd and for clocks of
// replicas that differ.
const Grace = 60 * time.Second

// Entry says in a claim that an object relies on it.
type Entry struct {
	// Ref and UID are the object's.
	Ref mesh.Ref
	UID types.UID
	// Hosts is the set that the object uses an address for; see Use.
	Hosts []string
	// Revision and Replaces are the object's; see mesh.Object.
	Revision, Replaces string

	// Confirmed is true once the object has been seen with the key.
	Confirmed bool
	// Created is when the object was created, in seconds since 1970. Only a
	// confirmed entry has it.
	Created int64

	// Attempt is the admission that wrote the entry, Since is when it did, and
	// OldResourceVersion is the version of the object that it replaces; empty for
	// one that is created. A confirmed entry has none of them.
	Attempt            string
	Since              time.Time
	OldResourceVersion string
}

// state is what an entry is worth.
type state int

const (
	void state = iota
	pending
	held
)

// judge says what entry of the claim for key is worth, by the object that the API
// server has under the entry's name: nil when it has none. It must have been read
// after the claim, and not before now.
func (e *Entry) judge(key Key, live *mesh.Object, now time.Time) state {
	same := live != nil && live.UID == e.UID
	if same {
		if use, ok := useOf(live, key); ok && slices.Equal(use.Hosts, e.Hosts) {
			return held
		}
	}
	switch {
	case e.Confirmed:
		return void // it had the key and gave it up
	case e.OldResourceVersion == "" && same:
		return void // it was created with the key and gave it up
	case e.OldResourceVersion != "" && (!same || live.ResourceVersion != e.OldResourceVersion):
		return void // the API server replaces no other version than that
	case now.Sub(e.Since) > Grace:
		return void
	}
	return pending
}

// voidAfter is after how long an entry that is pending is void at the latest, and a
// second, so that whoever looks then finds it so.
func (e *Entry) voidAfter(now time.Time) time.Duration {
	return max(Grace-now.Sub(e.Since), 0) + time.Second
}

// yieldsTo reports whether e cannot have key as long as other does. An object is
// not in its own way, and neither is another one of its name: only one of them can
// be stored at a time. Nor is the one that it replaces.
func (e *Entry) yieldsTo(key Key, other *Entry) bool {
	return e.rivals(key, other) && !e.keptApart(other)
}

// rivals is yieldsTo for objects of one revision of the control plane.
func (e *Entry) rivals(key Key, other *Entry) bool {
	switch {
	case e.Ref == other.Ref:
		return false
	case key.Kind == VIP:
		return !slices.Equal(e.Hosts, other.Hosts)
	}
	return !e.takesOver(other)
}

// keptApart reports whether no control plane sees both objects.
func (e *Entry) keptApart(other *Entry) bool {
	return e.Revision != "" && other.Revision != "" && e.Revision != other.Revision
}

// takesOver reports whether e is to replace other, as its annotation says.
func (e *Entry) takesOver(other *Entry) bool {
	return e.Replaces != "" && e.Ref != other.Ref &&
		other.Ref == mesh.Ref{Kind: e.Ref.Kind, Namespace: e.Ref.Namespace, Name: e.Replaces}
}

// confirmed returns the entry of an object that has been seen with a key.
func confirmed(object *mesh.Object, use Use) Entry {
	return Entry{
		Ref: object.Ref, UID: object.UID, Hosts: use.Hosts, Revision: object.Revision, Replaces: object.Replaces,
		Confirmed: true, Created: object.Created.Unix(),
	}
}

// equal reports whether two entries say the same.
func (e *Entry) equal(other *Entry) bool {
	return e.Ref == other.Ref && e.UID == other.UID && slices.Equal(e.Hosts, other.Hosts) &&
		e.Revision == other.Revision && e.Replaces == other.Replaces &&
		e.Confirmed == other.Confirmed && e.Created == other.Created &&
		e.Attempt == other.Attempt && e.Since.Equal(other.Since) && e.OldResourceVersion == other.OldResourceVersion
}

// compareEntries puts first what Istio serves: the oldest object; of ServiceEntries
// created in the same second the first by host and namespace (istio
// pilot/pkg/model/push_context.go, SortServicesByCreationTime), of Sidecars the
// first by name (pilot/pkg/model/config.go, configCompareByCreationTime). Entries of
// requests that may not be stored yet come last, in the order in which they were let
// pass.
func compareEntries(a, b Entry) int {
	if a.Confirmed != b.Confirmed {
		if a.Confirmed {
			return -1
		}
		return 1
	}
	return cmp.Or(cmp.Compare(a.Created, b.Created), a.Since.Compare(b.Since), slices.Compare(a.Hosts, b.Hosts), a.Ref.Compare(b.Ref), cmp.Compare(a.UID, b.UID), cmp.Compare(a.Attempt, b.Attempt))
}
