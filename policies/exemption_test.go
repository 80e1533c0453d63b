package policies

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"fedmesh.io/fedmesh/policies/mesh"
)

// TestExemption: what an exemption is about is for the audit until it ends, and
// nothing else is.
func TestExemption(t *testing.T) {
	const object = `
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: httpbin-bar, namespace: foo}
spec: {hosts: [httpbin.bar.global], addresses: [240.0.0.1, 240.0.0.2]}
`
	exemption := func(namespace, name, spec string) string {
		return "---\n{apiVersion: fedmesh.io/v1alpha1, kind: FederationExemption, metadata: {name: " + name + ", namespace: " + namespace + "}, spec: " + spec + "}\n"
	}
	const targets = "targets: [{kind: ServiceEntry, name: httpbin-bar}]"
	rules := []Rule{flags("FED101", Deny, "240.0.0.1"), flags("FED102", Warn, "240.0.0.2"), flags("FED103", Audit, "240.0.0.2")}
	now := time.Date(2026, 1, 2, 0, 0, 0, 0, time.UTC)
	type said struct {
		Rule      string
		Action    Action
		Exemption string
		Expired   string
	}
	unchanged := []said{{Rule: "FED101", Action: Deny}, {Rule: "FED102", Action: Warn}, {Rule: "FED103", Action: Audit}}
	for name, test := range map[string]struct {
		exemptions string
		now        time.Time
		want       []said
	}{
		"none":              {"", now, unchanged},
		"one rule":          {exemption("foo", "a", `{rules: [FED101], `+targets+`, expiresAt: "2026-01-03T00:00:00Z"}`), now, []said{{"FED101", Audit, "a", ""}, unchanged[1], unchanged[2]}},
		"all rules":         {exemption("foo", "a", `{rules: [FED103, FED102, FED101], `+targets+`, expiresAt: "2026-01-03T00:00:00Z"}`), now, []said{{"FED101", Audit, "a", ""}, {"FED102", Audit, "a", ""}, unchanged[2]}},
		"by its beginning":  {exemption("foo", "a", `{rules: [FED101], targets: [{kind: ServiceEntry, name: "httpbin*"}], expiresAt: "2026-01-03T00:00:00Z"}`), now, []said{{"FED101", Audit, "a", ""}, unchanged[1], unchanged[2]}},
		"every object":      {exemption("foo", "a", `{rules: [FED101], targets: [{kind: Sidecar, name: x}, {kind: ServiceEntry, name: "*"}], expiresAt: "2026-01-03T00:00:00Z"}`), now, []said{{"FED101", Audit, "a", ""}, unchanged[1], unchanged[2]}},
		"ended":             {exemption("foo", "a", `{rules: [FED101], `+targets+`, expiresAt: "2026-01-01T00:00:00Z"}`), now, []said{{"FED101", Deny, "", "a"}, unchanged[1], unchanged[2]}},
		"ends now":          {exemption("foo", "a", `{rules: [FED101], `+targets+`, expiresAt: "2026-01-02T00:00:00Z"}`), now, []said{{"FED101", Deny, "", "a"}, unchanged[1], unchanged[2]}},
		"one of two ended":  {exemption("foo", "a", `{rules: [FED101], `+targets+`, expiresAt: "2026-01-01T00:00:00Z"}`) + exemption("foo", "b", `{rules: [FED101], `+targets+`, expiresAt: "2026-01-03T00:00:00Z"}`), now, []said{{"FED101", Audit, "b", ""}, unchanged[1], unchanged[2]}},
		"another namespace": {exemption("bar", "a", `{rules: [FED101], `+targets+`, expiresAt: "2026-01-03T00:00:00Z"}`), now, unchanged},
		"another name":      {exemption("foo", "a", `{rules: [FED101], targets: [{kind: ServiceEntry, name: httpbin}], expiresAt: "2026-01-03T00:00:00Z"}`), now, unchanged},
		"another kind":      {exemption("foo", "a", `{rules: [FED101], targets: [{kind: Sidecar, name: httpbin-bar}], expiresAt: "2026-01-03T00:00:00Z"}`), now, unchanged},
		"no end":            {exemption("foo", "a", `{rules: [FED101], `+targets+`}`), now, []said{{"FED101", Deny, "", "a"}, unchanged[1], unchanged[2]}},
	} {
		t.Run(name, func(t *testing.T) {
			evaluator, err := NewEvaluator(rules)
			if err != nil {
				t.Fatal(err)
			}
			fixture, err := parseFixture("object", []byte(object+test.exemptions))
			if err != nil {
				t.Fatal(err)
			}
			var got []said
			for _, finding := range evaluator.Evaluate(Review{Object: fixture.object, Exemptions: fixture.index.ExemptionsAt(test.now)}, fixture.index, fixture.federation).Findings {
				expired := ""
				if finding.Expired != nil {
					expired = finding.Expired.Ref.Name
				}
				got = append(got, said{finding.Rule, finding.Action, finding.Exemption, expired})
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("findings differ (-want +got):\n%s", diff)
			}
		})
	}
}

// TestExemptionKinds: an exemption can be for every kind that a rule is about.
func TestExemptionKinds(t *testing.T) {
	now := time.Date(2026, 1, 2, 0, 0, 0, 0, time.UTC)
	for _, rule := range Catalogue() {
		for _, kind := range rule.Applies {
			fixture, err := parseFixture("exemption", []byte(
				"{apiVersion: fedmesh.io/v1alpha1, kind: FederationExemption, metadata: {name: a, namespace: foo}, spec: {rules: ["+rule.ID+
					"], targets: [{kind: "+kind.String()+", name: x}], expiresAt: \"2026-01-03T00:00:00Z\"}}"))
			if err != nil {
				t.Fatal(err)
			}
			if !fixture.index.ExemptionsAt(now).Exempt(rule.ID, mesh.Ref{Kind: kind, Namespace: "foo", Name: "x"}) {
				t.Errorf("%s on a %s: not exempt; want it exempt", rule.ID, kind)
			}
		}
	}
}
