package policies

import (
	"strings"
	"testing"
)

// TestOutlierDetectionUpdates: what was missing before may be missing, and with
// another host it is another matter.
func TestOutlierDetectionUpdates(t *testing.T) {
	rule := func(host, fields string) string {
		return ruleHead + "  host: '" + host + "'\n  trafficPolicy: {tls: {mode: ISTIO_MUTUAL}" + fields + "}\n"
	}
	const entry = "hosts: [httpbin.bar.global, reviews.bar.global], ports: [{number: 8000}], location: MESH_INTERNAL, endpoints: [{address: 1.1.1.1, locality: a}, {address: 1.1.1.2, locality: b}]"
	context := with(otherEntry("a", entry), federationYAML("rules: [{id: FED208, action: Deny}]"))
	const field = " FED208 spec.trafficPolicy.outlierDetection"
	runUpdates(t, []updateTest{
		{"something else", rule("httpbin.bar.global", ""), with(rule("httpbin.bar.global", ", connectionPool: {}"), context), []string{"Warn" + field}},
		{"another host", rule("httpbin.bar.global", ""), with(rule("*.bar.global", ""), context), []string{"Deny" + field}},
		{"taken out", rule("httpbin.bar.global", ", outlierDetection: {}"), with(rule("httpbin.bar.global", ""), context), []string{"Deny" + field}},
		{"mended", rule("httpbin.bar.global", ""), with(rule("httpbin.bar.global", ", outlierDetection: {}"), context), nil},
	})
}

// TestOutlierDetectionLongestMessage: kubectl cuts warnings off behind 256 characters.
func TestOutlierDetectionLongestMessage(t *testing.T) {
	host := strings.Repeat("a", 63) + "." + strings.Repeat("b", 63) + ".global"
	checkLongest(t, with(ruleHead+"  host: "+host+"\n  trafficPolicy: {tls: {mode: ISTIO_MUTUAL}}\n",
		otherEntry("a", "hosts: ["+host+"], ports: [{number: 8000}], location: MESH_INTERNAL, endpoints: [{address: 1.1.1.1, locality: a}, {address: 1.1.1.2, locality: b}]")), "FED208")
}
