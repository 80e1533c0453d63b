package policies

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"fedmesh.io/fedmesh/policies/mesh"
)

// TestReaches: whose clients Istio would look for the rule's namespace for, with
// an entry that they see.
func TestReaches(t *testing.T) {
	for _, test := range []struct {
		name          string
		rule          string // namespace
		ruleExportTo  string
		entry         string // namespace
		entryExportTo []string
		want          bool
	}{
		{name: "same namespace", rule: "foo", entry: "foo", want: true},
		{name: "clients of the rule's namespace", rule: "clients", entry: "foo", want: true},
		{name: "a private rule is for its own namespace's clients", rule: "clients", ruleExportTo: `["."]`, entry: "foo", want: true},
		{name: "the rule's clients do not see the entry", rule: "clients", entry: "foo", entryExportTo: []string{"."}},
		{name: "entry for clients elsewhere", rule: "foo", entry: "foo", entryExportTo: []string{"clients"}, want: true},
		{name: "entry for clients elsewhere, rule for others", rule: "foo", ruleExportTo: `["baz"]`, entry: "foo", entryExportTo: []string{"clients"}},
		{name: "entry and rule for the same clients", rule: "foo", ruleExportTo: `["clients"]`, entry: "foo", entryExportTo: []string{"clients"}, want: true},
		{name: "entry for clients elsewhere, private rule", rule: "foo", ruleExportTo: `["."]`, entry: "foo", entryExportTo: []string{"clients"}},
		{name: "entry for nobody", rule: "foo", entry: "foo", entryExportTo: []string{"~"}},
		{name: "root namespace", rule: "istio-system", entry: "foo", entryExportTo: []string{"."}, want: true},
		{name: "root namespace, rule for others", rule: "istio-system", ruleExportTo: `["baz"]`, entry: "foo", entryExportTo: []string{"."}},
		{name: "root namespace, entry for nobody", rule: "istio-system", entry: "foo", entryExportTo: []string{"~"}},
		{name: "private rule of the root namespace", rule: "istio-system", ruleExportTo: `["."]`, entry: "foo", want: true},
	} {
		exportTo := test.ruleExportTo
		if exportTo == "" {
			exportTo = "[]"
		}
		rule := decodeRule(t, `{"host": "httpbin.bar.global", "exportTo": `+exportTo+`}`)
		rule.Namespace = test.rule
		entry := &mesh.Entry{ExportTo: test.entryExportTo}
		entry.Ref = mesh.Ref{Kind: mesh.ServiceEntry, Namespace: test.entry, Name: "httpbin-bar"}
		if got := reaches(rule, entry, "istio-system"); got != test.want {
			t.Errorf("%s: got %t; want %t", test.name, got, test.want)
		}
	}
}

// TestDestinationsAgainstList: what is known when the search stops early decides
// as the list of all entries does.
func TestDestinationsAgainstList(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	federation := usualFederation()
	stopped := 0
	for range 5000 {
		object := decodeRule(t, `{}`)
		object.DestinationRule = randomRule(random)
		object.DestinationRule.Host = []string{"*.global", "*.bar.global", "a.bar.global"}[random.IntN(3)]
		index := mesh.NewIndex()
		for i := range random.IntN(6) {
			index.Put(mesh.NewRecord(randomDestination(t, random, i)))
		}
		view := mesh.NewView(index, federation, object)

		all := destinations{ports: map[uint32]bool{}}
		covered, external := true, true
		for _, entry := range view.EntriesOf(object.DestinationRule.Host) {
			if !definesFederated(entry, object.DestinationRule.Host, federation) || !reaches(object, entry, "istio-system") {
				continue
			}
			all.known = true
			covered, external = covered && entry.MutualTLS, external && entry.External
			for _, port := range entry.Ports {
				all.ports[port] = true
			}
		}
		all.automatic, all.external = all.known && covered, all.known && external

		levels := slices.DeleteFunc(tlsLevels(object.DestinationRule), tlsLevel.mutual)
		found := destinationsOf(Review{Object: object}, view, levels)
		if len(found.ports) < len(all.ports) {
			stopped++
		}
		var want, got []string
		for _, level := range levels {
			want = append(want, fmt.Sprint(level.name, level.decides(all.ports), level.tls == nil && all.automatic))
			got = append(got, fmt.Sprint(level.name, level.decides(found.ports), level.tls == nil && found.automatic))
		}
		if diff := cmp.Diff(want, got); diff != "" || found.known != all.known || found.external != all.external {
			t.Fatalf("%v\nknown: %v; want %v (-want +got):\n%s", object.DestinationRule, found, all, diff)
		}
	}
	if stopped == 0 {
		t.Error("the search never stopped early")
	}
}

func randomDestination(t *testing.T, random *rand.Rand, i int) *mesh.Object {
	t.Helper()
	pick := func(texts ...string) string { return texts[random.IntN(len(texts))] }
	object, err := mesh.Decode(mesh.ServiceEntry, fmt.Appendf(nil, `{
		"metadata": {"name": "entry-%d", "namespace": %q},
		"spec": {"hosts": [%s], "exportTo": [%s], "location": %q, "ports": [%s], "endpoints": [{%s}]}
	}`, i, pick("foo", "baz"),
		pick(`"a.bar.global"`, `"a.bar.global", "b.baz.global"`, `"b.bar.global"`, `"a.com"`),
		pick(``, ``, `"."`, `"clients"`),
		pick("MESH_EXTERNAL", "MESH_INTERNAL"),
		pick(``, `{"number": 8000}`, `{"number": 9000}, {"number": 80}`, `{"number": 15443}, {"number": 8000}`),
		pick(``, `"serviceAccount": "a"`, `"serviceAccount": "a"`)))
	if err != nil {
		t.Fatal(err)
	}
	return object
}
