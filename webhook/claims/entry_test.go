package claims

import (
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/types"

	"fedmesh.io/fedmesh/policies/mesh"
)

func ref(name string) mesh.Ref {
	return mesh.Ref{Kind: mesh.ServiceEntry, Namespace: "foo", Name: name}
}

func TestJudge(t *testing.T) {
	now := time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC)
	key := Key{Kind: VIP, Name: "240.0.0.2"}
	object := func(uid, version, spec string) *mesh.Object {
		return decode(t, mesh.ServiceEntry, `{metadata: {name: a, namespace: foo, uid: `+uid+`, resourceVersion: "`+version+`"}, spec: `+spec+`}`)
	}
	const has, changed, other = `{hosts: [a.global], addresses: [240.0.0.2]}`, `{hosts: [b.global], addresses: [240.0.0.2]}`, `{hosts: [a.global], addresses: [240.0.0.3]}`
	fresh, old := now.Add(-Grace), now.Add(-Grace-1)
	for _, test := range []struct {
		name      string
		confirmed bool
		version   string // of the object that is replaced
		since     time.Time
		live      *mesh.Object
		want      state
	}{
		{"created and stored", false, "", fresh, object("u", "1", has), held},
		{"confirmed", true, "", time.Time{}, object("u", "9", has), held},
		{"old, and held all the same", false, "", old, object("u", "1", has), held},
		{"created, then given up before it was confirmed", false, "", fresh, object("u", "2", other), void},
		{"created, then used for other hosts before it was confirmed", false, "", fresh, object("u", "2", changed), void},
		{"not stored yet", false, "", fresh, nil, pending},
		{"not stored within the grace", false, "", old, nil, void},
		{"another object has the name", false, "", fresh, object("v", "1", has), pending},
		{"confirmed, then deleted", true, "", time.Time{}, nil, void},
		{"confirmed, then created again", true, "", time.Time{}, object("v", "1", has), void},
		{"confirmed, then given up", true, "", time.Time{}, object("u", "2", other), void},
		{"confirmed, then used for other hosts", true, "", time.Time{}, object("u", "2", changed), void},
		{"an update that is not stored yet", false, "5", fresh, object("u", "5", other), pending},
		{"an update of the hosts that is not stored yet", false, "5", fresh, object("u", "5", changed), pending},
		{"an update of a version that is gone", false, "5", fresh, object("u", "6", other), void},
		{"an update of an object that is gone", false, "5", fresh, nil, void},
		{"an update of an object that is gone and came again", false, "5", fresh, object("v", "5", other), void},
		{"an update that is not stored within the grace", false, "5", old, object("u", "5", other), void},
	} {
		entry := Entry{Ref: ref("a"), UID: types.UID("u"), Hosts: []string{"a.global"}, Confirmed: test.confirmed, OldResourceVersion: test.version, Since: test.since}
		if got := entry.judge(key, test.live, now); got != test.want {
			t.Errorf("%s: got %d; want %d", test.name, got, test.want)
		}
	}
}

func TestYieldsTo(t *testing.T) {
	address, host := Key{Kind: VIP, Name: "240.0.0.2"}, Key{Kind: Host, Name: "a.global"}
	a, b := Entry{Ref: ref("a"), Hosts: []string{"a.global"}}, Entry{Ref: ref("b"), Hosts: []string{"b.global"}}
	with := func(entry Entry, change func(*Entry)) Entry {
		change(&entry)
		return entry
	}
	replacing := with(a, func(e *Entry) { e.Replaces = "b" })
	for _, test := range []struct {
		name         string
		key          Key
		entry, other Entry
		want         bool
	}{
		{"another object", host, a, b, true},
		{"other hosts on the address", address, a, b, true},
		{"the same hosts on the address", address, a, with(b, func(e *Entry) { e.Hosts = a.Hosts }), false},
		{"itself, or another one of its name", host, a, a, false},
		{"the object that it replaces", host, replacing, b, false},
		{"the object that replaces it", host, b, replacing, true},
		{"the object that it replaces, with other hosts on the address", address, replacing, b, true},
		{"one of that name in another namespace", host, replacing, with(b, func(e *Entry) { e.Ref.Namespace = "bar" }), true},
		{"another revision", host, with(a, func(e *Entry) { e.Revision = "one" }), with(b, func(e *Entry) { e.Revision = "two" }), false},
		{"for one revision and for all", host, with(a, func(e *Entry) { e.Revision = "one" }), b, true},
	} {
		if got := test.entry.yieldsTo(test.key, &test.other); got != test.want {
			t.Errorf("%s: got %t; want %t", test.name, got, test.want)
		}
	}
}
