package webhook

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/go-logr/logr"
	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus/testutil"
	admissionv1 "k8s.io/api/admission/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/yaml"

	"fedmesh.io/fedmesh/policies/api/v1alpha1"
	"fedmesh.io/fedmesh/policies/mesh"
)

// exempt puts an exemption of every ServiceEntry of foo into the index.
func (s *setup) exempt(t *testing.T, name string, expiresAt time.Time, rules string) {
	t.Helper()
	data, err := yaml.YAMLToJSON(fmt.Appendf(nil, "{metadata: {name: %s, namespace: foo}, spec: {rules: [%s], targets: [{kind: ServiceEntry, name: '*'}], expiresAt: %q}}",
		name, rules, expiresAt.UTC().Format(time.RFC3339)))
	if err != nil {
		t.Fatal(err)
	}
	object, err := mesh.Decode(mesh.FederationExemption, data)
	if err != nil {
		t.Fatal(err)
	}
	s.index.Put(mesh.NewRecord(object))
}

// TestExempt: an exempt object is stored in silence, and the audit log says by what.
// One that has ended counts for nothing, and that is said.
func TestExempt(t *testing.T) {
	s := newSetup(t)
	create := func(text string) *admissionv1.AdmissionResponse {
		return decodeResponse(t, post(s.mesh(), "/mesh", review(t, istioNetworking, "ServiceEntry", admissionv1.Create, text, "")))
	}
	s.exempt(t, "legacy", time.Now().Add(time.Hour), "FED107, FED108")
	response := create(broken)
	if !response.Allowed || len(response.Warnings) > 0 {
		t.Errorf("exempt: got %+v; want it allowed in silence", response)
	}
	if got := response.AuditAnnotations; !strings.HasPrefix(got["audit"], "FED107,FED108") || got["exempted-by"] != "legacy" {
		t.Errorf("exempt: got audit annotations %v; want both rules under audit, and exempted-by=legacy", got)
	}

	s.exempt(t, "legacy", time.Now().Add(-time.Hour), "FED107, FED108")
	response = create(broken)
	ended := fmt.Sprintf("FederationExemption legacy ended on %s", time.Now().Add(-time.Hour).UTC().Format(time.DateOnly))
	if response.Allowed || !strings.Contains(strings.Join(response.Warnings, "\n"), "[FED107] "+ended) {
		t.Errorf("ended: got %+v; want a refusal, and a warning of %q", response, ended)
	}
}

// TestExemptClaimsNothing: whoever is exempt from uniqueness holds nothing that
// others would be refused for by a claim, and is not refused for theirs.
func TestExemptClaimsNothing(t *testing.T) {
	s := newSetup(t)
	entry := strings.Replace(broken, "  ports:", "  location: MESH_INTERNAL\n  resolution: DNS\n  ports:", 1)
	create := func(text string) *admissionv1.AdmissionResponse {
		return decodeResponse(t, post(s.mesh(), "/mesh", review(t, istioNetworking, "ServiceEntry", admissionv1.Create, text, "")))
	}
	s.exempt(t, "twins", time.Now().Add(time.Hour), "FED105, FED106")
	if response := create(entry); !response.Allowed {
		t.Fatalf("got %+v; want it allowed", response)
	}
	if got := len(s.api.claims); got != 0 {
		t.Errorf("an exempt entry: got %d claims; want none", got)
	}
	s.index.Delete(mesh.Ref{Kind: mesh.FederationExemption, Namespace: "foo", Name: "twins"})
	if response := create(entry); !response.Allowed {
		t.Fatalf("got %+v; want it allowed", response)
	}
	if got := len(s.api.claims); got != 2 {
		t.Errorf("an ordinary entry: got %d claims; want one for its address and one for its host", got)
	}
}

func TestExemptionsWarn(t *testing.T) {
	s := newSetup(t)
	now := time.Date(2026, 1, 2, 0, 0, 0, 0, time.UTC)
	handler := &endpoint{log: logr.Discard(), large: make(chan struct{}, maxLargeBodies),
		reviewer: &exemptions{evaluator: s.evaluator, now: func() time.Time { return now }}}
	for text, want := range map[string][]string{
		`{spec: {rules: [FED105], expiresAt: "2026-01-03T00:00:00Z"}}`:         nil,
		`{spec: {rules: [FED105, FED999], expiresAt: "2026-01-03T00:00:00Z"}}`: {"spec.rules[1]: this version of fedmesh has no rule FED999; naming it has no effect"},
		`{spec: {rules: [FED105], expiresAt: "2026-01-01T00:00:00Z"}}`:         {"spec.expiresAt: 2026-01-01T00:00:00Z has passed, the exemption counts for nothing"},
	} {
		response := decodeResponse(t, post(handler, "/exemptions", review(t, v1alpha1.Group, "FederationExemption", admissionv1.Create, text, "")))
		if diff := cmp.Diff(want, response.Warnings); diff != "" || !response.Allowed {
			t.Errorf("%s: allowed is %t, warnings differ (-want +got):\n%s", text, response.Allowed, diff)
		}
	}
}

func TestExemptionMetrics(t *testing.T) {
	s := newSetup(t)
	now := time.Now().Truncate(time.Second)
	s.exempt(t, "later", now.Add(time.Hour), "FED105")
	s.exempt(t, "ended", now.Add(-time.Minute), "FED105")
	want := `
# HELP fedmesh_exemption_remaining_seconds How long a FederationExemption still holds; 0 or less for one that has ended.
# TYPE fedmesh_exemption_remaining_seconds gauge
fedmesh_exemption_remaining_seconds{exemption="ended",exemption_namespace="foo"} -60
fedmesh_exemption_remaining_seconds{exemption="later",exemption_namespace="foo"} 3600
`
	if err := testutil.CollectAndCompare(&exemptionCollector{index: s.index, now: func() time.Time { return now }}, strings.NewReader(want)); err != nil {
		t.Error(err)
	}
}

// TestExemptPods: a pod is exempt by its name, and one that has none yet by what the
// name will begin with.
func TestExemptPods(t *testing.T) {
	s := newSetup(t)
	s.finalCheck(t, v1alpha1.FinalCheckDeny)
	s.put(t, mesh.Namespace, optedIn)
	s.put(t, mesh.FederationExemption, `{metadata: {name: pods, namespace: foo}, spec: {rules: [FED601, FED603, FED606], targets: [{kind: Pod, name: "so*"}], expiresAt: "2999-01-01T00:00:00Z"}}`)
	response := decodeResponse(t, post(s.finishedPods(), "/finished-pods", review(t, "", "Pod", admissionv1.Create, halfPod, "")))
	if !response.Allowed || len(response.Warnings) > 0 {
		t.Errorf("finished: got %+v; want it allowed in silence", response)
	}
	for name, want := range map[string]mesh.Ref{
		`{metadata: {name: some}}`:              {Kind: mesh.Pod, Namespace: "foo", Name: "some"},
		`{metadata: {generateName: some-7d9-}}`: {Kind: mesh.Pod, Namespace: "foo", Name: "some-7d9-"},
	} {
		data, err := yaml.YAMLToJSON([]byte(name))
		if err != nil {
			t.Fatal(err)
		}
		request := &admissionv1.AdmissionRequest{Namespace: "foo", Object: runtime.RawExtension{Raw: data}}
		if got := podOf(request); got != want {
			t.Errorf("%s: got %s, want %s", name, got, want)
		}
	}
}
