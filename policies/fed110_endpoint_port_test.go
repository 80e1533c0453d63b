package policies

import "testing"

// TestEndpointPortOffline: it is a denial where the whole set is visible.
func TestEndpointPortOffline(t *testing.T) {
	outcome := evaluate(t, []Rule{endpointPort()}, "", usualEntry("endpoints: [{address: 34.122.11.2}]"), "")
	if len(outcome.Findings) != 1 || outcome.Findings[0].Offline != Deny {
		t.Errorf("got %+v; want one finding that is a denial offline", outcome.Findings)
	}
}

func TestEndpointPortUpdates(t *testing.T) {
	const denied = "apiVersion: fedmesh.io/v1alpha1\nkind: Federation\nmetadata: {name: default}\nspec:\n" +
		"  localMember: a\n  members: [{name: a, network: a, trustDomain: a.com}, " +
		"{name: b, network: b, trustDomain: bar.com, gateways: [{address: 34.122.11.2}, {address: 34.122.11.3}]}]\n" +
		"  rules: [{id: FED110, action: Deny}]\n"
	const ports = "ports: [{number: 8000, name: http, protocol: HTTP}, {number: 9000, name: tcp, protocol: TCP}]"
	entry := func(endpoints string) string { return usualEntry(ports, "endpoints: ["+endpoints+"]") }
	runUpdates(t, []updateTest{
		{
			"one port of two is mapped",
			entry("{address: 34.122.11.2}"), with(entry("{address: 34.122.11.2, ports: {http: 15443}}"), denied),
			[]string{"Warn FED110 spec.endpoints[0].ports"},
		},
		{
			"a second gateway",
			entry("{address: 34.122.11.2, ports: {http: 15443}}"), with(entry("{address: 34.122.11.3}, {address: 34.122.11.2, ports: {http: 15443}}"), denied),
			[]string{"Deny FED110 spec.endpoints[0].ports", "Deny FED110 spec.endpoints[0].ports", "Warn FED110 spec.endpoints[1].ports"},
		},
	})
}
