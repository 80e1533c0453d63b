package policies

import (
	"fmt"
	"slices"
	"testing"
)

// ruleYAML is the YAML of a DestinationRule in a namespace that Istio does not look
// into.
func ruleYAML(host string) string {
	return fmt.Sprintf("apiVersion: networking.istio.io/v1\nkind: DestinationRule\nmetadata: {name: %q, namespace: elsewhere}\n"+
		"spec: {host: %q, trafficPolicy: {tls: {mode: ISTIO_MUTUAL}}}\n", host, host)
}

// evaluateAs is what the rules say of the object of a fixture, reviewed as it is said
// there.
func evaluateAs(t *testing.T, rule Rule, review Review, documents ...string) Outcome {
	t.Helper()
	fixture, err := parseFixture("object", []byte(with(documents...)))
	if err != nil {
		t.Fatal(err)
	}
	evaluator, err := NewEvaluator([]Rule{rule})
	if err != nil {
		t.Fatal(err)
	}
	review.Object = fixture.object
	return evaluator.Evaluate(review, fixture.index, fixture.federation)
}

// checkActions fails unless the findings lead to these actions, in any order.
func checkActions(t *testing.T, name string, outcome Outcome, want ...Action) {
	t.Helper()
	var got []Action
	for _, finding := range outcome.Findings {
		got = append(got, finding.Action)
	}
	slices.Sort(got)
	if !slices.Equal(got, want) {
		t.Errorf("%s: got %v; want %v", name, got, want)
	}
}

// TestNoMutualTLSOffline: it is a denial where the whole set is visible, but only
// when it holds a DestinationRule for a federated host.
func TestNoMutualTLSOffline(t *testing.T) {
	const external = "apiVersion: fedmesh.io/v1alpha1\nkind: Federation\nmetadata: {name: default}\nspec:\n" +
		"  localMember: a\n  members: [{name: a, network: a, trustDomain: a.com}, {name: b, network: b, trustDomain: bar.com, gateways: [{address: 34.122.11.2}]}]\n" +
		"  hosts: {suffixes: [mesh, global], external: [www.safe.global]}\n"
	for _, test := range []struct {
		name  string
		rules string
		want  Action
	}{
		{"ordinary rules", with(ruleYAML("*.local"), ruleYAML("*")), Warn},
		{"another federated host", ruleYAML("reviews.bar.global"), Deny},
		{"a suffix", ruleYAML("*.global"), Deny},
		{"behind an external host", with(ruleYAML("www.safe.global"), ruleYAML("x.y.global"), external), Deny},
		{"an external host", with(ruleYAML("www.safe.global"), external), Warn},
		{"the first suffix", with(ruleYAML("x.y.mesh"), external), Deny},
	} {
		checkActions(t, test.name, evaluateAs(t, noMutualTLS(), Review{Whole: true}, usualEntry(), test.rules), test.want)
		checkActions(t, test.name+", live", evaluateAs(t, noMutualTLS(), Review{}, usualEntry(), test.rules), Warn)
	}
}

func TestNoMutualTLSUpdates(t *testing.T) {
	runUpdates(t, []updateTest{
		{
			"another endpoint comes first",
			with(usualEntry(), ruleYAML("*.local")),
			with(usualEntry("endpoints: [{address: gateway.bar.com, ports: {http: 15443}}, {address: 34.122.11.2, ports: {http: 15443}}]"), ruleYAML("*.local")),
			[]string{"Warn FED119 spec.endpoints[0]"},
		},
	})
	outcome := outcomeOfUpdate(t, usualEntry("hosts: [reviews.bar.global]"), with(usualEntry(), ruleYAML("reviews.bar.global")))
	if len(outcome.Findings) != 1 || outcome.Findings[0].Known {
		t.Errorf("another host: got %+v; want a finding that is new", outcome.Findings)
	}
	outcome = outcomeOfUpdate(t, usualEntry("subjectAltNames: [spiffe://bar.com/ns/bar/sa/x]"), with(usualEntry(), ruleYAML("*.local")))
	if len(outcome.Findings) != 1 || !outcome.Findings[0].Known {
		t.Errorf("the same host: got %+v; want a finding that is known", outcome.Findings)
	}
}

// TestNoMutualTLSNames: the rule that has to change is named.
func TestNoMutualTLSNames(t *testing.T) {
	for name, test := range map[string]struct {
		rule string
		want string
	}{
		"picked":                   {`{host: "*", trafficPolicy: {tls: {mode: DISABLE}}}`, "DestinationRule foo/a"},
		"not exported":             {`{host: "*.global", trafficPolicy: {tls: {mode: ISTIO_MUTUAL}}, exportTo: [foo, x]}`, "DestinationRule foo/a"},
		"not exported, one port":   {`{host: "*.global", trafficPolicy: {portLevelSettings: [{port: {number: 8000}, tls: {mode: ISTIO_MUTUAL}}]}, exportTo: [x]}`, "DestinationRule foo/a"},
		"not exported, no use":     {`{host: "*.global", trafficPolicy: {tls: {mode: DISABLE}}, exportTo: [x]}`, ""},
		"not exported, for some":   {`{host: "*.global", trafficPolicy: {tls: {mode: ISTIO_MUTUAL}}, workloadSelector: {}, exportTo: ["."]}`, ""},
		"exported, of another one": {`{host: reviews.bar.global, trafficPolicy: {tls: {mode: ISTIO_MUTUAL}}, exportTo: [x]}`, ""},
	} {
		rule := "apiVersion: networking.istio.io/v1\nkind: DestinationRule\nmetadata: {name: a, namespace: foo}\nspec: " + test.rule + "\n"
		outcome := evaluateAs(t, noMutualTLS(), Review{}, usualEntry(), rule)
		if len(outcome.Findings) != 1 {
			t.Fatalf("%s: got %+v; want one finding", name, outcome.Findings)
		}
		got := ""
		for _, ref := range outcome.Findings[0].Related {
			got += ref.Kind.String() + " " + ref.Namespace + "/" + ref.Name
		}
		if got != test.want {
			t.Errorf("%s: related is %q; want %q", name, got, test.want)
		}
	}
}
