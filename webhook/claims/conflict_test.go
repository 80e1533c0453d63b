package claims

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/types"

	"fedmesh.io/fedmesh/policies/mesh"
)

// reported collects the names of objects that lost a key.
type reported []string

func (r *reported) Conflict(_ context.Context, _ Key, object *mesh.Object, to mesh.Ref) bool {
	*r = append(*r, object.Name+" to "+to.Name)
	return object.Name != "unwanted"
}

// stored are objects whose uid is their name.
type stored map[string]*mesh.Object

func (s stored) Get(_ context.Context, ref mesh.Ref) (*mesh.Object, error) { return s[ref.Name], nil }

func TestConflicts(t *testing.T) {
	now := time.Unix(1_000_000, 0)
	objects := stored{}
	entry := func(name string, age time.Duration, change func(*Entry)) Entry {
		objects[name] = &mesh.Object{Ref: ref(name), UID: types.UID(name)}
		entry := Entry{Ref: ref(name), UID: types.UID(name), Confirmed: true, Created: now.Add(-age).Unix()}
		if change != nil {
			change(&entry)
		}
		return entry
	}
	hosts := func(hosts ...string) func(*Entry) { return func(e *Entry) { e.Hosts = hosts } }
	replaces := func(name string) func(*Entry) { return func(e *Entry) { e.Replaces = name } }
	address, host := Key{Kind: VIP, Name: "240.0.0.2"}, Key{Kind: Host, Name: "a.global"}
	for _, test := range []struct {
		name    string
		key     Key
		entries []Entry
		foreign bool
		want    []string
		again   time.Duration
	}{
		{"one", host, []Entry{entry("a", time.Hour, nil)}, false, nil, 0},
		{"the younger loses", host, []Entry{entry("b", time.Hour, nil), entry("a", time.Minute, nil), entry("c", time.Second, nil)}, false, []string{"a to b", "c to b"}, 0},
		{"the same hosts share an address", address, []Entry{entry("a", time.Hour, hosts("x")), entry("b", time.Minute, hosts("x"))}, false, nil, 0},
		{
			"other hosts do not", address,
			[]Entry{entry("a", time.Hour, hosts("x")), entry("b", time.Minute, hosts("x", "y")), entry("c", time.Second, hosts("x"))},
			false, []string{"b to a"}, 0,
		},
		{"not stored yet", host, []Entry{entry("a", time.Hour, nil), entry("b", 0, func(e *Entry) { e.Confirmed = false })}, false, nil, 0},
		{"just taking over", host, []Entry{entry("a", time.Hour, nil), entry("b", time.Minute, replaces("a"))}, false, nil, 9 * time.Minute},
		{"taking over for too long", host, []Entry{entry("a", time.Hour, nil), entry("b", 10*time.Minute, replaces("a"))}, false, []string{"b to a"}, 0},
		{"taking over another one", host, []Entry{entry("a", time.Hour, nil), entry("b", time.Minute, replaces("c"))}, false, []string{"b to a"}, 0},
		{"each replaces the other", host, []Entry{entry("a", time.Hour, replaces("b")), entry("b", 10*time.Minute, replaces("a"))}, false, []string{"b to a"}, 0},
		{"nobody wants to know", host, []Entry{entry("a", time.Hour, nil), entry("unwanted", time.Minute, nil)}, false, []string{"unwanted to a"}, 0},
		{"somebody else's IPAddress", address, []Entry{entry("a", time.Hour, hosts("x"))}, true, []string{"a to 240.0.0.2"}, 0},
	} {
		t.Run(test.name, func(t *testing.T) {
			var got reported
			conflicts := newConflicts(&got)
			claim := &Claim{Key: test.key, Entries: test.entries}
			for range 2 {
				again, err := conflicts.settle(t.Context(), objects, claim, test.foreign, now)
				if again != test.again || err != nil {
					t.Errorf("got %s, error %v; want to look again after %s", again, err, test.again)
				}
			}
			// Once, though looked at twice.
			if diff := cmp.Diff(test.want, []string(got)); diff != "" {
				t.Errorf("reported objects differ (-want +got):\n%s", diff)
			}
			want := len(slices.DeleteFunc(slices.Clone(test.want), func(text string) bool { return strings.HasPrefix(text, "unwanted") }))
			if got := conflicts.count(test.key.Kind); got != want {
				t.Errorf("got %d counted; want %d", got, want)
			}
			if _, err := conflicts.settle(t.Context(), objects, &Claim{Key: test.key}, false, now); err != nil || conflicts.count(test.key.Kind) != 0 {
				t.Errorf("got %d, error %v, after all are gone; want 0", conflicts.count(test.key.Kind), err)
			}
		})
	}
}
