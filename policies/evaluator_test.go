package policies

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"fedmesh.io/fedmesh/policies/mesh"
)

// flags is a rule with a finding on each address of a ServiceEntry that is among
// bad.
func flags(id string, action Action, bad ...string) Rule {
	return Rule{
		ID: id, Name: "flags", Summary: "flags addresses", Action: action, Applies: []mesh.Kind{mesh.ServiceEntry},
		Check: func(review Review, _ *mesh.View) []Finding {
			var findings []Finding
			for i, address := range review.Object.ServiceEntry.GetAddresses() {
				if slices.Contains(bad, address) {
					findings = append(findings, Finding{Field: spec().Child("addresses").Index(i), Value: address, Message: "bad"})
				}
			}
			return findings
		},
	}
}

func panics(id string, action Action) Rule {
	rule := flags(id, action)
	rule.Check = func(review Review, _ *mesh.View) []Finding {
		var none []string
		return []Finding{{Message: none[len(review.Object.Name)]}}
	}
	return rule
}

func evaluate(t *testing.T, rules []Rule, old, object, context string) Outcome {
	t.Helper()
	evaluator, err := NewEvaluator(rules)
	if err != nil {
		t.Fatal(err)
	}
	fixture, err := parseFixture("object", []byte(with(object, context)))
	if err != nil {
		t.Fatal(err)
	}
	review := Review{Object: fixture.object}
	if old != "" {
		before, err := parseFixture("old", []byte(old))
		if err != nil {
			t.Fatal(err)
		}
		review.Old = before.object
	}
	return evaluator.Evaluate(review, fixture.index, fixture.federation)
}

func TestNewEvaluatorRefuses(t *testing.T) {
	without := func(change func(*Rule)) []Rule {
		rule := flags("FED101", Deny)
		change(&rule)
		return []Rule{rule}
	}
	for name, test := range map[string]struct {
		rules []Rule
		want  string
	}{
		"order":      {[]Rule{flags("FED102", Deny), flags("FED101", Deny)}, "rule FED101 stands behind FED102"},
		"twice":      {[]Rule{flags("FED101", Deny), flags("FED101", Deny)}, "rule FED101 stands behind FED101"},
		"no ID":      {without(func(r *Rule) { r.ID = "" }), `rule "" lacks`},
		"no name":    {without(func(r *Rule) { r.Name = "" }), `rule "FED101" lacks`},
		"no summary": {without(func(r *Rule) { r.Summary = "" }), `rule "FED101" lacks`},
		"no check":   {without(func(r *Rule) { r.Check = nil }), `rule "FED101" lacks`},
		"no kinds":   {without(func(r *Rule) { r.Applies = nil }), `rule "FED101" lacks`},
		"no action":  {without(func(r *Rule) { r.Action = "" }), `rule FED101 has action ""`},
		"off":        {without(func(r *Rule) { r.Action = Off }), `rule FED101 has action "Off"`},
	} {
		t.Run(name, func(t *testing.T) {
			if evaluator, err := NewEvaluator(test.rules); err == nil || evaluator != nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %v, %v; want an error with %q", evaluator, err, test.want)
			}
		})
	}
}

func TestNewEvaluatorKeepsItsRules(t *testing.T) {
	rules := []Rule{flags("FED101", Deny)}
	evaluator, err := NewEvaluator(rules)
	if err != nil {
		t.Fatal(err)
	}
	rules[0].ID = "FED999"
	if got := evaluator.Rules()[0].ID; got != "FED101" {
		t.Errorf("the caller changed a rule of the evaluator to %s", got)
	}
	if !evaluator.AppliesTo(mesh.ServiceEntry) || evaluator.AppliesTo(mesh.Sidecar) {
		t.Errorf("applies to ServiceEntry %t, Sidecar %t; want true, false", evaluator.AppliesTo(mesh.ServiceEntry), evaluator.AppliesTo(mesh.Sidecar))
	}
}

// TestOnlyNewFindingsAreEnforced: what the old object had is a warning, wherever
// in its list it stands now.
func TestOnlyNewFindingsAreEnforced(t *testing.T) {
	rules := []Rule{flags("FED101", Deny, "1", "2"), flags("FED102", Warn, "3"), flags("FED103", Audit, "4")}
	entry := func(addresses string) string { return usualEntry("addresses: [" + addresses + "]") }
	for name, test := range map[string]struct {
		old, object string
		want        []string
	}{
		"created":                     {"", entry("'1', '3', '4'"), []string{"Deny [0] new", "Warn [1] new", "Audit [2] new"}},
		"kept":                        {entry("'1', '3', '4'"), entry("'1', '3', '4', '5'"), []string{"Warn [0] known", "Warn [1] known", "Audit [2] known"}},
		"reordered":                   {entry("'1', '5', '2'"), entry("'2', '1', '5'"), []string{"Warn [0] known", "Warn [1] known"}},
		"one more":                    {entry("'1'"), entry("'2', '1'"), []string{"Deny [0] new", "Warn [1] known"}},
		"one for another":             {entry("'1'"), entry("'2'"), []string{"Deny [0] new"}},
		"a second of the same":        {entry("'1'"), entry("'1', '1'"), []string{"Warn [0] known", "Deny [1] new"}},
		"mended":                      {entry("'1'"), entry("'5'"), nil},
		"unchanged":                   {entry("'1', '3'"), entry("'1', '3'"), nil},
		"same but written otherwise":  {entry("'1'"), strings.Replace(entry("'1'"), "location: MESH_INTERNAL", "location: 1", 1), nil},
		"labels and annotations only": {entry("'1'"), strings.Replace(entry("'1'"), "namespace: foo", "namespace: foo, labels: {a: b}, annotations: {c: d}", 1), nil},
	} {
		t.Run(name, func(t *testing.T) {
			var got []string
			for _, finding := range evaluate(t, rules, test.old, test.object, "").Findings {
				known := "new"
				if finding.Known {
					known = "known"
				}
				index := strings.TrimPrefix(finding.Field.String(), "spec.addresses")
				got = append(got, fmt.Sprint(finding.Action, " ", index, " ", known))
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("findings differ (-want +got):\n%s", diff)
			}
		})
	}
}

// TestDeletionIsNotBlocked: removing a finalizer changes no specification.
func TestDeletionIsNotBlocked(t *testing.T) {
	old := strings.Replace(usualEntry("addresses: ['1']"), "namespace: foo", "namespace: foo, finalizers: [x/y]", 1)
	outcome := evaluate(t, []Rule{flags("FED101", Deny, "1"), panics("FED102", Deny)}, old, usualEntry("addresses: ['1']"), "")
	if len(outcome.Findings) > 0 || len(outcome.Failures) > 0 {
		t.Errorf("got %+v; want nothing to be evaluated", outcome)
	}
}

// TestPanicIsContained: the other rules go on, and the failure has the action
// that the rule has here.
func TestPanicIsContained(t *testing.T) {
	rules := []Rule{flags("FED101", Deny, "1"), panics("FED102", Deny), panics("FED103", Warn), flags("FED104", Warn, "1")}
	object := usualEntry("addresses: ['1']")
	for name, test := range map[string]struct {
		context string
		want    []string
	}{
		"declared":   {"", []string{"FED102 Deny", "FED103 Warn"}},
		"undeclared": {undeclaredYAML, []string{"FED102 Warn", "FED103 Warn"}},
		"off":        {federationYAML("rules: [{id: FED102, action: 'Off'}]"), []string{"FED102 Off", "FED103 Warn"}},
	} {
		t.Run(name, func(t *testing.T) {
			outcome := evaluate(t, rules, "", object, test.context)
			var got []string
			for _, failure := range outcome.Failures {
				got = append(got, failure.Rule+" "+string(failure.Action))
				if !strings.Contains(failure.Reason, "index out of range") {
					t.Errorf("reason is %q; want what the rule panicked with", failure.Reason)
				}
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("failures differ (-want +got):\n%s", diff)
			}
			if len(outcome.Findings) != 2 {
				t.Errorf("got %d findings; want those of the 2 rules that did not panic", len(outcome.Findings))
			}
		})
	}
}

// TestPanicOnOld: what the old object had cannot be told, so all is new.
func TestPanicOnOld(t *testing.T) {
	rule := flags("FED101", Deny, "1")
	check := rule.Check
	rule.Check = func(review Review, view *mesh.View) []Finding {
		if len(review.Object.ServiceEntry.GetExportTo()) == 0 {
			panic("no exportTo")
		}
		return check(review, view)
	}
	outcome := evaluate(t, []Rule{rule}, usualEntry("addresses: ['1']"), usualEntry("addresses: ['1']", "exportTo: ['.']"), "")
	if len(outcome.Failures) != 0 || len(outcome.Denied()) != 1 {
		t.Errorf("got %+v; want one finding that is enforced", outcome)
	}
}

func TestSettings(t *testing.T) {
	rules := []Rule{flags("FED101", Deny, "1"), flags("FED102", Warn, "1"), flags("FED103", Audit, "1")}
	const legacy = "apiVersion: v1\nkind: Namespace\nmetadata: {name: foo, labels: {tier: legacy}}\n"
	const elsewhere = "apiVersion: v1\nkind: Namespace\nmetadata: {name: bar, labels: {tier: legacy}}\n"
	off := federationYAML("rules: [{id: FED101, action: 'Off', namespaceSelector: {matchLabels: {tier: legacy}}}]")
	for name, test := range map[string]struct {
		context string
		want    [3]Action // of FED101, 102, 103; empty for no finding
	}{
		"defaults":                   {"", [3]Action{Deny, Warn, Audit}},
		"undeclared":                 {undeclaredYAML, [3]Action{Warn, Warn, Audit}},
		"off everywhere":             {federationYAML("rules: [{id: FED101, action: 'Off'}]"), [3]Action{"", Warn, Audit}},
		"off in this namespace":      {with(off, legacy), [3]Action{"", Warn, Audit}},
		"off in another namespace":   {with(off, elsewhere), [3]Action{Deny, Warn, Audit}},
		"namespace not known":        {off, [3]Action{Deny, Warn, Audit}},
		"stricter":                   {federationYAML("rules: [{id: FED102, action: Deny}, {id: FED103, action: Warn}]"), [3]Action{Deny, Deny, Warn}},
		"milder":                     {federationYAML("rules: [{id: FED101, action: Audit}]"), [3]Action{Audit, Warn, Audit}},
		"the last setting":           {federationYAML("rules: [{id: FED101, action: 'Off'}, {id: FED101, action: Warn}]"), [3]Action{Warn, Warn, Audit}},
		"on again in this namespace": {with(federationYAML("rules: [{id: FED101, action: 'Off'}, {id: FED101, action: Deny, namespaceSelector: {matchLabels: {tier: legacy}}}]"), legacy), [3]Action{Deny, Warn, Audit}},
		"a rule that there is not":   {federationYAML("rules: [{id: FED999, action: Deny}]"), [3]Action{Deny, Warn, Audit}},
	} {
		t.Run(name, func(t *testing.T) {
			var got [3]Action
			for _, finding := range evaluate(t, rules, "", usualEntry("addresses: ['1']"), test.context).Findings {
				got[finding.Rule[5]-'1'] = finding.Action
			}
			if got != test.want {
				t.Errorf("actions are %q; want %q", got, test.want)
			}
		})
	}
}

func TestOutcomeByAction(t *testing.T) {
	outcome := evaluate(t, []Rule{flags("FED101", Deny, "1"), flags("FED102", Warn, "1"), flags("FED103", Audit, "1"), flags("FED104", Deny, "1")}, "", usualEntry("addresses: ['1']"), "")
	rules := func(findings []Finding) (ids []string) {
		for _, finding := range findings {
			ids = append(ids, finding.Rule)
			if finding.Ref.Name != "httpbin-bar" {
				t.Errorf("finding of %s is about %s; want the object", finding.Rule, finding.Ref)
			}
		}
		return ids
	}
	if got := rules(outcome.Denied()); !slices.Equal(got, []string{"FED101", "FED104"}) {
		t.Errorf("denied by %v; want FED101 and FED104", got)
	}
	if got := rules(outcome.Warned()); !slices.Equal(got, []string{"FED102"}) {
		t.Errorf("warned by %v; want FED102", got)
	}
}

// TestOtherKinds: no rule sees an object of a kind that it is not about.
func TestOtherKinds(t *testing.T) {
	outcome := evaluate(t, []Rule{panics("FED101", Deny)}, "", "apiVersion: networking.istio.io/v1\nkind: Sidecar\nmetadata: {name: a, namespace: foo}\n", "")
	if len(outcome.Findings) > 0 || len(outcome.Failures) > 0 {
		t.Errorf("got %+v; want nothing", outcome)
	}
}

// TestDeletion: only rules about deletions are asked, and none refuses one.
func TestDeletion(t *testing.T) {
	about := flags("FED102", Deny, "240.0.0.1")
	about.Deletions = true
	evaluator, err := NewEvaluator([]Rule{flags("FED101", Deny, "240.0.0.1"), about})
	if err != nil {
		t.Fatal(err)
	}
	if !evaluator.AppliesToDeletionOf(mesh.ServiceEntry) || evaluator.AppliesToDeletionOf(mesh.Sidecar) {
		t.Errorf("got deletions of Sidecars judged or those of ServiceEntries not; want it the other way round")
	}
	fixture, err := parseFixture("object", []byte(`{apiVersion: networking.istio.io/v1, kind: ServiceEntry, metadata: {name: a}, spec: {addresses: [240.0.0.1]}}`))
	if err != nil {
		t.Fatal(err)
	}
	outcome := evaluator.Evaluate(Review{Object: fixture.object, Deleted: true}, fixture.index, fixture.federation)
	if len(outcome.Findings) != 1 || outcome.Findings[0].Rule != "FED102" || outcome.Findings[0].Action != Warn {
		t.Errorf("got %v; want a warning of FED102 and nothing else", outcome.Findings)
	}
}
