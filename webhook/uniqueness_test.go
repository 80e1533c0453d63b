package webhook

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	admissionv1 "k8s.io/api/admission/v1"
	"k8s.io/apimachinery/pkg/types"

	"fedmesh.io/fedmesh/policies/api/v1alpha1"
	"fedmesh.io/fedmesh/policies/mesh"
	"fedmesh.io/fedmesh/webhook/claims"
)

// entryYAML is a ServiceEntry that no rule speaks of.
func entryYAML(name, uid, hosts, addresses string) string {
	return fmt.Sprintf(`
metadata: {name: %s, namespace: foo, uid: %s, resourceVersion: "7", creationTimestamp: "2026-01-01T00:00:00Z"}
spec:
  hosts: [%s]
  addresses: [%s]
  location: MESH_INTERNAL
  resolution: DNS
  ports: [{number: 8000, name: http, protocol: HTTP}]
  endpoints: [{address: gateway.bar.com, ports: {http: 15443}}]
`, name, uid, hosts, addresses)
}

// claimFor stores a claim with one entry of somebody else.
func (s *setup) claimFor(key claims.Key, entry claims.Entry) {
	s.api.claims[key] = &claims.Claim{Key: key, UID: "claim", ResourceVersion: "1", Entries: []claims.Entry{entry}}
}

func vip(address string) claims.Key { return claims.Key{Kind: claims.VIP, Name: address} }

func host(name string) claims.Key { return claims.Key{Kind: claims.Host, Name: name} }

// ask has the webhook answer for a ServiceEntry; old may be empty.
func (s *setup) ask(t *testing.T, object, old string, dry bool) *admissionv1.AdmissionResponse {
	t.Helper()
	operation := admissionv1.Create
	if old != "" {
		operation = admissionv1.Update
	}
	body := review(t, istioNetworking, "ServiceEntry", operation, object, old)
	if dry {
		body = strings.Replace(body, `"uid":"42"`, `"uid":"42","dryRun":true`, 1)
	}
	return decodeResponse(t, post(s.mesh(), "/mesh", body))
}

// TestClaim looks at what the webhook makes of claims: what it writes, and what
// it says when it may not.
func TestClaim(t *testing.T) {
	other := mesh.Ref{Kind: mesh.ServiceEntry, Namespace: "foo", Name: "other"}
	some := entryYAML("some", "uid-some", "a.bar.global", "240.0.0.2")
	for _, test := range []struct {
		name        string
		prepare     func(t *testing.T, s *setup)
		object, old string
		dry         bool

		code    int32 // 0: allowed
		after   int32 // seconds to wait
		says    string
		claimed []string // keys with an entry of the request
	}{
		{name: "free", object: some, claimed: []string{"host//a.bar.global", "vip//240.0.0.2"}},
		{name: "a dry-run claims nothing", object: some, dry: true},
		{
			name: "held by an object that the index does not know", object: some,
			prepare: func(t *testing.T, s *setup) {
				s.store(t, mesh.ServiceEntry, entryYAML("other", "uid-other", "b.bar.global", "240.0.0.2"))
				s.claimFor(vip("240.0.0.2"), claims.Entry{Ref: other, UID: "uid-other", Hosts: []string{"b.bar.global"}, Since: s.now})
			},
			code: http.StatusForbidden,
			says: "[FED105] spec.addresses[0]: 240.0.0.2 already belongs to b.bar.global (ServiceEntry foo/other); next free address: 240.0.0.3",
		},
		{
			name: "a dry-run tells the truth about a claim", object: some, dry: true,
			prepare: func(t *testing.T, s *setup) {
				s.store(t, mesh.ServiceEntry, entryYAML("other", "uid-other", "a.bar.global", "240.0.0.9"))
				s.claimFor(host("a.bar.global"), claims.Entry{Ref: other, UID: "uid-other", Confirmed: true})
			},
			code: http.StatusForbidden,
			says: "[FED106] spec.hosts[0]: a.bar.global is defined already by ServiceEntry foo/other",
		},
		{
			name: "shared by an entry that defines fewer hosts, which the rule would let pass",
			object: entryYAML("some", "uid-some", "a.bar.global, b.bar.global", "240.0.0.2") +
				"  exportTo: [one]\n",
			prepare: func(t *testing.T, s *setup) {
				s.put(t, mesh.ServiceEntry, entryYAML("other", "uid-other", "a.bar.global", "240.0.0.2")+"  exportTo: [two]\n")
				s.claimFor(vip("240.0.0.2"), claims.Entry{Ref: other, UID: "uid-other", Hosts: []string{"a.bar.global"}, Confirmed: true})
			},
			code: http.StatusForbidden,
			says: "[FED105] spec.addresses[0]: 240.0.0.2 belongs to ServiceEntry foo/other, which does not define the same hosts; share it among entries for the same hosts only",
		},
		{
			name: "let pass a moment ago and not stored yet", object: some,
			prepare: func(_ *testing.T, s *setup) {
				s.claimFor(vip("240.0.0.2"), claims.Entry{Ref: other, UID: "uid-other", Hosts: []string{"b.bar.global"}, Since: s.now.Add(-3 * time.Second)})
			},
			code: http.StatusServiceUnavailable, after: 3,
			says: "[FED105] spec.addresses[0]: 240.0.0.2 is being claimed by ServiceEntry foo/other, which was let pass 3s ago and is not stored yet; should it never be, it is free in 57s; try again",
		},
		{
			name: "let pass this very moment", object: some,
			prepare: func(_ *testing.T, s *setup) {
				s.claimFor(vip("240.0.0.2"), claims.Entry{Ref: other, UID: "uid-other", Hosts: []string{"b.bar.global"}, Since: s.now})
			},
			code: http.StatusServiceUnavailable, after: 1, says: "was let pass 0s ago",
		},
		{
			name: "let pass long ago and not stored yet", object: some, dry: true,
			prepare: func(_ *testing.T, s *setup) {
				s.claimFor(vip("240.0.0.2"), claims.Entry{Ref: other, UID: "uid-other", Hosts: []string{"b.bar.global"}, Since: s.now.Add(-40 * time.Second)})
			},
			code: http.StatusServiceUnavailable, after: 21, says: "it is free in 20s",
		},
		{
			name: "let pass longer ago than a request can take", object: some,
			prepare: func(_ *testing.T, s *setup) {
				s.claimFor(vip("240.0.0.2"), claims.Entry{Ref: other, UID: "uid-other", Hosts: []string{"b.bar.global"}, Since: s.now.Add(-claims.Grace - time.Second)})
			},
			claimed: []string{"host//a.bar.global", "vip//240.0.0.2"},
		},
		{
			name: "the API server does not answer", object: some,
			prepare: func(_ *testing.T, s *setup) { s.api.err = errors.New("no route to host") },
			code:    http.StatusServiceUnavailable, after: 2, says: "no route to host; try again",
		},
		{
			name: "the index has an entry that is gone", object: some,
			prepare: func(t *testing.T, s *setup) {
				s.put(t, mesh.ServiceEntry, entryYAML("other", "uid-other", "b.bar.global", "240.0.0.2"))
				delete(s.api.objects, other)
			},
			claimed: []string{"host//a.bar.global", "vip//240.0.0.2"},
		},
		{
			name: "the index has an entry as it was", object: some,
			prepare: func(t *testing.T, s *setup) {
				s.put(t, mesh.ServiceEntry, entryYAML("other", "uid-other", "b.bar.global", "240.0.0.2"))
				s.store(t, mesh.ServiceEntry, entryYAML("other", "uid-other", "b.bar.global", "240.0.0.5"))
			},
			claimed: []string{"host//a.bar.global", "vip//240.0.0.2"},
		},
		{
			name: "nobody can say whether the entry in the index is still there", object: some,
			prepare: func(t *testing.T, s *setup) {
				s.put(t, mesh.ServiceEntry, entryYAML("other", "uid-other", "b.bar.global", "240.0.0.2"))
				s.api.err = errors.New("no route to host")
			},
			code: http.StatusServiceUnavailable, after: 2, says: "cannot tell whether ServiceEntry foo/other still is in the way: no route to host",
		},
		{
			name: "it shares a host already, and comes to share it with one more",
			old:  entryYAML("some", "uid-some", "a.bar.global", "240.0.0.2") + "  exportTo: [one]\n", object: some,
			prepare: func(t *testing.T, s *setup) {
				s.put(t, mesh.ServiceEntry, entryYAML("other", "uid-other", "a.bar.global", "240.0.0.3")+"  exportTo: [one]\n")
				s.put(t, mesh.ServiceEntry, entryYAML("third", "uid-third", "a.bar.global", "240.0.0.4"))
			},
			code: http.StatusForbidden, says: "[FED106] spec.hosts[0]: a.bar.global is defined already by ServiceEntry foo/third",
		},
		{
			name: "an update that keeps its keys claims nothing",
			old:  some, object: some + "  exportTo: ['*']\n",
		},
		{
			name: "an update that is for another revision is a new use of everything",
			old:  strings.Replace(some, "name: some,", "name: some, labels: {istio.io/rev: red},", 1), object: some + "  exportTo: ['*']\n",
			claimed: []string{"host//a.bar.global", "vip//240.0.0.2"},
		},
		{
			name:   "the holder was for this revision, and is for another one now",
			object: strings.Replace(some, "name: some,", "name: some, labels: {istio.io/rev: red},", 1),
			prepare: func(t *testing.T, s *setup) {
				s.store(t, mesh.ServiceEntry, strings.Replace(entryYAML("other", "uid-other", "a.bar.global", "240.0.0.9"), "name: other,", "name: other, labels: {istio.io/rev: blue},", 1))
				s.claimFor(host("a.bar.global"), claims.Entry{Ref: other, UID: "uid-other", Revision: "red", Confirmed: true})
			},
			claimed: []string{"host//a.bar.global", "vip//240.0.0.2"},
		},
		{
			name:   "the holder was for another revision, and is for this one now",
			object: strings.Replace(some, "name: some,", "name: some, labels: {istio.io/rev: red},", 1),
			prepare: func(t *testing.T, s *setup) {
				s.store(t, mesh.ServiceEntry, strings.Replace(entryYAML("other", "uid-other", "a.bar.global", "240.0.0.9"), "name: other,", "name: other, labels: {istio.io/rev: red},", 1))
				s.claimFor(host("a.bar.global"), claims.Entry{Ref: other, UID: "uid-other", Revision: "blue", Confirmed: true})
			},
			code: http.StatusForbidden, says: "[FED106] spec.hosts[0]: a.bar.global is defined already by ServiceEntry foo/other",
		},
		{
			name: "an update claims what is new",
			old:  some, object: entryYAML("some", "uid-some", "a.bar.global", "240.0.0.2, 240.0.0.3"),
			claimed: []string{"vip//240.0.0.3"},
		},
		{
			name: "an update of the hosts is a new use of the address",
			old:  some, object: entryYAML("some", "uid-some", "b.bar.global", "240.0.0.2"),
			claimed: []string{"host//b.bar.global", "vip//240.0.0.2"},
		},
		{
			name: "what it shares already is not claimed, and not refused",
			old:  entryYAML("some", "uid-some", "a.bar.global", "240.0.0.2"), object: entryYAML("some", "uid-some", "c.bar.global", "240.0.0.2"),
			prepare: func(t *testing.T, s *setup) {
				s.put(t, mesh.ServiceEntry, entryYAML("other", "uid-other", "b.bar.global", "240.0.0.2"))
				s.claimFor(vip("240.0.0.2"), claims.Entry{Ref: other, UID: "uid-other", Hosts: []string{"b.bar.global"}, Confirmed: true})
			},
			claimed: []string{"host//c.bar.global"},
		},
		{
			name: "a rule that only warns claims nothing", object: some,
			prepare: func(t *testing.T, s *setup) {
				spec := twoClusters()
				spec.Rules = []v1alpha1.RuleSetting{{ID: "FED105", Action: v1alpha1.RuleWarn}}
				federation, errs := mesh.Compile(spec)
				if len(errs) > 0 {
					t.Fatal(errs.ToAggregate())
				}
				s.configuration.Set(federation)
			},
			claimed: []string{"host//a.bar.global"},
		},
		{
			name: "without a Federation nothing is claimed", object: some,
			prepare: func(_ *testing.T, s *setup) { s.configuration.Set(mesh.Undeclared()) },
		},
		{
			name: "a host that is not federated", object: entryYAML("some", "uid-some", "www.example.com", "240.0.0.2"),
		},
		{
			name: "more than can be claimed at once", object: entryYAML("some", "uid-some", "a.bar.global", manyAddresses(32)),
			code: http.StatusForbidden, says: "[FED106] spec: 33 addresses and hosts to be reserved at once, and 32 is the most; add them in several updates",
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := newSetup(t)
			if test.prepare != nil {
				test.prepare(t, s)
			}
			response := s.ask(t, test.object, test.old, test.dry)
			if response.Allowed != (test.code == 0) {
				t.Fatalf("got %+v, %+v; want allowed %t", response, response.Result, test.code == 0)
			}
			if test.code != 0 {
				if response.Result.Code != test.code || !strings.Contains(response.Result.Message, test.says) {
					t.Errorf("got %d %q; want %d and in it %q", response.Result.Code, response.Result.Message, test.code, test.says)
				}
				if got := response.Result.Details.RetryAfterSeconds; got != test.after {
					t.Errorf("got %d seconds to wait; want %d", got, test.after)
				}
			}
			var claimed []string
			for _, key := range []claims.Key{host("a.bar.global"), host("b.bar.global"), host("c.bar.global"), vip("240.0.0.2"), vip("240.0.0.3")} {
				if claim := s.api.claims[key]; claim != nil {
					for _, entry := range claim.Entries {
						if entry.UID == types.UID("uid-some") {
							claimed = append(claimed, key.String())
						}
					}
				}
			}
			if diff := cmp.Diff(test.claimed, claimed); diff != "" {
				t.Errorf("claimed keys differ (-want +got):\n%s", diff)
			}
			if test.dry && s.api.writes > 0 {
				t.Errorf("got %d writes of a dry-run; want none", s.api.writes)
			}
		})
	}
}

func manyAddresses(count int) string {
	var addresses []string
	for i := range count {
		addresses = append(addresses, fmt.Sprintf("240.1.0.%d", i+1))
	}
	return strings.Join(addresses, ", ")
}

// TestClaimTwice: an update's entry says which version it replaces, and a second
// attempt is another entry.
func TestClaimTwice(t *testing.T) {
	s := newSetup(t)
	old, changed := entryYAML("some", "uid-some", "a.bar.global", "240.0.0.2"), entryYAML("some", "uid-some", "a.bar.global", "240.0.0.3")
	s.put(t, mesh.ServiceEntry, old)
	for range 2 {
		if response := s.ask(t, changed, old, false); !response.Allowed {
			t.Fatalf("got %+v; want it allowed", response.Result)
		}
	}
	entries := s.api.claims[vip("240.0.0.3")].Entries
	if len(entries) != 2 || entries[0].Attempt == entries[1].Attempt {
		t.Fatalf("got entries %+v; want two of different attempts", entries)
	}
	for _, entry := range entries {
		if entry.OldResourceVersion != "7" || !entry.Since.Equal(s.now) || entry.Confirmed {
			t.Errorf("got entry %+v; want one that is pending, of now, for version 7", entry)
		}
	}
}
