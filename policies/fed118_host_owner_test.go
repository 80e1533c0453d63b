package policies

import (
	"strings"
	"testing"
)

// TestHostOwnerUpdates: where the Federation denies what the rule finds, entries
// older than its owners can be changed, and take no further host.
func TestHostOwnerUpdates(t *testing.T) {
	strict := federationYAML("hosts: {owners: [{namespaces: [shop], hostNamespaces: [bar, baz]}]}\n  rules: [{id: FED118, action: Deny}, {id: FED112, action: 'Off'}]")
	const two = "addresses: [240.0.0.3]"
	runUpdates(t, []updateTest{
		{"something else changed", usualEntry(), with(usualEntry(two), strict), []string{"Warn FED118 spec.hosts[0]"}},
		{"another host", usualEntry(), with(usualEntry("hosts: [httpbin.baz.global]"), strict), []string{"Deny FED118 spec.hosts[0]"}},
		{"a second host", usualEntry(), with(usualEntry("hosts: [a.baz.global, httpbin.bar.global]"), strict),
			[]string{"Deny FED118 spec.hosts[0]", "Warn FED118 spec.hosts[1]"}},
		{"a host of nobody", usualEntry(), with(usualEntry("hosts: [httpbin.qux.global]"), strict), nil},
	})
}

// TestHostOwnerLongestMessage: kubectl cuts warnings off behind 256 characters.
func TestHostOwnerLongestMessage(t *testing.T) {
	long := strings.Repeat("n", 63)
	entry := strings.Replace(usualEntry("hosts: ["+strings.Repeat("a.com, ", 99)+"a."+long+".global]"), "namespace: foo", "namespace: "+long, 1)
	context := federationYAML("hosts: {owners: [{namespaces: [shop], hostNamespaces: [" + long + "]}]}\n  rules: [{id: FED118, action: Warn}, {id: FED112, action: 'Off'}]")
	for _, finding := range evaluate(t, Catalogue(), "", entry, context).Findings {
		if finding.Rule != "FED118" {
			t.Errorf("got %s; want FED118 alone", finding)
		}
		if text := finding.String(); len(text) >= 256 {
			t.Errorf("%d characters; want less than 256: %s", len(text), text)
		}
	}
}
