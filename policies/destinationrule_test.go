package policies

import (
	"testing"

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
