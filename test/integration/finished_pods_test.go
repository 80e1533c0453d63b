package integration

import (
	"fmt"
	"strings"
	"testing"
)

const (
	// wrongPod is injected and keeps out of the federation in two ways: by its
	// label, and by a field that Istio does not know.
	wrongPod = `
apiVersion: v1
kind: Pod
metadata:
  name: wrong
  labels: {topology.istio.io/network: network-2}
  annotations:
    sidecar.istio.io/status: '{}'
    proxy.istio.io/config: '{"proxyMetaData": {"ISTIO_META_DNS_CAPTURE": "true"}}'
spec:
  initContainers: [{name: istio-proxy, image: proxy, restartPolicy: Always}]
  containers: [{name: web, image: web}]
`
	// rightPod is injected, and fedmesh adds the rest.
	rightPod = `
apiVersion: v1
kind: Pod
metadata: {name: right, annotations: {sidecar.istio.io/status: '{}'}}
spec:
  initContainers: [{name: istio-proxy, image: proxy, restartPolicy: Always}]
  containers: [{name: web, image: web}]
`
	// templatePod is what Istio's documented template for the socket makes of a pod
	// with a native sidecar.
	templatePod = `
apiVersion: v1
kind: Pod
metadata: {name: template, annotations: {sidecar.istio.io/status: '{}', inject.istio.io/templates: 'sidecar,spire'}}
spec:
  initContainers: [{name: istio-proxy, image: proxy, restartPolicy: Always}]
  containers: [{name: web, image: web}, {name: istio-proxy}]
`
)

// wrongFindings are those on wrongPod, each with its field.
func wrongFindings() []string {
	return []string{
		"[FED602] metadata.annotations[proxy.istio.io/config]: proxyMetaData is no field that Istio knows",
		"[FED603] metadata.labels[topology.istio.io/network]: network-2 is the network of cluster-2",
	}
}

// TestFinishedPods shows what becomes of pods that will not take part in the
// federation, after all mutators and through the real API server.
func TestFinishedPods(t *testing.T) {
	l := startLive(t)
	for name, labels := range map[string][]string{
		"ordinary": {"fedmesh.io/federation=enabled", "istio-injection=enabled"},
		"strict":   {"fedmesh.io/federation=enabled", "istio-injection=enabled", "fedmesh.io/final-check=deny"},
		"secure":   {"fedmesh.io/federation=enabled", "istio-injection=enabled", "pod-security.kubernetes.io/enforce=baseline"},
		"out":      {"fedmesh.io/final-check=deny"},
	} {
		l.kubectl(t, "", "create", "namespace", name)
		l.kubectl(t, "", append([]string{"label", "namespace", name}, labels...)...)
	}
	for _, step := range []struct {
		name string
		run  func(*testing.T, *live)
	}{
		{"warn", testFinishedPodsWarn},
		{"deny by label", testFinishedPodsDenyByLabel},
		{"deny by Federation", testFinishedPodsDenyByFederation},
		{"off", testFinishedPodsOff},
		{"template", testFinishedPodsTemplate},
		{"hostPath", testFinishedPodsHostPath},
		{"stopped", testFinishedPodsStopped},
	} {
		t.Run(step.name, func(t *testing.T) { step.run(t, l) })
	}
}

// createPod creates a pod or only asks what would come of it, and returns what
// kubectl says.
func (l *live) createPod(t *testing.T, namespace, pod string, flags ...string) (said string, err error) {
	t.Helper()
	result := l.plane.Kubectl(t.Context(), pod, append([]string{"create", "-n", namespace, "-f", "-"}, flags...)...)
	return result.Stdout + result.Stderr, result.Err()
}

// finalCheck has the Federation say so, and waits until a pod is treated
// accordingly.
func (l *live) finalCheck(t *testing.T, check string, try func() error) {
	t.Helper()
	l.kubectl(t, "", "patch", "federation", "default", "--type=merge", "-p", fmt.Sprintf(`{"spec":{"pods":{"finalCheck":%q}}}`, check))
	become(t, "finalCheck "+check+" comes into force", try)
}

// both calls try for a dry run and for the real thing: the answers are the same.
func both(t *testing.T, try func(t *testing.T, flags ...string)) {
	t.Helper()
	t.Run("dry run", func(t *testing.T) { try(t, "--dry-run=server") })
	t.Run("real", func(t *testing.T) { try(t) })
}

func testFinishedPodsWarn(t *testing.T, l *live) {
	both(t, func(t *testing.T, flags ...string) {
		said, err := l.createPod(t, "ordinary", wrongPod, flags...)
		if err != nil {
			t.Fatal(err)
		}
		for _, finding := range wrongFindings() {
			if strings.Count(said, "Warning: "+finding) != 1 {
				t.Errorf("got %q; want one warning %q", said, finding)
			}
		}
		// What fedmesh mends there is nothing to say about.
		said, err = l.createPod(t, "ordinary", rightPod, flags...)
		if err != nil || strings.Contains(said, "Warning") {
			t.Errorf("a pod that takes part: got %q, error %v; want it created in silence", said, err)
		}
		said, err = l.createPod(t, "out", strings.Replace(wrongPod, "name: wrong", "name: out", 1), flags...)
		if err != nil || strings.Contains(said, "Warning") {
			t.Errorf("a namespace that is not opted in: got %q, error %v; want it created in silence", said, err)
		}
	})
	l.kubectl(t, "", "delete", "pod", "-n", "ordinary", "--all", "--now")

	plain := "{apiVersion: v1, kind: Pod, metadata: {name: plain%s}, spec: {containers: [{name: web, image: web}]}}"
	said, err := l.createPod(t, "ordinary", fmt.Sprintf(plain, ""), "--dry-run=server")
	if err != nil || !strings.Contains(said, "Warning: [FED606] spec.containers: no container istio-proxy") {
		t.Errorf("a pod without a proxy: got %q, error %v; want a warning of FED606", said, err)
	}
	for _, label := range []string{"fedmesh.io/inject", "sidecar.istio.io/inject"} {
		said, err := l.createPod(t, "strict", fmt.Sprintf(plain, ", labels: {"+label+`: "false"}`), "--dry-run=server")
		if err != nil || strings.Contains(said, "Warning") {
			t.Errorf("a pod labelled %s=false: got %q, error %v; want it created in silence", label, said, err)
		}
	}
}

func testFinishedPodsDenyByLabel(t *testing.T, l *live) {
	both(t, func(t *testing.T, flags ...string) {
		l.refused(t, wrongPod, append(wrongFindings(), `admission webhook "finished-pods-deny.fedmesh.io" denied the request`),
			append([]string{"create", "-n", "strict", "-f", "-"}, flags...)...)
		if said, err := l.createPod(t, "strict", rightPod, flags...); err != nil || strings.Contains(said, "Warning") {
			t.Errorf("a pod that takes part: got %q, error %v; want it created in silence", said, err)
		}
	})
	l.kubectl(t, "", "delete", "pod", "-n", "strict", "--all", "--now")
	raw := l.plane.Kubectl(t.Context(), wrongPod, "create", "-n", "strict", "-f", "-", "-v=10") // which shows the whole answer
	for _, cause := range []string{`"reason":"FED602"`, `"reason":"FED603"`, `"field":"metadata.labels[topology.istio.io/network]"`} {
		if !strings.Contains(raw.Stderr, cause) {
			t.Errorf("got %q; want the cause %s in the status", raw.Stderr, cause)
		}
	}
}

func testFinishedPodsDenyByFederation(t *testing.T, l *live) {
	l.finalCheck(t, "Deny", func() error {
		if said, err := l.createPod(t, "ordinary", wrongPod, "--dry-run=server"); err == nil {
			return fmt.Errorf("got %q; want it refused", said)
		}
		return nil
	})
	both(t, func(t *testing.T, flags ...string) {
		l.refused(t, wrongPod, append(wrongFindings(), `admission webhook "finished-pods.fedmesh.io" denied the request`),
			append([]string{"create", "-n", "ordinary", "-f", "-"}, flags...)...)
	})
	// A setting for a rule wins.
	l.kubectl(t, "", "patch", "federation", "default", "--type=merge", "-p", `{"spec":{"rules":[{"id":"FED602","action":"Warn"},{"id":"FED603","action":"Off"}]}}`)
	become(t, "the settings come into force", func() error {
		said, err := l.createPod(t, "strict", wrongPod, "--dry-run=server")
		if err != nil || !strings.Contains(said, "Warning: "+wrongFindings()[0]) || strings.Contains(said, "FED603") {
			return fmt.Errorf("got %q, error %w; want a warning of FED602 alone", said, err)
		}
		return nil
	})
	l.kubectl(t, "", "patch", "federation", "default", "--type=merge", "-p", `{"spec":{"rules":null}}`)
}

// testFinishedPodsOff: the label of a namespace is no way around the operator.
func testFinishedPodsOff(t *testing.T, l *live) {
	for _, namespace := range []string{"ordinary", "strict"} {
		l.finalCheck(t, "Off", func() error {
			said, err := l.createPod(t, namespace, wrongPod, "--dry-run=server")
			if err != nil || strings.Contains(said, "Warning") {
				return fmt.Errorf("got %q, error %w; want it created in silence", said, err)
			}
			return nil
		})
	}
	l.finalCheck(t, "Warn", func() error {
		if said, err := l.createPod(t, "ordinary", wrongPod, "--dry-run=server"); err != nil || !strings.Contains(said, "Warning") {
			return fmt.Errorf("got %q, error %w; want warnings", said, err)
		}
		return nil
	})
}

// testFinishedPodsTemplate: the API server refuses the pod for want of an image,
// and the mutation says where the container comes from.
func testFinishedPodsTemplate(t *testing.T, l *live) {
	both(t, func(t *testing.T, flags ...string) {
		said, err := l.createPod(t, "ordinary", templatePod, flags...)
		if err == nil || !strings.Contains(said, "spec.containers[1].image: Required value") {
			t.Errorf("got %q; want the API server to refuse it", said)
		}
		if !strings.Contains(said, "Warning: [FED601] spec.containers[1]: second istio-proxy, no image: template spire") ||
			!strings.Contains(said, "take spire out of inject.istio.io/templates") {
			t.Errorf("got %q; want a warning that names the template", said)
		}
	})
}

// testFinishedPodsHostPath: fedmesh adds no volume for which the API server would
// refuse the pod.
func testFinishedPodsHostPath(t *testing.T, l *live) {
	l.kubectl(t, "", "patch", "federation", "default", "--type=merge", "-p",
		`{"spec":{"pods":{"workloadSocket":{"type":"HostPath","path":"/run/spire/agent-sockets"}}}}`)
	const forbidden = "Warning: [FED604] spec.volumes: the socket cannot come from hostPath /run/spire/agent-sockets"
	become(t, "the source comes into force", func() error {
		said, err := l.createPod(t, "ordinary", rightPod, "--dry-run=server", "-o", "json")
		if err != nil || !strings.Contains(said, `"path": "/run/spire/agent-sockets"`) {
			return fmt.Errorf("got %q, error %w; want the volume", said, err)
		}
		return nil
	})
	both(t, func(t *testing.T, flags ...string) {
		said, err := l.createPod(t, "secure", rightPod, append([]string{"-o", "json"}, flags...)...)
		if err != nil {
			t.Fatalf("%v; want the pod to pass Pod Security", err)
		}
		if strings.Count(said, forbidden) != 1 || strings.Contains(said, "FED601") {
			t.Errorf("got %q; want one warning %q, and none of FED601", said, forbidden)
		}
		if strings.Contains(said, `"hostPath"`) || !strings.Contains(said, "skipped: namespace enforces Pod Security level baseline, which forbids hostPath volumes") {
			t.Errorf("got %q; want no volume, and the status to say why", said)
		}
	})
	l.kubectl(t, "", "patch", "federation", "default", "--type=merge", "-p", `{"spec":{"pods":{"workloadSocket":{"type":"CSI","path":null}}}}`)
}

// testFinishedPodsStopped: with nobody to answer, a namespace has what it chose. It
// is the last step.
func testFinishedPodsStopped(t *testing.T, l *live) {
	if err := l.installed.Stop(); err != nil {
		t.Fatal(err)
	}
	both(t, func(t *testing.T, flags ...string) {
		if said, err := l.createPod(t, "ordinary", wrongPod, flags...); err != nil || strings.Contains(said, "Warning") {
			t.Errorf("an ordinary namespace: got %q, error %v; want the pod created", said, err)
		}
		l.refused(t, rightPod, []string{`failed calling webhook "finished-pods-deny.fedmesh.io"`},
			append([]string{"create", "-n", "strict", "-f", "-"}, flags...)...)
	})
}
