package policies

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"fedmesh.io/fedmesh/policies/mesh"
)

// TestExclusiveRules: those that say that somebody else has it already.
func TestExclusiveRules(t *testing.T) {
	var got []string
	for _, rule := range Catalogue() {
		if rule.Exclusive {
			got = append(got, rule.ID)
		}
	}
	if want := []string{"FED105", "FED106", "FED301", "FED303"}; !slices.Equal(got, want) {
		t.Errorf("exclusive rules are %v; want %v", got, want)
	}
}

// TestExclusiveFindingsHangOnRelated: admission asks the API server about the
// objects in Related and about no others. Once all of them turn out to be gone,
// an exclusive rule denies nothing but what is wrong with the object by itself.
func TestExclusiveFindingsHangOnRelated(t *testing.T) {
	evaluator, err := NewEvaluator(Catalogue())
	if err != nil {
		t.Fatal(err)
	}
	contested := 0
	for _, fixture := range loadFixtures(t, "testdata/FED*/*/*.yaml") {
		alone := mesh.NewIndex()
		alone.Put(mesh.NewRecord(fixture.object))
		want := deniedExclusively(evaluator.Evaluate(Review{Object: fixture.object}, alone, fixture.federation))

		review := Review{Object: fixture.object, Live: map[mesh.Ref]*mesh.Object{}}
		outcome := evaluator.Evaluate(review, fixture.index, fixture.federation)
		for refs := outcome.Contested(); len(refs) > 0; refs = outcome.Contested() {
			contested++
			for _, ref := range refs {
				if _, gone := review.Live[ref]; gone {
					t.Fatalf("%s: %s is gone, and still in the way", fixture.path, ref)
				}
				review.Live[ref] = nil
			}
			outcome = evaluator.Evaluate(review, fixture.index, fixture.federation)
		}
		if diff := cmp.Diff(want, deniedExclusively(outcome)); diff != "" {
			t.Errorf("%s: denied by exclusive rules with nobody in the way (-alone +all gone):\n%s", fixture.path, diff)
		}
	}
	if contested < 30 {
		t.Errorf("objects were contested in %d fixtures; want enough to tell something", contested)
	}
}

func deniedExclusively(outcome Outcome) []string {
	var lines []string
	for _, finding := range outcome.Denied() {
		if finding.Exclusive {
			lines = append(lines, finding.String())
		}
	}
	return lines
}

func TestContested(t *testing.T) {
	ref := func(kind mesh.Kind, name string) mesh.Ref { return mesh.Ref{Kind: kind, Namespace: "foo", Name: name} }
	a, b, service := ref(mesh.ServiceEntry, "a"), ref(mesh.ServiceEntry, "b"), ref(mesh.Service, "a")
	for name, test := range map[string]struct {
		findings []Finding
		want     []mesh.Ref
	}{
		"nothing":               {nil, nil},
		"in order":              {[]Finding{{Exclusive: true, Action: Deny, Related: []mesh.Ref{service, b}}, {Exclusive: true, Action: Deny, Related: []mesh.Ref{a}}}, []mesh.Ref{a, b, service}},
		"each once":             {[]Finding{{Exclusive: true, Action: Deny, Related: []mesh.Ref{b, a}}, {Exclusive: true, Action: Deny, Related: []mesh.Ref{a, b}}}, []mesh.Ref{a, b}},
		"a warning":             {[]Finding{{Exclusive: true, Action: Warn, Related: []mesh.Ref{a}}}, nil},
		"a rule like any other": {[]Finding{{Action: Deny, Related: []mesh.Ref{a}}}, nil},
		"nobody else":           {[]Finding{{Exclusive: true, Action: Deny}}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			outcome := Outcome{Findings: test.findings}
			if diff := cmp.Diff(test.want, outcome.Contested()); diff != "" {
				t.Errorf("contested objects differ (-want +got):\n%s", diff)
			}
		})
	}
}

// TestLive: what the API server says goes before what the index knows, for the
// old object as for the new one.
func TestLive(t *testing.T) {
	holder := otherEntry("x", "hosts: [x.bar.global], addresses: [240.0.0.2]")
	gone := map[mesh.Ref]*mesh.Object{{Kind: mesh.ServiceEntry, Namespace: "other", Name: "x"}: nil}
	moved := live(t, otherEntry("x", "hosts: [x.bar.global], addresses: [240.0.0.3]"))
	for _, test := range []struct {
		name, old, object string
		live              map[mesh.Ref]*mesh.Object
		want              []string
	}{
		{"not asked", "", with(usualEntry(), holder), nil, []string{"Deny FED105 spec.addresses[0]"}},
		{"as it was", "", with(usualEntry(), holder), live(t, holder), []string{"Deny FED105 spec.addresses[0]"}},
		{"gone", "", with(usualEntry(), holder), gone, nil},
		{"moved away", "", with(usualEntry(), holder), moved, nil},
		{"moved here", "", with(usualEntry("addresses: [240.0.0.3]"), holder), moved, []string{"Deny FED105 spec.addresses[0]"}},
		{"not known yet", "", usualEntry(), live(t, holder), []string{"Deny FED105 spec.addresses[0]"}},
		{"a second holder comes to light", "", with(usualEntry(), holder, otherEntry("z", "hosts: [z.bar.global], addresses: [240.0.0.2]")), gone,
			[]string{"Deny FED105 spec.addresses[0]"}},
		{"in the way of the old object too", usualEntry("exportTo: ['.']"), with(usualEntry()), live(t, holder), []string{"Warn FED105 spec.addresses[0]"}},
		{"in the way of the new object only", usualEntry(), with(usualEntry("addresses: [240.0.0.3]"), holder), moved, []string{"Deny FED105 spec.addresses[0]"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			fixture, err := parseFixture(test.name, []byte(test.object))
			if err != nil {
				t.Fatal(err)
			}
			review := Review{Object: fixture.object, Live: test.live}
			if test.old != "" {
				for _, old := range live(t, test.old) {
					review.Old = old
				}
			}
			evaluator, err := NewEvaluator(Catalogue())
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.want, summaries(evaluator.Evaluate(review, fixture.index, fixture.federation))); diff != "" {
				t.Errorf("findings differ (-want +got):\n%s", diff)
			}
		})
	}
}

// live are objects as the API server could have them.
func live(t *testing.T, documents ...string) map[mesh.Ref]*mesh.Object {
	t.Helper()
	objects := map[mesh.Ref]*mesh.Object{}
	for _, document := range documents {
		object, _, err := parseDocument([]byte(document))
		if err != nil {
			t.Fatal(err)
		}
		objects[object.Ref] = object
	}
	return objects
}

// TestAction: a finding that admission makes itself leads to what one of the rule
// would.
func TestAction(t *testing.T) {
	evaluator, err := NewEvaluator([]Rule{flags("FED101", Deny), flags("FED102", Warn)})
	if err != nil {
		t.Fatal(err)
	}
	const legacy = "apiVersion: v1\nkind: Namespace\nmetadata: {name: foo, labels: {tier: legacy}}\n"
	off := federationYAML("rules: [{id: FED101, action: 'Off', namespaceSelector: {matchLabels: {tier: legacy}}}]")
	for name, test := range map[string]struct {
		id, context string
		want        Action
	}{
		"default":          {"FED101", "", Deny},
		"another rule":     {"FED102", "", Warn},
		"undeclared":       {"FED101", undeclaredYAML, Warn},
		"in a namespace":   {"FED101", with(off, legacy), Off},
		"in another":       {"FED101", with(off, strings.Replace(legacy, "foo", "bar", 1)), Deny},
		"no such rule":     {"FED100", "", Off},
		"none behind them": {"FED999", federationYAML("rules: [{id: FED999, action: Deny}]"), Off},
	} {
		t.Run(name, func(t *testing.T) {
			fixture, err := parseFixture(name, []byte(with(usualEntry(), test.context)))
			if err != nil {
				t.Fatal(err)
			}
			if got := evaluator.Action(test.id, fixture.index.NamespaceLabels(fixture.object.Namespace), fixture.federation); got != test.want {
				t.Errorf("got %q; want %q", got, test.want)
			}
		})
	}
}
