package policies

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"fedmesh.io/fedmesh/policies/mesh"
)

// TestLastMutualTLSUpdates: what a change of host or exportTo takes away, and nothing
// that it leaves or that another rule is about.
func TestLastMutualTLSUpdates(t *testing.T) {
	rule := func(host, fields string) string {
		return ruleHead + "  host: '" + host + "'\n  trafficPolicy: {tls: {mode: ISTIO_MUTUAL}}\n  " + fields + "\n"
	}
	const (
		host, suffix = "httpbin.bar.global", "*.global"
		away, moved  = "Warn FED207 spec.host", "Warn FED207 spec.exportTo"
	)
	strict := federationYAML("rules: [{id: FED207, action: Deny}]")
	entry := usualEntry()
	private := usualEntry("exportTo: ['.']")
	meshWide := strings.Replace(rule(suffix, ""), "name: httpbin-bar, namespace: foo", "name: a, namespace: istio-system", 1)
	elsewhere := strings.Replace(rule(host, ""), "namespace: foo", "namespace: policies", 1)
	terminating := "apiVersion: v1\nkind: Namespace\nmetadata: {name: foo}\nstatus: {phase: Terminating}\n"
	runUpdates(t, []updateTest{
		{"another host", rule(host, ""), with(rule("reviews.bar.global", ""), entry, strict), []string{away}},
		{"a host outside", rule(host, ""), with(rule("httpbin.example.com", ""), entry, strict), []string{away}},
		{"a narrower wildcard", rule(suffix, ""), with(rule("*.foo.global", ""), entry, strict), []string{away}},
		{"a wildcard that covers it", rule(suffix, ""), with(rule("*.bar.global", ""), entry, strict), nil},
		{"a wider wildcard", rule(host, ""), with(rule(suffix, ""), entry, strict), nil},
		{"another rule is left", rule(host, ""), with(rule("reviews.bar.global", ""), entry, meshWide, strict), nil},
		{"no longer exported", rule(host, ""), with(rule(host, "exportTo: ['.']"), entry, strict), []string{moved}},
		{"exported by name", rule(host, ""), with(rule(host, "exportTo: ['.', clients]"), entry, strict), []string{moved}},
		{"exported elsewhere", rule(host, "exportTo: [a]"), with(rule(host, "exportTo: [b]"), entry, strict), []string{moved}},
		{"exported further", rule(host, "exportTo: ['.']"), with(rule(host, ""), entry, strict), nil},
		{"in other words", rule(host, ""), with(rule(host, "exportTo: ['*']"), entry, strict), nil},
		{"not where the entry is", rule(host, ""), with(rule(host, "exportTo: ['.']"), private, strict), nil},
		{"no longer exported, another rule is left", rule(host, ""), with(rule(host, "exportTo: ['.']"), entry, meshWide, strict), nil},
		{"something else changed", rule(host, ""), with(rule(host, "subsets: [{name: v1}]"), entry, strict), nil},
		{"a selector", rule(host, ""), with(rule(host, "workloadSelector: {matchLabels: {app: curl}}"), entry, strict), nil},
		{"host and exportTo", rule(suffix, ""), with(rule(host, "exportTo: ['.']"), entry, strict), []string{away}},
		{"it had none", strings.Replace(rule(host, ""), "ISTIO_MUTUAL", "DISABLE", 1), with(rule("reviews.bar.global", ""), entry, strict), nil},
		{"nobody used it", elsewhere, with(strings.Replace(elsewhere, host, "reviews.bar.global", 1), usualEntry("exportTo: [foo]"), strict), nil},
		{"being deleted", rule(host, ""), with(rule("reviews.bar.global", ""), entry, terminating, strict), nil},
		// The mode is FED201's, for the clients who still see the rule.
		{"the mode", rule(host, ""), with(strings.Replace(rule(host, "exportTo: ['*']"), "ISTIO_MUTUAL", "DISABLE", 1), entry), []string{"Deny FED201 spec.trafficPolicy.tls"}},
	})
}

// TestLastMutualTLSMessages: who loses it, and when.
func TestLastMutualTLSMessages(t *testing.T) {
	rule := func(fields string) string {
		return ruleHead + "  host: httpbin.bar.global\n  trafficPolicy: {tls: {mode: ISTIO_MUTUAL}}\n  " + fields + "\n"
	}
	for _, test := range []struct{ name, old, object, want string }{
		{"all", rule(""), rule("exportTo: ['.']"), "changed like this, the rule leaves httpbin.bar.global without ISTIO_MUTUAL, and gateways reset plaintext; create another rule first"},
		{"some", rule("exportTo: [clients]"), rule("exportTo: ['.']"),
			"changed like this, the rule leaves httpbin.bar.global without ISTIO_MUTUAL for clients in clients, and gateways reset plaintext; create another rule first"},
	} {
		findings := outcomeOfUpdate(t, test.old, with(test.object, usualEntry())).Findings
		if len(findings) != 1 || findings[0].Text() != test.want {
			t.Errorf("%s: got %v; want %s", test.name, findings, test.want)
			continue
		}
		if related := findings[0].Related; len(related) != 1 || related[0].Name != "httpbin-bar" {
			t.Errorf("%s: got related objects %v; want ServiceEntry foo/httpbin-bar", test.name, related)
		}
	}
}

// TestLastMutualTLSOfMany: a host that has nothing else is found among many that
// have, up to a bound: the work is.
func TestLastMutualTLSOfMany(t *testing.T) {
	meshWide := "apiVersion: networking.istio.io/v1\nkind: DestinationRule\nmetadata: {name: federated, namespace: istio-system}\nspec:\n" +
		"  host: '*.global'\n  trafficPolicy: {tls: {mode: ISTIO_MUTUAL}}\n"
	for count, want := range map[int]int{mostHosts - 1: 1, 2 * mostHosts: 0} {
		fixture, err := parseFixture("rule", []byte(meshWide))
		if err != nil {
			t.Fatal(err)
		}
		put := func(text string) {
			object, _, err := parseDocument([]byte(text))
			if err != nil {
				t.Fatal(err)
			}
			fixture.index.Put(mesh.NewRecord(object))
		}
		for i := range count {
			host := fmt.Sprintf("a%05d.bar.global", i)
			put(otherEntry(fmt.Sprint("a", i), "hosts: ["+host+"], ports: [{number: 8000}], location: MESH_INTERNAL, endpoints: [{address: 1.1.1.1}]"))
			put(strings.Replace(ruleHead, "name: httpbin-bar, namespace: foo", fmt.Sprintf("name: a%d, namespace: other", i), 1) +
				"  host: " + host + "\n  trafficPolicy: {tls: {mode: ISTIO_MUTUAL}}\n")
		}
		put(otherEntry("z", "hosts: [z.bar.global], ports: [{number: 8000}], location: MESH_INTERNAL, endpoints: [{address: 1.1.1.1}]"))
		evaluator, err := NewEvaluator(Catalogue())
		if err != nil {
			t.Fatal(err)
		}
		outcome := evaluator.Evaluate(Review{Object: fixture.object, Deleted: true}, fixture.index, fixture.federation)
		if got := len(outcome.Findings); got != want {
			t.Errorf("with %d others got %d findings; want %d", count, got, want)
		}
	}
}

// TestDeletionRules: those that are asked about deletions. The manifests send these
// kinds.
func TestDeletionRules(t *testing.T) {
	var got []string
	for _, rule := range Catalogue() {
		if rule.Deletions {
			got = append(got, rule.ID)
		}
	}
	if diff := cmp.Diff([]string{"FED207"}, got); diff != "" {
		t.Errorf("rules about deletions differ (-want +got):\n%s", diff)
	}
}

// TestLastMutualTLSLongestMessage: kubectl cuts warnings off behind 256 characters.
func TestLastMutualTLSLongestMessage(t *testing.T) {
	host := strings.Repeat("a", 63) + "." + strings.Repeat("b", 63) + ".global"
	rule := ruleHead + "  host: '*.global'\n  exportTo: [" + strings.Repeat("c", 63) + "]\n  trafficPolicy: {tls: {mode: ISTIO_MUTUAL}}\n"
	entry := func(name, host string) string {
		return strings.Replace(otherEntry(name, "hosts: ["+host+"], ports: [{number: 8000}], location: MESH_INTERNAL, endpoints: [{address: 1.1.1.1}]"), "namespace: other", "namespace: foo", 1)
	}
	context := with(entry("a", host), entry("b", "x"+host[1:]))
	checkLongest(t, "# deleted\n"+with(rule, context), "FED207")

	outcome := outcomeOfUpdate(t, rule, with(strings.Replace(rule, strings.Repeat("c", 63), "other", 1), context))
	if len(outcome.Findings) != 1 || len(outcome.Findings[0].String()) > 256 {
		t.Errorf("got %v; want one finding of 256 characters at most", outcome.Findings)
	}
}
