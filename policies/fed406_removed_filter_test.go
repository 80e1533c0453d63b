package policies

import (
	"testing"

	networking "istio.io/api/networking/v1alpha3"
)

func TestOnlyOldProxies(t *testing.T) {
	for expression, want := range map[string]bool{
		``:                   false,
		`.*`:                 false,
		`^1\.20.*`:           false,
		`^1\.2[0-9]\.1$`:     false,
		`^1\.(19|20)\.`:      false,
		`^1\.31`:             false,
		`^1\.20$`:            false,
		`^1\.19.*`:           true,
		`^1\.(1[0-9]|[4-9])`: true,
		`^1\.8\.[0-9]+$`:     true,
	} {
		if got := onlyOldProxies(&networking.EnvoyFilter_ProxyMatch{ProxyVersion: expression}); got != want {
			t.Errorf("%q: got %t; want %t", expression, got, want)
		}
	}
	if onlyOldProxies(nil) {
		t.Errorf("no match at all: got true; want false")
	}
}

// TestRemovedFilterUpdates: a patch that was there may move, and a further one is a
// finding of its own.
func TestRemovedFilterUpdates(t *testing.T) {
	filter := func(names ...string) string {
		text := "apiVersion: networking.istio.io/v1alpha3\nkind: EnvoyFilter\nmetadata: {name: a, namespace: foo}\nspec:\n  configPatches:\n"
		for _, name := range names {
			text += "  - {applyTo: NETWORK_FILTER, patch: {operation: ADD, value: {name: " + name + "}}}\n"
		}
		return text
	}
	strict := federationYAML("rules: [{id: FED406, action: Deny}]")
	at := func(action, i string) string {
		return action + " FED406 spec.configPatches[" + i + "].patch.value.name"
	}
	runUpdates(t, []updateTest{
		{"moved", filter("sni_verifier"), with(filter("a", "sni_verifier"), strict), []string{at("Warn", "1")}},
		{"one more", filter("sni_verifier"), with(filter("sni_verifier", "sni_verifier"), strict), []string{at("Warn", "0"), at("Deny", "1")}},
		{"another one", filter("sni_verifier"), with(filter("tcp_cluster_rewrite"), strict), []string{at("Deny", "0")}},
		{"removed", filter("sni_verifier", "b"), with(filter("b"), strict), nil},
	})
}
