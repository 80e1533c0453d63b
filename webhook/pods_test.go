package webhook

import (
	"net/http"
	"strings"
	"testing"

	jsonpatch "gopkg.in/evanphx/json-patch.v4"
	admissionv1 "k8s.io/api/admission/v1"
	"sigs.k8s.io/yaml"

	"fedmesh.io/fedmesh/policies/mesh"
)

const somePod = "{metadata: {generateName: web-}, spec: {containers: [{name: web, image: web}]}}"

func TestPodsArePatched(t *testing.T) {
	s := newSetup(t)
	s.put(t, mesh.Namespace, "metadata: {name: istio-system, labels: {topology.istio.io/network: network-1}}")
	response := decodeResponse(t, post(s.pods(), "/pods", review(t, "", "Pod", admissionv1.Create, somePod, "")))
	if !response.Allowed || response.PatchType == nil || *response.PatchType != admissionv1.PatchTypeJSONPatch {
		t.Fatalf("got %+v; want it allowed with a JSON patch", response)
	}
	patch, err := jsonpatch.DecodePatch(response.Patch)
	if err != nil {
		t.Fatal(err)
	}
	pod, err := yaml.YAMLToJSON([]byte(somePod))
	if err != nil {
		t.Fatal(err)
	}
	patched, err := patch.Apply(pod)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{`"topology.istio.io/network":"network-1"`, `ISTIO_META_DNS_CAPTURE`, `"spiffe.io/spire-managed-identity":"true"`} {
		if !strings.Contains(string(patched), want) {
			t.Errorf("got %s; want %s in it", patched, want)
		}
	}
}

func TestPodsAreLeftAloneWithoutFederation(t *testing.T) {
	s := newSetup(t)
	s.configuration.Set(mesh.Undeclared())
	response := decodeResponse(t, post(s.pods(), "/pods", review(t, "", "Pod", admissionv1.Create, somePod, "")))
	if !response.Allowed || response.Patch != nil {
		t.Errorf("got %+v; want it allowed without a patch", response)
	}
}

// While the mesh is not known failurePolicy decides, so that it takes an HTTP
// error.
func TestPodsWaitForTheMesh(t *testing.T) {
	s := newSetup(t)
	s.missing = []string{"namespaces"}
	if recorder := post(s.pods(), "/pods", review(t, "", "Pod", admissionv1.Create, somePod, "")); recorder.Code != http.StatusServiceUnavailable {
		t.Errorf("got %d; want 503", recorder.Code)
	}
}

func TestPodsUnreadable(t *testing.T) {
	recorder := post(newSetup(t).pods(), "/pods", review(t, "", "Pod", admissionv1.Create, "{spec: {containers: web}}", ""))
	if recorder.Code != http.StatusBadRequest || !strings.Contains(recorder.Body.String(), "containers") {
		t.Errorf("got %d %q; want 400 that names containers", recorder.Code, recorder.Body)
	}
}
