package policies

import "testing"

// TestUnknownFederatedHostOffline: it is a denial only where the whole configuration
// of a cluster is visible, and it has federated hosts.
func TestUnknownFederatedHostOffline(t *testing.T) {
	const (
		routes = "apiVersion: networking.istio.io/v1\nkind: VirtualService\nmetadata: {name: a, namespace: clients}\n" +
			"spec: {hosts: [x], http: [{route: [{destination: {host: httpbin.baz.global}}]}]}\n"
		external = "apiVersion: fedmesh.io/v1alpha1\nkind: Federation\nmetadata: {name: default}\nspec:\n" +
			"  localMember: a\n  members: [{name: a, network: a, trustDomain: a.com}]\n  hosts: {suffixes: [mesh, global], external: [www.safe.global]}\n"
	)
	for _, test := range []struct {
		name, inventory string
		want            Action // where all is complete
	}{
		{"another host", usualEntry(), Deny},
		{"no entry", "", Warn},
		{"ordinary entry", otherEntry("a", "hosts: [www.example.com]"), Warn},
		{"external host", with(otherEntry("a", "hosts: [www.safe.global]"), external), Warn},
		{"external and another host", with(otherEntry("a", "hosts: [www.safe.global, x.y.global]"), external), Deny},
		{"another suffix", with(otherEntry("a", "hosts: [x.y.mesh]"), external), Deny},
		{"not exported", otherEntry("a", "hosts: [httpbin.baz.global], exportTo: ['.']"), Warn},
	} {
		checkActions(t, test.name, evaluateAs(t, unknownFederatedHost(), Review{Whole: true, Complete: true}, routes, test.inventory), test.want)
		checkActions(t, test.name+", some files", evaluateAs(t, unknownFederatedHost(), Review{Whole: true}, routes, test.inventory), Warn)
		checkActions(t, test.name+", live", evaluateAs(t, unknownFederatedHost(), Review{}, routes, test.inventory), Warn)
	}
}
