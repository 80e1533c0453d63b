package policies

import (
	"strings"
	"testing"
)

// TestDeadPortWithoutPort: settings that name no port are Istio's to refuse.
func TestDeadPortWithoutPort(t *testing.T) {
	const rule = ruleHead + "  host: httpbin.bar.global\n  trafficPolicy: {tls: {mode: ISTIO_MUTUAL}, portLevelSettings: [{}, {port: {}}, {port: {number: 0}}]}\n"
	outcome := evaluate(t, Catalogue(), "", rule, otherEntry("a", "hosts: [httpbin.bar.global], ports: [{number: 8000}]"))
	if got := summaries(outcome); len(got) > 0 {
		t.Errorf("got %q; want no finding", got)
	}
}

// TestDeadPortUpdates: settings that moved are the same, those of another subset
// or for another port are not.
func TestDeadPortUpdates(t *testing.T) {
	rule := func(top, subset string) string {
		return ruleHead + "  host: httpbin.bar.global\n  trafficPolicy: {tls: {mode: ISTIO_MUTUAL}, portLevelSettings: [" + top + "]}\n" +
			"  subsets: [{name: v1, trafficPolicy: {portLevelSettings: [" + subset + "]}}]\n"
	}
	const port, other = "{port: {number: 15443}, tls: {mode: ISTIO_MUTUAL}}", "{port: {number: 9000}, tls: {mode: ISTIO_MUTUAL}}"
	context := with(otherEntry("a", "hosts: [httpbin.bar.global, reviews.bar.global], ports: [{number: 8000}]"), federationYAML("rules: [{id: FED204, action: Deny}]"))
	const top, subset = "FED204 spec.trafficPolicy.portLevelSettings", "FED204 spec.subsets[0].trafficPolicy.portLevelSettings"
	runUpdates(t, []updateTest{
		{"moved", rule(port, ""), with(rule("{port: {number: 8000}, tls: {mode: ISTIO_MUTUAL}}, "+port, ""), context), []string{"Warn " + top + "[1].port.number"}},
		{"another port", rule(port, ""), with(rule(other, ""), context), []string{"Deny " + top + "[0].port.number"}},
		{"a subset as well", rule(port, ""), with(rule(port, port), context), []string{"Warn " + top + "[0].port.number", "Deny " + subset + "[0].port.number"}},
		{"another host", strings.Replace(rule(port, ""), "httpbin.bar", "reviews.bar", 1), with(rule(port, ""), context), []string{"Deny " + top + "[0].port.number"}},
		{"another subset", rule("", port), with(strings.Replace(rule("", port), "name: v1", "name: v2", 1), context), []string{"Deny " + subset + "[0].port.number"}},
		{"mended", rule(port, ""), with(rule("", ""), context), nil},
	})
}

// TestDeadPortLongestMessage: kubectl cuts warnings off behind 256 characters.
func TestDeadPortLongestMessage(t *testing.T) {
	host := strings.Repeat("a", 63) + "." + strings.Repeat("b", 63) + ".global"
	rule := ruleHead + "  host: " + host + "\n  trafficPolicy: {tls: {mode: ISTIO_MUTUAL}}\n  subsets:\n" + strings.Repeat("  - name: other\n", 99) +
		"  - name: " + strings.Repeat("v", 63) + "\n    trafficPolicy:\n      portLevelSettings:\n" + strings.Repeat("      - port: {}\n", 9) +
		"      - {port: {number: 65535}, tls: {mode: ISTIO_MUTUAL}}\n"
	fixture, err := parseFixture("longest", []byte(with(rule, otherEntry("a", "hosts: ["+host+"], ports: [{number: 8000}]"))))
	if err != nil {
		t.Fatal(err)
	}
	lines := fixture.findings(t, Catalogue())
	if len(lines) != 1 {
		t.Fatalf("got %q; want one finding", lines)
	}
	if _, text, _ := strings.Cut(lines[0], " "); len(text) >= 256 {
		t.Errorf("%d characters; want less than 256: %s", len(text), text)
	}
}
