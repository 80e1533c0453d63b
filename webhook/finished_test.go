package webhook

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus/testutil"
	admissionv1 "k8s.io/api/admission/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"fedmesh.io/fedmesh/policies/api/v1alpha1"
	"fedmesh.io/fedmesh/policies/mesh"
)

const (
	optedIn     = "metadata: {name: foo, labels: {fedmesh.io/federation: enabled}}"
	optedInDeny = "metadata: {name: foo, labels: {fedmesh.io/federation: enabled, fedmesh.io/final-check: deny}}"

	// halfPod is injected, without a socket, and in another member's network. It
	// leaves its namespace to the request.
	halfPod = `
metadata: {name: some, labels: {topology.istio.io/network: network-2}, annotations: {sidecar.istio.io/status: "{}"}}
spec:
  initContainers: [{name: istio-proxy, image: x}]
  containers: [{name: web, image: web}]
`
)

// finalCheck puts a Federation in force that says so.
func (s *setup) finalCheck(t *testing.T, check v1alpha1.FinalCheck) {
	t.Helper()
	spec := twoClusters()
	spec.Pods.FinalCheck = check
	federation, errs := mesh.Compile(spec)
	if len(errs) > 0 {
		t.Fatal(errs.ToAggregate())
	}
	s.configuration.Set(federation)
}

func TestFinishedPods(t *testing.T) {
	found := []string{"[FED601] spec.initContainers[0].volumeMounts", "[FED603] metadata.labels[topology.istio.io/network]"}
	for name, test := range map[string]struct {
		check     v1alpha1.FinalCheck
		namespace string
		pod       string
		warns     []string
		denied    []string
	}{
		"warned":             {"Warn", optedIn, halfPod, found, nil},
		"denied":             {"Deny", optedIn, halfPod, nil, found},
		"denied by label":    {"Warn", optedInDeny, halfPod, nil, found},
		"switched off":       {"Off", optedInDeny, halfPod, nil, nil},
		"opted out":          {"Deny", optedIn, strings.Replace(halfPod, "labels: {", `labels: {fedmesh.io/inject: "false", `, 1), nil, nil},
		"opted in no longer": {"Deny", "metadata: {name: foo, labels: {a: b}}", halfPod, nil, nil},
		"no proxy":           {"Warn", optedIn, somePod, []string{"[FED606] spec.containers"}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			s := newSetup(t)
			s.finalCheck(t, test.check)
			s.put(t, mesh.Namespace, test.namespace)
			response := decodeResponse(t, post(s.finishedPods(), "/finished-pods", review(t, "", "Pod", admissionv1.Create, test.pod, "")))
			heads := func(lines []string) (heads []string) {
				for _, line := range lines {
					head, _, _ := strings.Cut(line, ": ")
					heads = append(heads, head)
				}
				return heads
			}
			if diff := cmp.Diff(test.warns, heads(response.Warnings)); diff != "" {
				t.Errorf("warnings differ (-want +got):\n%s", diff)
			}
			if response.Allowed != (test.denied == nil) {
				t.Fatalf("got allowed: %t; want %t", response.Allowed, test.denied == nil)
			}
			if test.denied == nil {
				return
			}
			if diff := cmp.Diff(test.denied, heads(strings.Split(response.Result.Message, "\n"))); diff != "" {
				t.Errorf("lines of the refusal differ (-want +got):\n%s", diff)
			}
			details := response.Result.Details
			if response.Result.Reason != metav1.StatusReasonForbidden || details.Kind != "Pod" || details.Name != "some" || len(details.Causes) != len(test.denied) {
				t.Errorf("got %s, details %+v; want Forbidden, and each finding a cause", response.Result.Reason, details)
			}
			if got := testutil.ToFloat64(s.metrics.findings.WithLabelValues("FED601", "Deny", "false")); got != 1 {
				t.Errorf("got %v findings of FED601 counted; want 1", got)
			}
		})
	}
}

// TestFinishedPodsAreCheckedOnce: when they are created, and nothing else is asked.
func TestFinishedPodsAreCheckedOnce(t *testing.T) {
	s := newSetup(t)
	s.finalCheck(t, v1alpha1.FinalCheckDeny)
	s.put(t, mesh.Namespace, optedIn)
	for name, body := range map[string]string{
		"an update":     review(t, "", "Pod", admissionv1.Update, halfPod, halfPod),
		"a deletion":    review(t, "", "Pod", admissionv1.Delete, "", halfPod),
		"a subresource": strings.Replace(review(t, "", "Pod", admissionv1.Create, halfPod, ""), `"operation"`, `"subResource":"binding","operation"`, 1),
		"another kind":  review(t, "apps", "Pod", admissionv1.Create, halfPod, ""),
	} {
		if response := decodeResponse(t, post(s.finishedPods(), "/finished-pods", body)); !response.Allowed || response.Warnings != nil {
			t.Errorf("%s: got %+v; want it allowed in silence", name, response)
		}
	}
}

func TestFinishedPodsWithoutFederation(t *testing.T) {
	s := newSetup(t)
	s.configuration.Set(mesh.Undeclared())
	response := decodeResponse(t, post(s.finishedPods(), "/finished-pods", review(t, "", "Pod", admissionv1.Create, halfPod, "")))
	if !response.Allowed || response.Warnings != nil {
		t.Errorf("got %+v; want it allowed in silence", response)
	}
}

// While it is not known what to say, failurePolicy decides, so that it takes an
// HTTP error.
func TestFinishedPodsWaitForTheMesh(t *testing.T) {
	s := newSetup(t)
	s.put(t, mesh.Namespace, optedIn)
	s.missing = []string{"serviceentries"}
	if recorder := post(s.finishedPods(), "/finished-pods", review(t, "", "Pod", admissionv1.Create, halfPod, "")); recorder.Code != http.StatusServiceUnavailable {
		t.Errorf("the mesh is not known: got %d; want 503", recorder.Code)
	}
	s = newSetup(t)
	recorder := post(s.finishedPods(), "/finished-pods", review(t, "", "Pod", admissionv1.Create, halfPod, ""))
	if recorder.Code != http.StatusServiceUnavailable || !strings.Contains(recorder.Body.String(), "namespace foo") {
		t.Errorf("the namespace is not known: got %d %q; want 503 that names it", recorder.Code, recorder.Body)
	}
}

// TestFinishedPodsAwaitTheNamespace: the index is a moment behind the API server.
func TestFinishedPodsAwaitTheNamespace(t *testing.T) {
	s := newSetup(t)
	namespace := s.store(t, mesh.Namespace, optedInDeny)
	time.AfterFunc(100*time.Millisecond, func() { s.index.Put(mesh.NewRecord(namespace)) })
	response := decodeResponse(t, post(s.finishedPods(), "/finished-pods", review(t, "", "Pod", admissionv1.Create, halfPod, "")))
	if response.Allowed {
		t.Errorf("got %+v; want it refused, as the namespace says", response)
	}
}

func TestFinishedPodsUnreadable(t *testing.T) {
	s := newSetup(t)
	s.put(t, mesh.Namespace, optedIn)
	recorder := post(s.finishedPods(), "/finished-pods", review(t, "", "Pod", admissionv1.Create, "{spec: {containers: web}}", ""))
	if recorder.Code != http.StatusBadRequest || !strings.Contains(recorder.Body.String(), "spec.containers") {
		t.Errorf("got %d %q; want 400 that names spec.containers", recorder.Code, recorder.Body)
	}
}
