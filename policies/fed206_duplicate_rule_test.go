package policies

import (
	"strings"
	"testing"
)

// TestDuplicateRuleUpdates: a rule that had a policy too many before may go on
// having one, and a subset with another name that is taken is news.
func TestDuplicateRuleUpdates(t *testing.T) {
	rule := func(fields string) string { return ruleHead + "  host: httpbin.bar.global\n  " + fields + "\n" }
	const mutual, both = "trafficPolicy: {tls: {mode: ISTIO_MUTUAL}}", "subsets: [{name: v1}, {name: v2}]"
	context := with(strings.Replace(rule(mutual+"\n  "+both), "name: httpbin-bar,", "name: other,", 1), federationYAML("rules: [{id: FED206, action: Deny}]"))
	sni := strings.Replace(mutual, "ISTIO_MUTUAL", "ISTIO_MUTUAL, subjectAltNames: [a]", 1)
	const policy, subset = "FED206 spec.trafficPolicy", "FED206 spec.subsets["
	runUpdates(t, []updateTest{
		{"another policy", rule(mutual), with(rule(sni), context), []string{"Warn " + policy}},
		{"a subset as well", rule(mutual), with(rule(mutual+"\n  subsets: [{name: v1}]"), context), []string{"Warn " + policy, "Deny " + subset + "0].name"}},
		{"a subset moved", rule(mutual + "\n  subsets: [{name: v1}]"), with(rule(mutual+"\n  subsets: [{name: v3}, {name: v1}]"), context),
			[]string{"Warn " + policy, "Warn " + subset + "1].name"}},
		{"another subset", rule(mutual + "\n  subsets: [{name: v1}]"), with(rule(mutual+"\n  subsets: [{name: v2}]"), context),
			[]string{"Warn " + policy, "Deny " + subset + "0].name"}},
		{"another host", strings.Replace(rule(mutual), "httpbin.bar", "reviews.bar", 1), with(rule(mutual), context), []string{"Deny " + policy}},
	})
}

// TestDuplicateRuleRelated: the finding is with the rule that it names.
func TestDuplicateRuleRelated(t *testing.T) {
	rule := func(name, created, fields string) string {
		return strings.Replace(ruleHead, "name: httpbin-bar,", "name: "+name+", creationTimestamp: "+created+",", 1) + "  host: httpbin.bar.global\n  " + fields + "\n"
	}
	const policy = "trafficPolicy: {tls: {mode: ISTIO_MUTUAL}}"
	outcome := evaluate(t, Catalogue(), "", rule("b", "2026-01-03T00:00:00Z", policy+"\n  subsets: [{name: v1}]"), with(
		rule("c", "2026-01-04T00:00:00Z", policy), rule("d", "2026-01-02T00:00:00Z", policy), rule("a", "2026-01-01T00:00:00Z", "subsets: [{name: v1}]")))
	var got []string
	for _, finding := range outcome.Findings {
		for _, ref := range finding.Related {
			got = append(got, finding.Field.String()+" "+ref.Name)
		}
	}
	if want := "spec.trafficPolicy d, spec.subsets[0].name a"; strings.Join(got, ", ") != want {
		t.Errorf("got %q; want %s: of several the oldest", got, want)
	}
}

// TestDuplicateRuleLongestMessage: kubectl cuts warnings off behind 256 characters.
func TestDuplicateRuleLongestMessage(t *testing.T) {
	fields := "  host: httpbin.bar.global\n  trafficPolicy: {tls: {mode: ISTIO_MUTUAL}}\n  subsets:\n" + strings.Repeat("  - {}\n", 99) + "  - name: " + strings.Repeat("v", 63) + "\n"
	rule := strings.Replace(ruleHead, "name: httpbin-bar,", "creationTimestamp: 2026-01-01T00:00:00Z, name: "+strings.Repeat("a", 253)+",", 1) + fields
	other := strings.Replace(ruleHead, "name: httpbin-bar,", "creationTimestamp: 2026-01-02T00:00:00Z, name: "+strings.Repeat("b", 253)+",", 1) +
		strings.ReplaceAll(fields, "  - {}\n", "")
	checkLongest(t, with(rule, other), "FED206")
}
