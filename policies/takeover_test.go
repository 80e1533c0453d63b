package policies

import (
	"strings"
	"testing"
)

// replaces is object with the annotation that names old.
func replaces(old, object string) string {
	return strings.Replace(object, "namespace: foo", "namespace: foo, annotations: {fedmesh.io/replaces: "+old+"}", 1)
}

// TestTakeoverUpdates: an entry that takes over from one other may be changed, but
// the annotation is no way into another conflict.
func TestTakeoverUpdates(t *testing.T) {
	other := func(name, fields string) string {
		return strings.Replace(otherEntry(name, fields), "namespace: other", "namespace: foo", 1)
	}
	old := other("old", "hosts: [httpbin.bar.global]")
	const annotation = "metadata.annotations[fedmesh.io/replaces]"
	const two = "addresses: [240.0.0.3]"
	runUpdates(t, []updateTest{
		{
			"while both are there",
			replaces("old", usualEntry()), with(replaces("old", usualEntry(two)), old),
			[]string{"Warn FED106 " + annotation},
		},
		{
			"onto the host of the predecessor",
			replaces("old", usualEntry("hosts: [a.bar.global]")), with(replaces("old", usualEntry()), old),
			[]string{"Warn FED106 " + annotation},
		},
		{
			"an old conflict is made a takeover",
			usualEntry(), with(replaces("old", usualEntry(two)), old),
			[]string{"Warn FED106 " + annotation},
		},
		{
			"the annotation is taken out with a change",
			replaces("old", usualEntry()), with(usualEntry(two), old),
			[]string{"Deny FED106 spec.hosts[0]"},
		},
		{
			"the annotation is taken out by itself",
			replaces("old", usualEntry()), with(usualEntry(), old),
			nil,
		},
		{
			"from the predecessor's level to that of another",
			replaces("old", usualEntry()), with(replaces("old", usualEntry("exportTo: ['.']")), old, otherEntry("x", "hosts: [httpbin.bar.global], exportTo: [foo]")),
			[]string{"Deny FED106 spec.hosts[0]"},
		},
		{
			"the predecessor is gone",
			replaces("old", usualEntry()), replaces("old", usualEntry(two)),
			nil,
		},
		{
			"the warning stays one where the Federation says that the rule denies",
			replaces("old", usualEntry("hosts: [a.bar.global]")), with(replaces("old", usualEntry()), old, federationYAML("rules: [{id: FED106, action: Deny}]")),
			[]string{"Warn FED106 " + annotation},
		},
	})
}

func TestSidecarTakeoverUpdates(t *testing.T) {
	sidecar := func(fields string) string { return sidecarHead + fields }
	const all, some = "  egress: [{hosts: ['./*', 'istio-system/*']}]\n", "  workloadSelector: {labels: {app: httpbin}}\n"
	const annotation = "metadata.annotations[fedmesh.io/replaces]"
	runUpdates(t, []updateTest{
		{
			"selector removed",
			replaces("default", sidecar(some+all)), with(replaces("default", sidecar(all)), strings.TrimPrefix(otherDefault, "---\n")),
			[]string{"Warn FED301 " + annotation},
		},
		{
			"selector removed beside another",
			replaces("default", sidecar(some+all)), with(replaces("default", sidecar(all)), strings.TrimPrefix(otherDefault, "---\n"),
				strings.Replace(sidecar(all), "name: federation", "name: legacy", 1)),
			[]string{"Deny FED301 spec.workloadSelector"},
		},
		{
			"the annotation is taken out with a change",
			replaces("default", sidecar("  egress: [{hosts: ['./*']}]\n")), with(sidecar(all), strings.TrimPrefix(otherDefault, "---\n")),
			[]string{"Deny FED301 spec.workloadSelector"},
		},
	})
}

// TestOfferTakeover: the annotation is offered to whom it helps.
func TestOfferTakeover(t *testing.T) {
	const offer = ", or annotate this one with fedmesh.io/replaces: "
	aged := func(when, object string) string {
		return strings.Replace(object, "namespace: foo", "namespace: foo, creationTimestamp: '"+when+"'", 1)
	}
	other := func(name string) string {
		return aged("2026-01-02T00:00:00Z", strings.Replace(otherEntry(name, "hosts: [httpbin.bar.global]"), "namespace: other", "namespace: foo", 1))
	}
	// "[FED106] spec.hosts[0]: " and so on, twice with the name, and " (as before)"
	around := len("[FED106] spec.hosts[0]: httpbin.bar.global is defined already by ServiceEntry foo/; keep one of the two entries for it" + offer + " (as before)")
	longest := (MaxWarning - around) / 2
	for name, test := range map[string]struct {
		object, other, want string
	}{
		"in its namespace":      {usualEntry(), other("a"), "a"},
		"from another":          {usualEntry(), otherEntry("a", "hosts: [httpbin.bar.global]"), ""},
		"to a younger one":      {aged("2026-01-03T00:00:00Z", usualEntry()), other("a"), "a"},
		"to an older one":       {aged("2026-01-01T00:00:00Z", usualEntry()), other("a"), ""},
		"to the second by name": {aged("2026-01-02T00:00:00Z", usualEntry()), other("a"), "a"},
		"to the first by name":  {aged("2026-01-02T00:00:00Z", usualEntry()), other("x"), ""},
		"to one that has taken": {replaces("b", usualEntry()), other("a"), ""},
		"to one that cannot":    {replaces("httpbin-bar", usualEntry()), other("a"), "a"},
		"a long name":           {usualEntry(), other(strings.Repeat("a", longest)), strings.Repeat("a", longest)},
		"too long a name":       {usualEntry(), other(strings.Repeat("a", longest+1)), ""},
	} {
		t.Run(name, func(t *testing.T) {
			findings := evaluate(t, []Rule{hostConflict()}, "", test.object, test.other).Findings
			if len(findings) != 1 {
				t.Fatalf("got findings %v; want one", findings)
			}
			if _, got, _ := strings.Cut(findings[0].Fix, offer); got != test.want {
				t.Errorf("fix is %q; want %q offered", findings[0].Fix, test.want)
			}
		})
	}
}
