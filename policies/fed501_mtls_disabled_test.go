package policies

import "testing"

// TestMTLSDisabledUpdates: each port is a finding of its own.
func TestMTLSDisabledUpdates(t *testing.T) {
	policy := func(ports string) string {
		return "apiVersion: security.istio.io/v1\nkind: PeerAuthentication\nmetadata: {name: a, namespace: foo}\n" +
			"spec: {selector: {matchLabels: {app: a}}, portLevelMtls: {" + ports + "}}\n"
	}
	context := with("apiVersion: networking.istio.io/v1\nkind: ServiceEntry\nmetadata: {name: a, namespace: foo}\n"+
		"spec: {hosts: [a.foo.global], location: MESH_INTERNAL, workloadSelector: {labels: {app: a}}, ports: [{number: 1}, {number: 2}]}\n",
		federationYAML("rules: [{id: FED501, action: Deny}]"))
	at := func(action, port string) string { return action + " FED501 spec.portLevelMtls[" + port + "].mode" }
	runUpdates(t, []updateTest{
		{"one more", policy("2: {mode: DISABLE}"), with(policy("1: {mode: DISABLE}, 2: {mode: DISABLE}"), context),
			[]string{at("Deny", "1"), at("Warn", "2")}},
		{"mended", policy("2: {mode: DISABLE}"), with(policy("2: {mode: STRICT}"), context), nil},
	})
}
