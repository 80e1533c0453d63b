package policies

import "testing"

// TestForeignPrincipalUpdates: a principal that was wrong before may move, and a
// further one is a finding of its own.
func TestForeignPrincipalUpdates(t *testing.T) {
	policy := func(principals string) string {
		return "apiVersion: security.istio.io/v1\nkind: AuthorizationPolicy\nmetadata: {name: a, namespace: foo}\n" +
			"spec: {rules: [{from: [{source: {principals: [" + principals + "]}}]}]}\n"
	}
	strict := federationYAML("rules: [{id: FED502, action: Deny}]")
	const field = " FED502 spec.rules[0].from[0].source.principals"
	runUpdates(t, []updateTest{
		{"moved", policy("a.com/ns/a/sa/b"), with(policy("x, a.com/ns/a/sa/b"), strict), []string{"Warn" + field + "[1]"}},
		{"one more", policy("a.com/ns/a/sa/b"), with(policy("a.com/ns/a/sa/b, a.com/ns/a/sa/c"), strict),
			[]string{"Warn" + field + "[0]", "Deny" + field + "[1]"}},
		{"mended", policy("a.com/ns/a/sa/b"), with(policy("bar.com/ns/a/sa/b"), strict), nil},
	})
}
