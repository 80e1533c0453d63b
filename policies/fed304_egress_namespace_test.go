package policies

import (
	"strings"
	"testing"

	"fedmesh.io/fedmesh/policies/mesh"
)

// TestEgressNamespaceOffline: it is a denial where the whole set is visible, but
// only when the set shows where the host is.
func TestEgressNamespaceOffline(t *testing.T) {
	const entry = `---
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: httpbin-bar, namespace: baz}
spec: {hosts: [httpbin.bar.global]}
`
	private := strings.Replace(entry, "global]", "global], exportTo: ['.']", 1)
	sameNamespace := strings.Replace(private, "namespace: baz", "namespace: bar", 1)
	for _, test := range []struct {
		name, inventory string
		want            Action
	}{
		{"visible in another namespace", entry, Deny},
		{"in another namespace and not exported", private, ""},
		{"in the namespace and not exported", sameNamespace, ""},
		{"in the namespace and not exported, visible in another", sameNamespace + entry, ""},
		{"nowhere", "", ""},
	} {
		fixture, err := parseFixture(test.name, []byte(sidecarHead+"  egress: [{hosts: [bar/httpbin.bar.global]}]\n"+test.inventory))
		if err != nil {
			t.Fatal(err)
		}
		findings := checkEgressNamespace(Review{Object: fixture.object}, mesh.NewView(fixture.index, fixture.federation, fixture.object))
		if len(findings) != 1 || findings[0].Offline != test.want {
			t.Errorf("%s: got %+v; want one finding that offline leads to %q", test.name, findings, test.want)
		}
	}
}

// TestEgressNamespaceLongestMessage: kubectl cuts warnings off behind 256
// characters.
func TestEgressNamespaceLongestMessage(t *testing.T) {
	long := strings.Repeat("n", 63)
	host := long + "." + long + ".global"
	sidecar := strings.Replace(sidecarHead, "namespace: foo", "namespace: s"+long[1:], 1) +
		"  egress:\n" + strings.Repeat("  - hosts: ['./*']\n", 99) +
		"  - hosts: [" + strings.Repeat("'./*', ", 99) + "b" + long[1:] + "/" + host + "]\n"
	entry := func(namespace string) string {
		return "---\napiVersion: networking.istio.io/v1\nkind: ServiceEntry\n" +
			"metadata: {name: " + long + ", namespace: " + namespace + "}\nspec: {hosts: [" + host + "], exportTo: [.]}\n"
	}
	for _, inventory := range []string{"", entry("b" + long[1:]), entry("c" + long[1:]), strings.Replace(entry("c"+long[1:]), ", exportTo: [.]", "", 1)} {
		fixture, err := parseFixture("longest", []byte(sidecar+inventory))
		if err != nil {
			t.Fatal(err)
		}
		lines := fixture.findings(t, Catalogue())
		if len(lines) != 1 {
			t.Fatalf("got %q; want one finding", lines)
		}
		if _, text, _ := strings.Cut(lines[0], " "); len(text) > 256 {
			t.Errorf("%d characters; want 256 at most: %s", len(text), text)
		}
	}
}
