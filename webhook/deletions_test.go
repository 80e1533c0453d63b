package webhook

import (
	"net/http"
	"strings"
	"testing"

	admissionv1 "k8s.io/api/admission/v1"

	"fedmesh.io/fedmesh/policies/api/v1alpha1"
	"fedmesh.io/fedmesh/policies/mesh"
)

// TestDeletionsAreWarnedAbout: whoever deletes the rule that all federated hosts have
// is told what becomes of them, and never kept from it.
func TestDeletionsAreWarnedAbout(t *testing.T) {
	const (
		rule  = "metadata: {name: federated, namespace: istio-system}\nspec: {host: '*.global', trafficPolicy: {tls: {mode: ISTIO_MUTUAL}}}"
		entry = "metadata: {name: httpbin-bar, namespace: foo}\nspec: {hosts: [httpbin.bar.global], location: MESH_INTERNAL, " +
			"ports: [{number: 8000, name: http, protocol: HTTP}], endpoints: [{address: gateway.bar.com}]}"
	)
	s := newSetup(t)
	strict := twoClusters()
	strict.Rules = []v1alpha1.RuleSetting{{ID: "FED207", Action: v1alpha1.RuleDeny}}
	federation, errs := mesh.Compile(strict)
	if len(errs) > 0 {
		t.Fatal(errs.ToAggregate())
	}
	s.configuration.Set(federation)
	s.put(t, mesh.DestinationRule, rule)
	request := strings.Replace(review(t, istioNetworking, "DestinationRule", admissionv1.Delete, "", rule), `"namespace":"foo"`, `"namespace":"istio-system"`, 1)
	ask := func() *admissionv1.AdmissionResponse {
		return decodeResponse(t, post(s.optional(), "/optional", request))
	}

	if response := ask(); !response.Allowed || len(response.Warnings) > 0 {
		t.Errorf("without entries got %+v; want it allowed in silence", response)
	}
	s.put(t, mesh.ServiceEntry, entry)
	response := ask()
	if !response.Allowed || len(response.Warnings) != 1 || !strings.HasPrefix(response.Warnings[0], "[FED207] spec.host: without this rule httpbin.bar.global has no ISTIO_MUTUAL") {
		t.Errorf("got %+v; want it allowed with a warning of FED207", response)
	}
	if len(s.api.claims) > 0 {
		t.Errorf("got %d claims; want none", len(s.api.claims))
	}
	s.put(t, mesh.DestinationRule, strings.Replace(rule, "name: federated", "name: other", 1))
	if response := ask(); !response.Allowed || len(response.Warnings) > 0 {
		t.Errorf("beside another rule got %+v; want it allowed in silence", response)
	}
	s.missing = []string{"services"}
	if got := post(s.optional(), "/optional", request); got.Code != http.StatusServiceUnavailable {
		t.Errorf("while the mesh is not known got HTTP status %d; want 503, for failurePolicy to decide", got.Code)
	}
}
