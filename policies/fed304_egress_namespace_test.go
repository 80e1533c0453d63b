package policies

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"fedmesh.io/fedmesh/policies/mesh"
)

// TestEgressNamespaceOffline: it is a denial where the whole set is visible, but
// only when the set shows where the host is.
func TestEgressNamespaceOffline(t *testing.T) {
	const entry = `---
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: httpbin-bar, namespace: baz}
spec: {hosts: [httpbin.bar.global]}
`
	private := strings.Replace(entry, "global]", "global], exportTo: ['.']", 1)
	sameNamespace := strings.Replace(private, "namespace: baz", "namespace: bar", 1)
	for _, test := range []struct {
		name, inventory string
		want            Action
	}{
		{"visible in another namespace", entry, Deny},
		{"in another namespace and not exported", private, ""},
		{"in the namespace and not exported", sameNamespace, ""},
		{"in the namespace and not exported, visible in another", sameNamespace + entry, ""},
		{"nowhere", "", ""},
	} {
		fixture, err := parseFixture(test.name, []byte(sidecarHead+"  egress: [{hosts: [bar/httpbin.bar.global]}]\n"+test.inventory))
		if err != nil {
			t.Fatal(err)
		}
		findings := checkEgressNamespace(Review{Object: fixture.object}, mesh.NewView(fixture.index, fixture.federation, fixture.object))
		if len(findings) != 1 || findings[0].Offline != test.want {
			t.Errorf("%s: got %+v; want one finding that offline leads to %q", test.name, findings, test.want)
		}
	}
}

// TestEgressNamespaceLongestMessage: kubectl cuts warnings off behind 256
// characters.
func TestEgressNamespaceLongestMessage(t *testing.T) {
	long := strings.Repeat("n", 63)
	host := long + "." + long + ".global"
	sidecar := strings.Replace(sidecarHead, "namespace: foo", "namespace: s"+long[1:], 1) +
		"  egress:\n" + strings.Repeat("  - hosts: ['./*']\n", 99) +
		"  - hosts: [" + strings.Repeat("'./*', ", 99) + "b" + long[1:] + "/" + host + "]\n"
	entry := func(namespace string) string {
		return "---\napiVersion: networking.istio.io/v1\nkind: ServiceEntry\n" +
			"metadata: {name: " + long + ", namespace: " + namespace + "}\nspec: {hosts: [" + host + "], exportTo: [.]}\n"
	}
	for _, inventory := range []string{"", entry("b" + long[1:]), entry("c" + long[1:]), strings.Replace(entry("c"+long[1:]), ", exportTo: [.]", "", 1)} {
		fixture, err := parseFixture("longest", []byte(sidecar+inventory))
		if err != nil {
			t.Fatal(err)
		}
		lines := fixture.findings(t, Catalogue())
		if len(lines) != 1 {
			t.Fatalf("got %q; want one finding", lines)
		}
		if _, text, _ := strings.Cut(lines[0], " "); len(text) > 256 {
			t.Errorf("%d characters; want 256 at most: %s", len(text), text)
		}
	}
}

// TestImportsAgainstList: what is known when the search stops early is what the
// list of all entries, oldest first, says.
func TestImportsAgainstList(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	federation := usualFederation()
	const host = "*.global"
	hidden := 0
	for range 5000 {
		selector := []string{"", `, "workloadSelector": {"labels": {"a": "b"}}`}[random.IntN(2)]
		sidecar, err := mesh.Decode(mesh.Sidecar, fmt.Appendf(nil, `{"metadata": {"name": "default", "namespace": %q},
			"spec": {"egress": [{"hosts": ["./*.global", "baz/*.global"]}]%s}}`, []string{"foo", "baz", "istio-system"}[random.IntN(3)], selector))
		if err != nil {
			t.Fatal(err)
		}
		index := mesh.NewIndex()
		for i := range random.IntN(6) {
			index.Put(mesh.NewRecord(randomDestination(t, random, i)))
		}
		view := mesh.NewView(index, federation, sidecar)
		scope := newImportScope(sidecar, federation)
		entries := view.EntriesOf(host)
		first := func(fits func(*mesh.Entry) bool) (ref mesh.Ref) {
			if i := slices.IndexFunc(entries, fits); i >= 0 {
				ref = entries[i].Ref
			}
			return ref
		}

		found := imports{from: map[string]*source{scope.within("."): {}, "baz": {}}}
		found.resolve(scope, host, view)
		failed := false
		for namespace, source := range found.from {
			in := func(entry *mesh.Entry) bool {
				return namespace == anyNamespace || entry.Ref.Namespace == namespace
			}
			if want := slices.ContainsFunc(entries, func(e *mesh.Entry) bool { return in(e) && scope.sees(e) }); source.works != want {
				t.Fatalf("%s works: %t; want %t", namespace, source.works, want)
			}
			if source.works {
				continue
			}
			failed = true
			if diff := cmp.Diff(first(in), refOf(source.hidden)); diff != "" {
				t.Fatalf("hidden in %s (-want +got):\n%s", namespace, diff)
			}
			if source.hidden != nil {
				hidden++
			}
		}
		if !failed {
			continue // no message names any
		}
		if diff := cmp.Diff([]mesh.Ref{first(scope.sees), first(func(*mesh.Entry) bool { return true })}, []mesh.Ref{refOf(found.elsewhere), refOf(found.unseen)}); diff != "" {
			t.Fatalf("the oldest that is seen, and of all (-want +got):\n%s", diff)
		}
	}
	if hidden == 0 {
		t.Error("no entry was hidden; the entries at random are too poor")
	}
}

func refOf(entry *mesh.Entry) (ref mesh.Ref) {
	if entry != nil {
		ref = entry.Ref
	}
	return ref
}
