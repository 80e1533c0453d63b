package webhook

import (
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus/testutil"
	admissionv1 "k8s.io/api/admission/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"fedmesh.io/fedmesh/policies/api/v1alpha1"
	"fedmesh.io/fedmesh/policies/mesh"
)

const istioNetworking = "networking.istio.io"

// broken is an entry whose location and resolution are left out.
const broken = `
metadata: {name: some, namespace: foo}
spec:
  hosts: [httpbin.bar.global]
  addresses: [240.0.0.2]
  ports: [{number: 8000, name: http, protocol: HTTP}]
  endpoints: [{address: gateway.bar.com, ports: {http: 15443}}]
`

func TestObjectsRefusal(t *testing.T) {
	s := newSetup(t)
	recorder := post(s.mesh(), "/mesh", review(t, istioNetworking, "ServiceEntry", admissionv1.Create, broken, ""))
	response := decodeResponse(t, recorder)
	if response.Allowed || response.Result.Code != http.StatusForbidden || response.Result.Reason != metav1.StatusReasonForbidden {
		t.Fatalf("got %+v; want a refusal with 403 Forbidden", response)
	}
	var fields, types []string
	for _, cause := range response.Result.Details.Causes {
		fields, types = append(fields, cause.Field), append(types, string(cause.Type))
	}
	if diff := cmp.Diff([]string{"spec.location", "spec.resolution"}, fields); diff != "" {
		t.Errorf("fields of the causes differ (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"FED107", "FED108"}, types); diff != "" {
		t.Errorf("types of the causes differ (-want +got):\n%s", diff)
	}
	lines := strings.Split(response.Result.Message, "\n")
	if len(lines) != 2 || !strings.HasPrefix(lines[0], "[FED107] spec.location: ") || !strings.HasPrefix(lines[1], "[FED108] spec.resolution: ") {
		t.Errorf("got message %q; want a line for each finding", response.Result.Message)
	}
	if got, want := response.AuditAnnotations["deny"], "FED107,FED108"; got != want {
		t.Errorf("got audit annotation deny=%q; want %q", got, want)
	}
	if got := testutil.ToFloat64(s.metrics.findings.WithLabelValues("FED107", "Deny", "false")); got != 1 {
		t.Errorf("got %v findings of FED107 counted; want 1", got)
	}
}

func TestObjectsAllowed(t *testing.T) {
	withLabel := strings.Replace(broken, "namespace: foo}", "namespace: foo, labels: {a: b}}", 1)
	for _, test := range []struct {
		name, group, kind string
		operation         admissionv1.Operation
		object, old       string
	}{
		{"unknown kind", "example.com", "ServiceEntry", admissionv1.Create, broken, ""},
		{"a kind without rules", "", "Service", admissionv1.Create, "{metadata: {name: some}, spec: {clusterIPs: [10.0.0.1]}}", ""},
		{"no spec", istioNetworking, "ServiceEntry", admissionv1.Create, "{metadata: {name: some}}", ""},
		{"nulls", istioNetworking, "ServiceEntry", admissionv1.Create, "{metadata: {name: some, labels: null, creationTimestamp: null, managedFields: null}, status: null}", ""},
		{"null spec", istioNetworking, "Sidecar", admissionv1.Create, "{metadata: {name: some}, spec: null}", ""},
		{"deletion", istioNetworking, "ServiceEntry", admissionv1.Delete, "", broken},
		{"only labels change", istioNetworking, "ServiceEntry", admissionv1.Update, withLabel, broken},
	} {
		t.Run(test.name, func(t *testing.T) {
			recorder := post(newSetup(t).mesh(), "/mesh", review(t, test.group, test.kind, test.operation, test.object, test.old))
			if response := decodeResponse(t, recorder); !response.Allowed || len(response.Warnings) > 0 {
				t.Errorf("got %+v; want it allowed in silence", response)
			}
		})
	}
}

// What cannot be read, for whatever reason it is stored, can still be labelled.
func TestObjectsUnreadableButUnchanged(t *testing.T) {
	const stored = "{metadata: {name: some}, spec: {hosts: 7}}"
	labelled := strings.Replace(stored, "name: some", "name: some, labels: {a: b}", 1)
	recorder := post(newSetup(t).mesh(), "/mesh", review(t, istioNetworking, "ServiceEntry", admissionv1.Update, labelled, stored))
	if response := decodeResponse(t, recorder); !response.Allowed {
		t.Errorf("got %+v; want it allowed", response.Result)
	}
}

func TestObjectsUpdateTolerates(t *testing.T) {
	// The location is mended, the resolution stays as wrong as it was.
	better := strings.Replace(broken, "spec:", "spec:\n  location: MESH_INTERNAL", 1)
	recorder := post(newSetup(t).mesh(), "/mesh", review(t, istioNetworking, "ServiceEntry", admissionv1.Update, better, broken))
	response := decodeResponse(t, recorder)
	if !response.Allowed {
		t.Fatalf("got %q; want it allowed", response.Result.Message)
	}
	if len(response.Warnings) != 1 || !strings.HasPrefix(response.Warnings[0], "[FED108]") || !strings.HasSuffix(response.Warnings[0], " (as before)") {
		t.Errorf("got warnings %q; want one of FED108 that is as before", response.Warnings)
	}
}

func TestObjectsUnreadable(t *testing.T) {
	for _, test := range []struct{ name, object, says string }{
		{"hosts are a text", "{metadata: {name: some}, spec: {hosts: httpbin}}", "spec.hosts: "},
		{"labels are a list", "{metadata: {name: some, labels: []}}", "labels"},
		{"spec is a text", "{metadata: {name: some}, spec: hello}", "spec"},
	} {
		t.Run(test.name, func(t *testing.T) {
			recorder := post(newSetup(t).mesh(), "/mesh", review(t, istioNetworking, "ServiceEntry", admissionv1.Create, test.object, ""))
			response := decodeResponse(t, recorder)
			if response.Allowed || response.Result.Code != http.StatusBadRequest || !strings.Contains(response.Result.Message, test.says) {
				t.Errorf("got %+v; want a 400 that names %s", response.Result, test.says)
			}
		})
	}
}

func TestObjectsWaitForTheMesh(t *testing.T) {
	s := newSetup(t)
	s.missing = []string{"services"}
	response := decodeResponse(t, post(s.mesh(), "/mesh", review(t, istioNetworking, "ServiceEntry", admissionv1.Create, broken, "")))
	if response.Allowed || response.Result.Code != http.StatusServiceUnavailable ||
		response.Result.Reason != metav1.StatusReasonServiceUnavailable || response.Result.Details.RetryAfterSeconds != retryAfterSeconds {
		t.Errorf("got %+v; want 503 with retryAfterSeconds", response.Result)
	}
	if !strings.Contains(response.Result.Message, "services") {
		t.Errorf("got %q; want it to say what is missing", response.Result.Message)
	}
}

// TestOptionalObjectsDoNotWait: what must not wait for fedmesh is for failurePolicy
// to decide on while the mesh is not known, and judged when it is.
func TestOptionalObjectsDoNotWait(t *testing.T) {
	s := newSetup(t)
	request := review(t, istioNetworking, "ServiceEntry", admissionv1.Create, broken, "")
	if response := decodeResponse(t, post(s.optional(), "/optional", request)); response.Allowed {
		t.Errorf("got %+v; want it refused", response)
	}
	s.missing = []string{"services"}
	if got := post(s.optional(), "/optional", request); got.Code != http.StatusServiceUnavailable || !strings.Contains(got.Body.String(), "services") {
		t.Errorf("got HTTP status %d, %q; want 503 and what is missing", got.Code, got.Body)
	}
}

// TestUnlistedKinds: a kind that cannot be listed takes the rules that ask about it
// with it, and no others.
func TestUnlistedKinds(t *testing.T) {
	s := newSetup(t)
	entry := strings.Replace(broken, "  ports:", "  location: MESH_INTERNAL\n  resolution: DNS\n  ports:", 1)
	entry = strings.Replace(entry, "gateway.bar.com", "34.122.11.2", 1)
	spec := twoClusters()
	spec.Members[1].Gateways = []v1alpha1.Gateway{{Address: "34.122.11.2"}}
	federation, errs := mesh.Compile(spec)
	if len(errs) > 0 {
		t.Fatal(errs.ToAggregate())
	}
	s.configuration.Set(federation)
	create := func(text string) string {
		response := decodeResponse(t, post(s.mesh(), "/mesh", review(t, istioNetworking, "ServiceEntry", admissionv1.Create, text, "")))
		said := strings.Join(response.Warnings, "\n")
		if response.Result != nil {
			said += response.Result.Message
		}
		return said
	}
	if got := create(entry); !strings.Contains(got, "FED119") {
		t.Errorf("all kinds listed: got %q; want FED119", got)
	}
	s.unlisted = mesh.KindSet(mesh.DestinationRule)
	if got := create(entry); got != "" {
		t.Errorf("without DestinationRules: got %q; want silence", got)
	}
	if got := create(broken); !strings.Contains(got, "FED107") {
		t.Errorf("without DestinationRules: got %q; want FED107 all the same", got)
	}
}

// TestOptionalUnreadable: what must not wait is not refused because it cannot be read.
func TestOptionalUnreadable(t *testing.T) {
	s := newSetup(t)
	got := post(s.optional(), "/optional", review(t, "cert-manager.io", "Certificate", admissionv1.Create, "{spec: {duration: [1]}}", ""))
	if got.Code != http.StatusBadRequest || !strings.Contains(got.Body.String(), "duration") {
		t.Errorf("got HTTP status %d, %q; want 400 that names duration, for failurePolicy to decide on", got.Code, got.Body)
	}
}

// TestObjectsDeletion: a deletion claims nothing, is never refused and, without a
// rule about it, not looked at.
func TestObjectsDeletion(t *testing.T) {
	s := newSetup(t)
	s.missing = []string{"services"} // nobody waits either
	response := decodeResponse(t, post(s.mesh(), "/mesh", review(t, istioNetworking, "ServiceEntry", admissionv1.Delete, "", broken)))
	if !response.Allowed || len(response.Warnings) > 0 || len(s.api.claims) > 0 {
		t.Errorf("got %+v and %d claims; want it allowed in silence, and no claim", response, len(s.api.claims))
	}
}

func TestObjectsWithoutFederationOnlyWarn(t *testing.T) {
	s := newSetup(t)
	s.configuration.Set(mesh.Undeclared())
	response := decodeResponse(t, post(s.mesh(), "/mesh", review(t, istioNetworking, "ServiceEntry", admissionv1.Create, broken, "")))
	if !response.Allowed || len(response.Warnings) != 2 {
		t.Errorf("got %+v; want it allowed with two warnings", response)
	}
}
