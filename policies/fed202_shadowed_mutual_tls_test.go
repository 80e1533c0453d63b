package policies

import (
	"strings"
	"testing"
)

const (
	starHead = "apiVersion: networking.istio.io/v1\nkind: DestinationRule\nmetadata: {name: everything, namespace: clients}\nspec:\n  host: '*'\n"
	optedIn  = "apiVersion: v1\nkind: Namespace\nmetadata: {name: clients, labels: {fedmesh.io/federation: enabled}}\n"
)

// TestShadowedMutualTLSUpdates: a level that was wrong before is no news, another one
// is, whichever entry is found first.
func TestShadowedMutualTLSUpdates(t *testing.T) {
	rule := func(top, subset string) string {
		return starHead + "  trafficPolicy: {" + top + "}\n  subsets: [{name: v1, trafficPolicy: {" + subset + "}}]\n"
	}
	const pool, other, disable = "connectionPool: {tcp: {maxConnections: 1}}", "connectionPool: {tcp: {maxConnections: 2}}", "tls: {mode: DISABLE}"
	context := with(optedIn, usualEntry(), federationYAML("rules: [{id: FED202, action: Deny}]"))
	const top, subset = "FED202 spec.trafficPolicy.tls", "FED202 spec.subsets[0].trafficPolicy.tls"
	runUpdates(t, []updateTest{
		{"something else", rule(pool, ""), with(rule(other, ""), context), []string{"Warn " + top}},
		{"another mode", rule(pool, ""), with(rule(disable, ""), context), []string{"Deny " + top}},
		{"a subset as well", rule(pool, ""), with(rule(pool, disable), context), []string{"Warn " + top, "Deny " + subset}},
		{"for all hosts now", strings.Replace(rule(pool, ""), "'*'", "'*.local'", 1), with(rule(pool, ""), context), []string{"Deny " + top}},
		{"for another wildcard", rule(pool, ""), with(strings.Replace(rule(pool, ""), "'*'", "'*.global'", 1), optedIn,
			usualEntry("hosts: [httpbin.bar.mesh.global]"), federationYAML("hosts: {suffixes: [mesh.global]}\n  rules: [{id: FED202, action: Deny}]")), []string{"Deny " + top}},
		{"mended", rule(pool, ""), with(rule("tls: {mode: ISTIO_MUTUAL}", ""), context), nil},
	})
}

// TestShadowedMutualTLSRelated: the entry whose host is named.
func TestShadowedMutualTLSRelated(t *testing.T) {
	findings := evaluate(t, Catalogue(), "", starHead, with(optedIn, usualEntry())).Findings
	if len(findings) != 1 || len(findings[0].Related) != 1 || findings[0].Related[0].Name != "httpbin-bar" {
		t.Errorf("got %+v; want one finding with ServiceEntry foo/httpbin-bar", findings)
	}
}

// TestShadowedMutualTLSLongestMessage: kubectl cuts warnings off behind 256
// characters.
func TestShadowedMutualTLSLongestMessage(t *testing.T) {
	suffix := strings.Repeat("s", 63) + ".global"
	rule := starHead + "  trafficPolicy: {tls: {mode: ISTIO_MUTUAL}}\n  subsets:\n" + strings.Repeat("  - name: other\n", 99) +
		"  - name: " + strings.Repeat("v", 63) + "\n    trafficPolicy:\n      tls: {mode: ISTIO_MUTUAL}\n      portLevelSettings:\n" +
		strings.Repeat("      - port: {}\n", 9) + "      - {port: {number: 65535}, tls: {mode: DISABLE}}\n"
	entry := otherEntry("a", "hosts: ["+strings.Repeat("a", 63)+"."+suffix+"], ports: [{number: 65535}], location: MESH_INTERNAL, endpoints: [{address: 1.1.1.1}]")
	checkLongest(t, with(rule, optedIn, entry, federationYAML("hosts: {suffixes: ["+suffix+"]}")), "FED202")
}
