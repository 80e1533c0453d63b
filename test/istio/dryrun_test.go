package istio

import (
	"path/filepath"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/util/sets"

	"fedmesh.io/fedmesh/test/controlplane"
	"fedmesh.io/fedmesh/test/installation"
)

// testDryRun: a dry run of mesh objects asks both systems and leaves nothing
// behind, neither objects nor claims.
func testDryRun(t *testing.T, c *cluster) {
	c.declare(t, readFile(t, sampleFederation))
	stored := func() sets.Set[string] {
		objects := c.kubectl(t, "", "get", "--all-namespaces", "--output=name", "serviceentries,destinationrules,sidecars,gateways,ipaddresses")
		claims := c.kubectl(t, "", "get", "--namespace="+installation.Namespace, "--output=name", "leases")
		return sets.New(strings.Fields(objects + claims)...)
	}
	before := stored()
	for _, file := range []struct{ name, want string }{
		{"client/entry.yaml", "serviceentry.networking.istio.io/httpbin-bar created (server dry run)\n"},
		{"client/rule.yaml", "destinationrule.networking.istio.io/federation created (server dry run)\n"},
		// The entry was not stored.
		{"client/sidecar.yaml", "sidecar.networking.istio.io/default created (server dry run)\nWarning: [FED304]"},
	} {
		text := readFile(t, filepath.Join(walkthrough, file.name))
		objects, err := parseObjects([]byte(text))
		if err != nil {
			t.Fatal(err)
		}
		c.makeNamespaces(t, objects...)
		if got := c.kubectl(t, text, "apply", "--dry-run=server", "--filename=-"); !strings.HasPrefix(got, file.want) {
			t.Errorf("%s: got %q; want %q", file.name, got, file.want)
		}
	}
	entry := readFile(t, filepath.Join(walkthrough, "client/entry.yaml"))
	for _, refused := range []struct{ replace, with, want string }{
		{"240.0.0.2", "224.0.0.2", `admission webhook "mesh.fedmesh.io" denied the request: [FED103]`},
		{"34.122.11.2", "not/an/address", "denied the request: configuration is invalid"},
	} {
		text := strings.Replace(entry, refused.replace, refused.with, 1)
		result := c.plane.Kubectl(t.Context(), text, "apply", "--dry-run=server", "--filename=-")
		if result.ExitCode == 0 || !strings.Contains(result.Stderr, refused.want) {
			t.Errorf("with %q: got %q; want %q in it", refused.with, result.Stderr, refused.want)
		}
	}
	// Claims of tests before this one may go meanwhile.
	if left := sets.List(stored().Difference(before)); len(left) > 0 {
		t.Errorf("got %q left behind; want nothing", left)
	}
}

// testDryRunOfPods: the same of pods, with the warning of one that the API server
// refuses as kubectl prints it.
func testDryRunOfPods(t *testing.T, c *cluster) {
	namespace := c.makeNamespace(t, "kubectl", reinvoked)
	apply := func(shape string) controlplane.KubectlResult {
		return c.plane.Kubectl(t.Context(), string(readShape(t, shape)), "apply", "--namespace="+namespace, "--dry-run=server", "--filename=-")
	}
	if got, want := apply("native"), "pod/native created (server dry run)\n"; got.Stdout+got.Stderr != want {
		t.Errorf("a pod: got %q, want %q", got.Stdout+got.Stderr, want)
	}
	refused := apply("spire-template-native")
	for _, want := range []string{"Warning: [FED601] spec.containers[1]: second istio-proxy, no image", "spec.containers[1].image: Required value"} {
		if refused.ExitCode == 0 || !strings.Contains(refused.Stderr, want) {
			t.Errorf("a pod with Istio's template spire: got exit status %d, %q; want %q in it", refused.ExitCode, refused.Stderr, want)
		}
	}
	if got := c.countPods(t, namespace); got != 0 {
		t.Errorf("got %d pods left behind, want none", got)
	}
}
