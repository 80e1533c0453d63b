package webhook

import (
	"net/http"
	"strings"
	"testing"

	jsonpatch "gopkg.in/evanphx/json-patch.v4"
	admissionv1 "k8s.io/api/admission/v1"
	"sigs.k8s.io/yaml"

	"fedmesh.io/fedmesh/policies/api/v1alpha1"
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

// TestPodsFindings: what the finished pod would be found to be, and may never be,
// is a warning already, whatever it leads to later; an operator can switch it off.
func TestPodsFindings(t *testing.T) {
	const twice = `
metadata: {name: web, annotations: {sidecar.istio.io/status: "{}", inject.istio.io/templates: "sidecar,spire"}}
spec:
  initContainers: [{name: istio-proxy, image: x}]
  containers: [{name: web, image: web}, {name: istio-proxy}]
`
	hostPath := v1alpha1.WorkloadSocket{Type: v1alpha1.WorkloadSocketHostPath, Path: "/run/spire"}
	for name, test := range map[string]struct {
		pod, namespace string
		change         func(*v1alpha1.FederationSpec)
		want           string // in the only warning; empty for none
	}{
		"a second container":       {twice, optedIn, func(*v1alpha1.FederationSpec) {}, "[FED601] spec.containers[1]"},
		"where it will be denied":  {twice, optedInDeny, func(*v1alpha1.FederationSpec) {}, "[FED601] spec.containers[1]"},
		"where nothing is checked": {twice, optedInDeny, func(spec *v1alpha1.FederationSpec) { spec.Pods.FinalCheck = v1alpha1.FinalCheckOff }, ""},
		"where the rule is off": {twice, optedIn, func(spec *v1alpha1.FederationSpec) {
			spec.Rules = []v1alpha1.RuleSetting{{ID: "FED601", Action: v1alpha1.RuleOff}}
		}, ""},
		"where the rule is audited": {twice, optedIn, func(spec *v1alpha1.FederationSpec) {
			spec.Rules = []v1alpha1.RuleSetting{{ID: "FED601", Action: v1alpha1.RuleAudit}}
		}, ""},
		"a volume that is forbidden": {halfPod, "metadata: {name: foo, labels: {pod-security.kubernetes.io/enforce: baseline}}",
			func(spec *v1alpha1.FederationSpec) { spec.Pods.WorkloadSocket = hostPath }, "[FED604] spec.volumes"},
		"a volume that is not": {halfPod, optedIn, func(spec *v1alpha1.FederationSpec) { spec.Pods.WorkloadSocket = hostPath }, ""},
	} {
		t.Run(name, func(t *testing.T) {
			s := newSetup(t)
			s.put(t, mesh.Namespace, test.namespace)
			spec := twoClusters()
			test.change(&spec)
			federation, errs := mesh.Compile(spec)
			if len(errs) > 0 {
				t.Fatal(errs.ToAggregate())
			}
			s.configuration.Set(federation)
			s.put(t, mesh.FederationExemption, `{metadata: {name: others, namespace: foo}, spec: {rules: [FED601, FED604], targets: [{kind: Pod, name: other}], expiresAt: "2999-01-01T00:00:00Z"}}`)
			response := decodeResponse(t, post(s.pods(), "/pods", review(t, "", "Pod", admissionv1.Create, test.pod, "")))
			if !response.Allowed || response.Patch == nil {
				t.Errorf("got %+v; want it allowed with a patch", response)
			}
			if test.want == "" && len(response.Warnings) == 0 {
				return
			}
			if len(response.Warnings) != 1 || test.want == "" || !strings.HasPrefix(response.Warnings[0], test.want) {
				t.Errorf("got warnings %q; want one that begins with %q, or none for the empty one", response.Warnings, test.want)
			}
			s.put(t, mesh.FederationExemption, `{metadata: {name: this, namespace: foo}, spec: {rules: [FED601, FED604], targets: [{kind: Pod, name: some}], expiresAt: "2999-01-01T00:00:00Z"}}`)
			response = decodeResponse(t, post(s.pods(), "/pods", review(t, "", "Pod", admissionv1.Create, test.pod, "")))
			if len(response.Warnings) > 0 {
				t.Errorf("exempt: got warnings %q; want none", response.Warnings)
			}
		})
	}
}
