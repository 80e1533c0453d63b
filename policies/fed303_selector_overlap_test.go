package policies

import (
	"slices"
	"strings"
	"testing"

	"fedmesh.io/fedmesh/policies/mesh"
)

// TestSelectorOverlapUpdates: an older overlap does not stand in the way of other
// changes, but nobody may walk into a new one.
func TestSelectorOverlapUpdates(t *testing.T) {
	sidecar := func(fields ...string) string { return sidecarHead + strings.Join(fields, "") }
	const egress, more = "  egress: [{hosts: ['./*']}]\n", "  egress: [{hosts: ['./*', 'istio-system/*']}]\n"
	const app, reviews = "  workloadSelector: {labels: {app: httpbin}}\n", "  workloadSelector: {labels: {app: reviews}}\n"
	const version = "  workloadSelector: {labels: {app: httpbin, version: v1}}\n"
	const empty = "  workloadSelector: {}\n"
	other := func(name, selector string) string {
		return strings.Replace(sidecarHead, "name: federation", "name: "+name, 1) + selector + egress
	}
	const field = "FED303 spec.workloadSelector.labels"
	const annotation = "metadata.annotations[fedmesh.io/replaces]"
	strict := federationYAML("rules: [{id: FED303, action: Deny}]")
	runUpdates(t, []updateTest{
		{"something else changed", sidecar(app, egress), with(sidecar(app, more), other("x", app)), []string{"Warn " + field}},
		{"onto another's labels", sidecar(reviews, egress), with(sidecar(app, egress), other("x", app)), []string{"Deny " + field}},
		{"from within another's labels onto them", sidecar(version, egress), with(sidecar(app, egress), other("x", app)), []string{"Deny " + field}},
		{"from one that selects everything", sidecar(egress), with(sidecar(app, egress), other("x", app)), []string{"Deny " + field}},
		{"within another's labels, where that is denied", sidecar(app, egress), with(sidecar(version, egress), other("x", app), strict), []string{"Deny " + field}},
		{"away from them", sidecar(app, egress), with(sidecar(reviews, egress), other("x", app)), nil},
		{"to no labels", sidecar(app, egress), with(sidecar(empty, egress), other("x", app)), []string{"Deny FED302 spec.workloadSelector"}},
		{"while both are there", replaces("old", sidecar(app, egress)), with(replaces("old", sidecar(app, more)), other("old", app)),
			[]string{"Warn FED303 " + annotation}},
		{"onto the predecessor's labels", replaces("old", sidecar(reviews, egress)), with(replaces("old", sidecar(app, egress)), other("old", app), strict),
			[]string{"Warn FED303 " + annotation}},
		{"the annotation is taken out with a change", replaces("old", sidecar(app, egress)), with(sidecar(app, more), other("old", app), other("z", version)),
			[]string{"Deny " + field, "Warn " + field}},
	})
}

// TestSelectorOverlapLongestMessage: kubectl cuts warnings off behind 256
// characters.
func TestSelectorOverlapLongestMessage(t *testing.T) {
	long := strings.Repeat("n", 253)
	for _, created := range []string{"", ", creationTimestamp: '2026-01-02T03:04:05Z'"} {
		for _, selector := range []string{"{app: a}", "{app: a, version: v1}", "{}"} {
			other := strings.Replace(sidecarHead, "name: federation", "name: "+long+created, 1) + "  workloadSelector: {labels: " + selector + "}\n"
			object := sidecarHead + "  workloadSelector: {labels: {app: a}}\n"
			for _, object := range []string{object, replaces(long, object)} {
				fixture, err := parseFixture("longest", []byte(with(object, other)))
				if err != nil {
					t.Fatal(err)
				}
				lines := fixture.findings(t, Catalogue())
				if len(lines) != 1 {
					t.Fatalf("%s: got %q; want one finding", selector, lines)
				}
				if _, text, _ := strings.Cut(lines[0], " "); len(text) >= 256 {
					t.Errorf("%s: %d characters; want less than 256: %s", selector, len(text), text)
				}
			}
		}
	}
}

// TestSelectorOverlapRelated: admission asks the API server about the Sidecar that
// a denial hangs on, and about that alone.
func TestSelectorOverlapRelated(t *testing.T) {
	other := func(name, selector string) string {
		return strings.Replace(sidecarHead, "name: federation", "name: "+name, 1) + "  workloadSelector: {labels: " + selector + "}\n"
	}
	object := sidecarHead + "  workloadSelector: {labels: {app: a}}\n"
	outcome := evaluate(t, Catalogue(), "", object, with(other("x", "{app: a}"), other("x2", "{app: a}"), other("x3", "{app: a, version: v1}")))
	if got, want := outcome.Contested(), []mesh.Ref{{Kind: mesh.Sidecar, Namespace: "foo", Name: "x"}}; !slices.Equal(got, want) {
		t.Errorf("got %v; want %v", got, want)
	}
}
