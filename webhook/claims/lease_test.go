package claims

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	coordinationv1 "k8s.io/api/coordination/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// TestLease: what is written is read back, the confirmed and the oldest first.
func TestLease(t *testing.T) {
	since := time.Date(2026, 1, 1, 12, 0, 0, 123456789, time.UTC)
	claim := &Claim{
		Key: Key{Kind: VIP, Name: "240.0.0.2"}, UID: "lease", ResourceVersion: "17",
		Entries: []Entry{
			{Ref: ref("later"), UID: "3", Hosts: []string{"a.global"}, Attempt: "x/2", Since: since.Add(time.Second), OldResourceVersion: "5"},
			{Ref: ref("waiting"), UID: "4", Hosts: []string{"a.global", "b.global"}, Attempt: "x/1", Since: since, Revision: "canary", Replaces: "old"},
			{Ref: ref("younger"), UID: "2", Hosts: []string{"a.global"}, Confirmed: true, Created: 1700000009},
			{Ref: ref("oldest"), UID: "1", Hosts: []string{"a.global"}, Confirmed: true, Created: 1700000001},
		},
	}
	want := *claim
	want.Entries = []Entry{claim.Entries[3], claim.Entries[2], claim.Entries[1], claim.Entries[0]}
	lease, err := toLease(claim, "fedmesh-system")
	if err != nil {
		t.Fatal(err)
	}
	if got, want := *lease.Spec.HolderIdentity, "ServiceEntry foo/oldest"; got != want {
		t.Errorf("got holder %q; want %q", got, want)
	}
	if len(lease.OwnerReferences) > 0 {
		t.Errorf("got owners %v; want none, so that no garbage collector takes a claim away", lease.OwnerReferences)
	}
	got, err := fromLease(lease)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(&want, got); diff != "" {
		t.Errorf("the claim read back differs (-want +got):\n%s", diff)
	}
}

// TestNoClaim: a Lease that is no claim, or one that somebody edited, is an error
// that says what is wrong.
func TestNoClaim(t *testing.T) {
	good := func() *coordinationv1.Lease {
		return &coordinationv1.Lease{ObjectMeta: metav1.ObjectMeta{
			Labels: map[string]string{Label: "vip"},
			Annotations: map[string]string{
				keyAnnotation:     "vip//240.0.0.2",
				entriesAnnotation: `[{"object":"ServiceEntry/foo/a","uid":"1","created":"2026-01-01T00:00:00Z"}]`,
			},
		}}
	}
	if _, err := fromLease(good()); err != nil {
		t.Fatalf("got %v; want the example to be a claim", err)
	}
	for _, test := range []struct {
		name string
		edit func(*coordinationv1.Lease)
		says string
	}{
		{"somebody else's", func(l *coordinationv1.Lease) { l.Labels, l.Annotations = nil, nil }, "so that it is no claim"},
		{"the label taken off", func(l *coordinationv1.Lease) { l.Labels = nil }, "lacks label fedmesh.io/claim"},
		{"the key taken off", func(l *coordinationv1.Lease) { delete(l.Annotations, keyAnnotation) }, "annotation fedmesh.io/key"},
		{"no key", func(l *coordinationv1.Lease) { l.Annotations[keyAnnotation] = "240.0.0.2" }, `annotation fedmesh.io/key: "240.0.0.2" is no key`},
		{"no JSON", func(l *coordinationv1.Lease) { l.Annotations[entriesAnnotation] = "{" }, "annotation fedmesh.io/entries: "},
		{"no entries", func(l *coordinationv1.Lease) { delete(l.Annotations, entriesAnnotation) }, "annotation fedmesh.io/entries: "},
		{"another kind", func(l *coordinationv1.Lease) {
			l.Annotations[entriesAnnotation] = strings.Replace(l.Annotations[entriesAnnotation], "ServiceEntry", "Sidecar", 1)
		}, "[0] is no entry of a claim to 240.0.0.2"},
		{"an entry without a uid", func(l *coordinationv1.Lease) {
			l.Annotations[entriesAnnotation] = strings.Replace(l.Annotations[entriesAnnotation], `"uid":"1",`, "", 1)
		}, "[0] is no entry"},
		{"an entry that is neither confirmed nor pending", func(l *coordinationv1.Lease) {
			l.Annotations[entriesAnnotation] = strings.Replace(l.Annotations[entriesAnnotation], `"created"`, `"crated"`, 1)
		}, "[0] is no entry"},
	} {
		lease := good()
		test.edit(lease)
		if claim, err := fromLease(lease); err == nil || !strings.Contains(err.Error(), test.says) {
			t.Errorf("%s: got %+v, error %v; want one that says %q", test.name, claim, err, test.says)
		}
	}
}

// FuzzLease: whatever is in a claim's annotations is refused or can be written
// again and says the same.
func FuzzLease(f *testing.F) {
	f.Add("vip//240.0.0.2", `[{"object":"ServiceEntry/foo/a","uid":"1","created":"2026-01-01T00:00:00Z"}]`)
	f.Add("host/foo/a.global", `[{"object":"ServiceEntry/foo/a","uid":"1","since":"2026-01-01T00:00:00.5Z","attempt":"1/2","oldResourceVersion":"7"}]`)
	f.Add("sidecar//foo", `[{"object":"Sidecar/foo/a","uid":"1","created":"9999-01-01T00:00:00Z","hosts":["a"],"replaces":"b"}]`)
	f.Fuzz(func(t *testing.T, key, entries string) {
		claim, err := fromLease(&coordinationv1.Lease{ObjectMeta: metav1.ObjectMeta{
			Labels: map[string]string{Label: "vip"}, Annotations: map[string]string{keyAnnotation: key, entriesAnnotation: entries},
		}})
		if err != nil {
			return
		}
		lease, err := toLease(claim, "fedmesh-system")
		if err != nil {
			return // a time that JSON has no room for
		}
		again, err := fromLease(lease)
		if err != nil || again.Key != claim.Key || !again.equal(claim) {
			t.Errorf("got %+v, error %v; want %+v", again, err, claim)
		}
	})
}
