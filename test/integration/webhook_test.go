package integration

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"fedmesh.io/fedmesh/test/controlplane"
	"fedmesh.io/fedmesh/test/installation"
)

// twoClusters is the Federation of the tests.
const twoClusters = `
apiVersion: fedmesh.io/v1alpha1
kind: Federation
metadata: {name: default}
spec:
  localMember: cluster-1
  members:
  - {name: cluster-1, network: network-1, trustDomain: foo.com, gateways: [{address: 34.136.67.85}]}
  - {name: cluster-2, network: network-2, trustDomain: bar.com, gateways: [{address: 34.122.11.2}]}
`

// eventually is how long to wait for what happens by itself. It is a bound for
// failures, far beyond what anything here takes.
const eventually = 30 * time.Second

// live is fedmesh on a control plane, with helpers for tests.
type live struct {
	plane     *controlplane.ControlPlane
	installed *installation.Installation
}

// startPlane starts a control plane with Istio's CRDs.
func startPlane(t *testing.T) *controlplane.ControlPlane {
	t.Helper()
	plane, err := controlplane.Start(context.Background(), controlplane.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := plane.Stop(); err != nil {
			t.Error(err)
		}
	})
	if err := plane.InstallIstioCRDs(t.Context()); err != nil {
		t.Fatal(err)
	}
	return plane
}

// startLive installs fedmesh with a Federation on a control plane of its own.
func startLive(t *testing.T, extraArgs ...string) *live {
	t.Helper()
	plane := startPlane(t)
	installed, err := installation.Install(context.Background(), installation.Options{
		ControlPlane: plane, Federation: twoClusters, ExtraArgs: extraArgs, Logs: testWriter{t},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := installed.Stop(); err != nil {
			t.Error(err)
		}
	})
	return &live{plane: plane, installed: installed}
}

// testWriter shows what servers write when the test fails.
type testWriter struct{ t *testing.T }

func (w testWriter) Write(text []byte) (int, error) {
	w.t.Log(strings.TrimSuffix(string(text), "\n"))
	return len(text), nil
}

// kubectl runs kubectl and returns what it printed; it must succeed.
func (l *live) kubectl(t *testing.T, stdin string, args ...string) string {
	t.Helper()
	result := l.plane.Kubectl(t.Context(), stdin, args...)
	if err := result.Err(); err != nil {
		t.Fatal(err)
	}
	return result.Stdout + result.Stderr
}

// refused runs kubectl, which must fail with each of the texts.
func (l *live) refused(t *testing.T, stdin string, says []string, args ...string) {
	t.Helper()
	result := l.plane.Kubectl(t.Context(), stdin, args...)
	if result.ExitCode == 0 {
		t.Errorf("kubectl %s: got %q; want it refused", strings.Join(args, " "), result.Stdout)
	}
	for _, text := range says {
		if !strings.Contains(result.Stderr, text) {
			t.Errorf("kubectl %s: got %q; want %q in it", strings.Join(args, " "), result.Stderr, text)
		}
	}
}

// become waits until try succeeds.
func become(t *testing.T, what string, try func() error) {
	t.Helper()
	deadline := time.Now().Add(eventually)
	var err error
	for time.Now().Before(deadline) {
		if err = try(); err == nil {
			return
		}
		time.Sleep(50 * time.Millisecond)
	}
	t.Fatalf("%s: %v", what, err)
}

// serviceEntry is a ServiceEntry that no rule speaks of.
func serviceEntry(namespace, name, host, address string) string {
	return fmt.Sprintf(`
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: %s, namespace: %s}
spec:
  hosts: [%s]
  addresses: [%q]
  location: MESH_INTERNAL
  resolution: DNS
  ports: [{number: 8000, name: http, protocol: HTTP}]
  endpoints: [{address: gateway.bar.com, ports: {http: 15443}}]
`, name, namespace, host, address)
}

// TestWebhook shows what the webhook does to mesh objects, pods and the
// Federation through the real API server. The steps leave nothing behind that a
// later one would stumble over.
func TestWebhook(t *testing.T) {
	l := startLive(t)
	for _, namespace := range []string{"foo", "bar", "istio-system"} {
		l.kubectl(t, "", "create", "namespace", namespace)
	}
	t.Run("mesh objects", func(t *testing.T) { testMeshObjects(t, l) })
	t.Run("addresses", func(t *testing.T) { testAddresses(t, l) })
	t.Run("updates", func(t *testing.T) { testUpdates(t, l) })
	t.Run("exemptions", func(t *testing.T) { testExemptions(t, l) })
	t.Run("deletion", func(t *testing.T) { testDeletion(t, l) })
	t.Run("pods", func(t *testing.T) { testPods(t, l) })
	t.Run("federation", func(t *testing.T) { testFederation(t, l) })
}

func testMeshObjects(t *testing.T, l *live) {
	entry := serviceEntry("foo", "httpbin", "httpbin.bar.global", "240.0.0.2")
	l.kubectl(t, entry, "apply", "-f", "-", "--dry-run=server")
	l.refused(t, "", []string{"NotFound"}, "get", "serviceentry", "-n", "foo", "httpbin")
	l.kubectl(t, entry, "apply", "-f", "-")
	// Applied again, in another version of the API too, it is not its own conflict.
	l.kubectl(t, entry, "apply", "-f", "-")
	l.kubectl(t, strings.Replace(entry, "io/v1\n", "io/v1beta1\n", 1), "apply", "-f", "-")

	second := serviceEntry("bar", "reviews", "reviews.bar.global", "240.0.0.2")
	become(t, "the index learns of the entry", func() error {
		if result := l.plane.Kubectl(t.Context(), second, "apply", "-f", "-", "--dry-run=server"); result.ExitCode == 0 {
			return errors.New("a second host on its address was allowed")
		}
		return nil
	})
	says := []string{"[FED105] spec.addresses[0]: 240.0.0.2 already belongs to httpbin.bar.global (ServiceEntry foo/httpbin)", "next free address: 240.0.0.3"}
	l.refused(t, second, says, "apply", "-f", "-", "--dry-run=server")
	l.refused(t, second, says, "apply", "-f", "-")
	l.refused(t, second, says, "apply", "-f", "-", "--server-side")
	l.refused(t, strings.Replace(second, "io/v1\n", "io/v1alpha3\n", 1), says, "apply", "-f", "-")

	// All findings at once, and the machine-readable part of them.
	wrong := strings.NewReplacer("240.0.0.2", "127.0.0.9", "  location: MESH_INTERNAL\n", "").Replace(second)
	l.refused(t, wrong, []string{"[FED103] spec.addresses[0]", "[FED107] spec.location"}, "create", "-f", "-")
	raw := l.plane.Kubectl(t.Context(), wrong, "create", "-f", "-", "-v=8")
	if !strings.Contains(raw.Stderr, `"causes":[{"reason":"FED103"`) {
		t.Errorf("got %q; want the causes in the status", raw.Stderr)
	}

	// Once the first is gone its address is free.
	l.kubectl(t, "", "delete", "serviceentry", "-n", "foo", "httpbin")
	become(t, "the index learns that the entry is gone", func() error {
		return l.plane.Kubectl(t.Context(), second, "apply", "-f", "-", "--dry-run=server").Err()
	})

	// Ordinary configuration passes in silence.
	if got := l.kubectl(t, `
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: google, namespace: foo}
spec:
  hosts: [www.google.com]
  addresses: [142.250.0.0/20]
  ports: [{number: 443, name: tls, protocol: TLS}]
`, "apply", "-f", "-"); strings.Contains(got, "Warning") {
		t.Errorf("got %q; want no warning", got)
	}
}

func testAddresses(t *testing.T, l *live) {
	l.kubectl(t, "", "create", "service", "clusterip", "web", "-n", "foo", "--tcp=80")
	address := l.kubectl(t, "", "get", "service", "web", "-n", "foo", "-o", "jsonpath={.spec.clusterIP}")
	become(t, "the index learns of the Service", func() error {
		entry := serviceEntry("foo", "one", "one.bar.global", address)
		result := l.plane.Kubectl(t.Context(), entry, "apply", "-f", "-", "--dry-run=server")
		if !strings.Contains(result.Stderr, "[FED105] spec.addresses[0]: "+address+" already belongs to Service foo/web") {
			return fmt.Errorf("got %q; want a refusal that names the Service", result.Stderr)
		}
		return nil
	})
	l.kubectl(t, "", "delete", "service", "web", "-n", "foo")

	// An address that Istio's allocator gave, as its status says.
	automatic := strings.Replace(serviceEntry("foo", "automatic", "automatic.example.com", "1.2.3.4"), `  addresses: ["1.2.3.4"]`+"\n", "", 1)
	l.kubectl(t, automatic, "apply", "-f", "-")
	status, err := json.Marshal(map[string]any{"status": map[string]any{"addresses": []any{
		map[string]any{"value": "240.240.0.7", "host": "automatic.example.com"},
	}}})
	if err != nil {
		t.Fatal(err)
	}
	l.kubectl(t, "", "patch", "serviceentry", "-n", "foo", "automatic", "--subresource=status", "--type=merge", "-p", string(status))
	become(t, "the index learns of the automatic address", func() error {
		result := l.plane.Kubectl(t.Context(), serviceEntry("foo", "one", "one.bar.global", "240.240.0.7"), "apply", "-f", "-", "--dry-run=server")
		if !strings.Contains(result.Stderr, "automatic.example.com (ServiceEntry foo/automatic)") {
			return fmt.Errorf("got %q; want a refusal that names the entry", result.Stderr)
		}
		return nil
	})

	// A range for Services that comes later.
	l.kubectl(t, "{apiVersion: networking.k8s.io/v1, kind: ServiceCIDR, metadata: {name: more}, spec: {cidrs: [240.9.0.0/24]}}", "apply", "-f", "-")
	become(t, "the index learns of the ServiceCIDR", func() error {
		result := l.plane.Kubectl(t.Context(), serviceEntry("foo", "one", "one.bar.global", "240.9.0.7"), "apply", "-f", "-", "--dry-run=server")
		if !strings.Contains(result.Stderr, "[FED104]") {
			return fmt.Errorf("got %q; want FED104", result.Stderr)
		}
		return nil
	})
	l.kubectl(t, "", "delete", "servicecidr", "more")
}

// testUpdates looks at an object that is older than the rules: it is stored
// while no Federation is declared.
func testUpdates(t *testing.T, l *live) {
	l.kubectl(t, "", "delete", "federation", "default")
	legacy := strings.NewReplacer("  location: MESH_INTERNAL\n", "", "metadata: {", "metadata: {finalizers: [example.com/hold], ").
		Replace(serviceEntry("foo", "legacy", "legacy.bar.global", "224.0.0.9"))
	become(t, "the Federation goes out of force", func() error {
		result := l.plane.Kubectl(t.Context(), legacy, "apply", "-f", "-")
		if err := result.Err(); err != nil {
			return err
		}
		if !strings.Contains(result.Stderr, "Warning: [FED103]") {
			return fmt.Errorf("got %q; want a warning", result.Stderr)
		}
		return nil
	})
	l.kubectl(t, twoClusters, "apply", "-f", "-")
	become(t, "the Federation comes into force", func() error {
		if l.plane.Kubectl(t.Context(), serviceEntry("foo", "new", "new.bar.global", "224.0.0.8"), "apply", "-f", "-", "--dry-run=server").ExitCode == 0 {
			return errors.New("a multicast address was allowed")
		}
		return nil
	})

	if got := l.kubectl(t, "", "label", "serviceentry", "-n", "foo", "legacy", "a=b"); strings.Contains(got, "Warning") {
		t.Errorf("a label: got %q; want no warning", got)
	}
	// Nor is a status looked at, which istiod writes.
	status := `{"status":{"addresses":[{"value":"240.240.0.9","host":"legacy.bar.global"}]}}`
	if got := l.kubectl(t, "", "patch", "serviceentry", "-n", "foo", "legacy", "--subresource=status", "--type=merge", "-p", status); strings.Contains(got, "Warning") {
		t.Errorf("a status: got %q; want no warning", got)
	}
	// Mending one finding leaves the other a warning.
	got := l.kubectl(t, "", "patch", "serviceentry", "-n", "foo", "legacy", "--type=merge", "-p", `{"spec":{"location":"MESH_INTERNAL"}}`)
	if !strings.Contains(got, "Warning: [FED103]") || strings.Contains(got, "FED107") {
		t.Errorf("mending one of two: got %q; want a warning of FED103 alone", got)
	}
	// A new finding is refused, also beside an old one.
	l.refused(t, "", []string{"[FED107]"}, "patch", "serviceentry", "-n", "foo", "legacy", "--type=merge", "-p", `{"spec":{"location":"MESH_EXTERNAL"}}`)
	// Deletion and the end of finalizers are never refused.
	l.kubectl(t, "", "delete", "serviceentry", "-n", "foo", "legacy", "--wait=false")
	l.kubectl(t, "", "patch", "serviceentry", "-n", "foo", "legacy", "--type=merge", "-p", `{"metadata":{"finalizers":null}}`)
	l.refused(t, "", []string{"NotFound"}, "get", "serviceentry", "-n", "foo", "legacy")
}

func testPods(t *testing.T, l *live) {
	const deployment = `
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec: {containers: [{name: web, image: web}]}
`
	l.kubectl(t, "", "create", "namespace", "in")
	l.kubectl(t, "", "create", "namespace", "out")
	l.kubectl(t, "", "label", "namespace", "in", "fedmesh.io/federation=enabled")
	l.kubectl(t, "", "label", "namespace", "istio-system", "topology.istio.io/network=network-1")
	defer l.kubectl(t, "", "delete", "namespace", "in", "out", "--wait=false")
	// Neither name nor namespace in the object, as with kubectl create -n.
	pod := `{"apiVersion":"v1","kind":"Pod","metadata":{"generateName":"web-"},"spec":{"containers":[{"name":"web","image":"web"}]}}`
	become(t, "pods are labelled with the network", func() error {
		got := l.kubectl(t, pod, "create", "-n", "in", "-f", "-", "--dry-run=server", "-o", "json")
		if !strings.Contains(got, `"topology.istio.io/network": "network-1"`) {
			return fmt.Errorf("got %s", got)
		}
		return nil
	})
	if got := l.kubectl(t, "", "get", "pods", "-n", "in", "-o", "name"); strings.Contains(got, "pod/") {
		t.Errorf("after a dry run: got %q; want nothing left", got)
	}
	for _, namespace := range []string{"in", "out"} {
		l.kubectl(t, deployment, "apply", "-n", namespace, "-f", "-")
		var got string
		become(t, "the Deployment has its pod", func() error {
			if got = l.kubectl(t, "", "get", "pods", "-n", namespace, "-l", "app=web", "-o", "json"); !strings.Contains(got, `"kind": "Pod"`) {
				return errors.New("no pod")
			}
			return nil
		})
		for _, mark := range []string{"topology.istio.io/network", "ISTIO_META_DNS_CAPTURE", "spiffe.io/spire-managed-identity", "fedmesh.io/status"} {
			if strings.Contains(got, mark) != (namespace == "in") {
				t.Errorf("namespace %s: got pod %s; want %s there only where it is opted in", namespace, got, mark)
			}
		}
	}
	// An injected pod, with the proxy where native sidecars have it.
	got := l.kubectl(t, `
apiVersion: v1
kind: Pod
metadata: {name: native, annotations: {sidecar.istio.io/status: '{}'}}
spec:
  initContainers: [{name: istio-proxy, image: proxy, restartPolicy: Always, volumeMounts: [{name: workload-socket, mountPath: /var/run/secrets/workload-spiffe-uds}]}]
  containers: [{name: web, image: web}]
  volumes: [{name: workload-socket, emptyDir: {}}]
`, "create", "-n", "in", "-f", "-", "-o", "json")
	if !strings.Contains(got, `"driver": "csi.spiffe.io"`) || strings.Contains(got, "emptyDir") {
		t.Errorf("got pod %s; want the volume replaced by the CSI driver's", got)
	}
	l.refused(t, "", []string{"namespaces labelled fedmesh.io/federation=enabled rely on this Federation"}, "delete", "federation", "default")
	l.kubectl(t, "", "label", "namespace", "in", "fedmesh.io/federation-")
}

func testFederation(t *testing.T, l *live) {
	// What schema and CEL refuse, and what only the webhook can.
	for _, test := range []struct{ name, patch, says string }{
		{"another name", "", "its name is default"},
		{"no such member", `{"spec":{"localMember":"cluster-9"}}`, "localMember must be the name of one of members"},
		{"no range", `{"spec":{"vips":{"cidrs":["240.0.0.0"]}}}`, "must be an IP prefix such as 240.0.0.0/4"},
		{"bits beyond the prefix", `{"spec":{"vips":{"cidrs":["240.0.0.1/4"]}}}`, "write 240.0.0.0/4"},
		{"hostPath without path", `{"spec":{"pods":{"workloadSocket":{"type":"HostPath"}}}}`, "path must be an absolute path"},
		{"trust domain that is none", `{"spec":{"members":[{"name":"cluster-1","network":"n","trustDomain":"Foo.com"}]}}`, "trustDomain"},
	} {
		if test.patch == "" {
			l.refused(t, strings.Replace(twoClusters, "name: default", "name: other", 1), []string{test.says}, "apply", "-f", "-")
			continue
		}
		l.refused(t, "", []string{test.says}, "patch", "federation", "default", "--type=merge", "-p", test.patch)
	}

	// A change is in force without a restart.
	entry := serviceEntry("foo", "multicast", "multicast.bar.global", "224.0.0.7")
	l.refused(t, entry, []string{"[FED103]"}, "apply", "-f", "-", "--dry-run=server")
	l.kubectl(t, "", "label", "namespace", "foo", "tier=legacy")
	l.kubectl(t, "", "patch", "federation", "default", "--type=merge", "-p",
		`{"spec":{"rules":[{"id":"FED103","action":"Warn","namespaceSelector":{"matchLabels":{"tier":"legacy"}}}]}}`)
	become(t, "the setting is in force", func() error {
		result := l.plane.Kubectl(t.Context(), entry, "apply", "-f", "-", "--dry-run=server")
		if result.ExitCode != 0 || !strings.Contains(result.Stderr, "Warning: [FED103]") {
			return fmt.Errorf("got %q; want a warning", result.Stderr)
		}
		return nil
	})
	l.refused(t, strings.Replace(entry, "namespace: foo", "namespace: bar", 1), []string{"[FED103]"}, "apply", "-f", "-", "--dry-run=server")

	// The conditions follow the root namespace's label.
	condition := func(want string) {
		t.Helper()
		become(t, "the condition NetworkLabelled", func() error {
			got := l.kubectl(t, "", "get", "federation", "default", "-o",
				`jsonpath={.status.conditions[?(@.type=="NetworkLabelled")].reason} {.status.conditions[?(@.type=="Ready")].status}`)
			if got != want+" True" {
				return fmt.Errorf("got %q; want %q", got, want+" True")
			}
			return nil
		})
	}
	condition("RootNamespaceAgrees")
	l.kubectl(t, "", "label", "namespace", "istio-system", "topology.istio.io/network=network-2", "--overwrite")
	condition("RootNamespaceDiffers")
	l.kubectl(t, "", "label", "namespace", "istio-system", "topology.istio.io/network-")
	condition("RootNamespaceNotLabelled")
}
