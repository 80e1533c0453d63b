package policies

import (
	"strings"
	"testing"
)

// checkLongest checks that the only findings on the object in text are of a rule, and
// that they fit: kubectl cuts warnings off behind 256 characters.
func checkLongest(t *testing.T, text, id string) {
	t.Helper()
	fixture, err := parseFixture("longest", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	lines := fixture.findings(t, Catalogue())
	if len(lines) == 0 {
		t.Fatal("got no finding; want some to measure")
	}
	for _, line := range lines {
		_, line, _ := strings.Cut(line, " ") // the action
		if !strings.HasPrefix(line, "["+id+"]") || len(line) > 256 {
			t.Errorf("%d characters in %q; want 256 of %s at most", len(line), line, id)
		}
	}
}

// TestHostSpellingLongestMessage: as long as names and fields can be.
func TestHostSpellingLongestMessage(t *testing.T) {
	name := strings.Repeat("a", 63) + "." + strings.Repeat("b", 63)
	suffix := strings.Repeat("s", 63) + "." + strings.Repeat("t", 50)
	context := with(otherEntry("a", "hosts: ["+name+"."+suffix+"], location: MESH_INTERNAL"),
		"apiVersion: v1\nkind: Service\nmetadata: {name: a, namespace: a}\n", federationYAML("hosts: {suffixes: ["+suffix+"]}"))
	routes := func(host string) string {
		return "apiVersion: networking.istio.io/v1\nkind: VirtualService\nmetadata: {name: a, namespace: foo}\nspec:\n  hosts: [a]\n  http:\n" + strings.Repeat("  - {}\n", 99) +
			"  - mirrors:\n" + strings.Repeat("    - {}\n", 99) + "    - {destination: {host: " + host + "}}\n"
	}
	sidecar := func(host string) string {
		return sidecarHead + "  egress:\n" + strings.Repeat("  - {}\n", 99) + "  - hosts: [" + strings.Repeat("./a, ", 99) + "'*/" + host + "']\n"
	}
	rule := func(host string) string {
		return ruleHead + "  host: " + host + "\n  trafficPolicy: {tls: {mode: ISTIO_MUTUAL}}\n"
	}
	for id, object := range map[string]func(string) string{"FED205": rule, "FED305": sidecar, "FED403": routes} {
		checkLongest(t, with(object(name), context), id)
		checkLongest(t, with(object("A"+name[1:]+"."+suffix), context), id)
	}
}

// TestHostSpellingUpdates: a destination that was wrong before may move, and a further
// one is a finding of its own.
func TestHostSpellingUpdates(t *testing.T) {
	routes := func(hosts ...string) string {
		text := "apiVersion: networking.istio.io/v1\nkind: VirtualService\nmetadata: {name: a, namespace: foo}\nspec:\n  hosts: [a]\n  http:\n"
		for _, host := range hosts {
			text += "  - {route: [{destination: {host: " + host + "}}]}\n"
		}
		return text
	}
	rule := func(host string) string {
		return ruleHead + "  host: " + host + "\n  trafficPolicy: {tls: {mode: ISTIO_MUTUAL}}\n"
	}
	strict := with(usualEntry(), "apiVersion: v1\nkind: Service\nmetadata: {name: a, namespace: a}\n", federationYAML("rules: [{id: FED403, action: Deny}, {id: FED205, action: Deny}]"))
	destination := func(index string) string { return " FED403 spec.http[" + index + "].route[0].destination.host" }
	runUpdates(t, []updateTest{
		{"moved", routes("httpbin.bar"), with(routes("a", "httpbin.bar"), strict), []string{"Warn" + destination("1")}},
		{"one more", routes("httpbin.bar"), with(routes("httpbin.bar", "HTTPBin.bar.global"), strict), []string{"Warn" + destination("0"), "Deny" + destination("1")}},
		{"mended", routes("httpbin.bar"), with(routes("httpbin.bar.global"), strict), nil},
		{"a rule", rule("a.bar.global"), with(rule("httpbin.bar"), strict), []string{"Deny FED205 spec.host"}},
		{"a rule as before", rule("httpbin.bar"), with(rule("httpbin.bar")+"  subsets: [{name: v1}]\n", strict), []string{"Warn FED205 spec.host"}},
	})
}

// TestHostSpellingRelated: the entry that was meant.
func TestHostSpellingRelated(t *testing.T) {
	outcome := evaluate(t, Catalogue(), "", ruleHead+"  host: httpbin.bar\n", with(
		strings.Replace(otherEntry("hidden", "hosts: [httpbin.bar.global], exportTo: ['.'], location: MESH_INTERNAL"), "namespace: other", "namespace: a", 1), usualEntry(), "apiVersion: v1\nkind: Service\nmetadata: {name: a, namespace: a}\n"))
	if len(outcome.Findings) != 1 || len(outcome.Findings[0].Related) != 1 || outcome.Findings[0].Related[0].Name != "httpbin-bar" {
		t.Errorf("got %+v; want one finding with ServiceEntry foo/httpbin-bar", outcome.Findings)
	}
}
