package policies

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"fedmesh.io/fedmesh/policies/api/v1alpha1"
	"fedmesh.io/fedmesh/policies/mesh"
)

// finishedFindings is what the rules say of a pod that MutatePod has patched with
// these settings, in an opted-in namespace that Istio injects.
func finishedFindings(t *testing.T, patched []byte, settings PodSettings) []string {
	t.Helper()
	federation, errs := mesh.Compile(v1alpha1.FederationSpec{
		LocalMember: "cluster-1",
		Members: []v1alpha1.Member{
			{Name: "cluster-1", Network: settings.Network, TrustDomain: "foo.com"},
			{Name: "cluster-2", Network: "network-2", TrustDomain: "bar.com"},
		},
		Pods: settings.Pods,
	})
	if errs != nil {
		t.Fatal(errs.ToAggregate())
	}
	object, err := mesh.Decode(mesh.Pod, patched)
	if err != nil {
		t.Fatal(err)
	}
	object.Namespace = "foo"
	index := mesh.NewIndex()
	index.Put(mesh.NewRecord(decodeYAML(t, "apiVersion: v1\nkind: Namespace\nmetadata: {name: foo, labels: {fedmesh.io/federation: enabled, istio-injection: enabled, pod-security.kubernetes.io/enforce: '"+settings.PodSecurity+"'}}\n")))
	index.Put(mesh.NewRecord(decodeYAML(t, strings.Replace(usualEntry(), "namespace: foo", "namespace: bar", 1))))
	evaluator, err := NewEvaluator(Catalogue())
	if err != nil {
		t.Fatal(err)
	}
	return summaries(evaluator.Evaluate(Review{Object: object}, index, federation))
}

// TestPatchedPodsAreSilent: of the pods that fedmesh leaves behind, injected ones
// have no finding, but those in which the user's own choice stands in the way.
func TestPatchedPodsAreSilent(t *testing.T) {
	notInjected := []string{"Warn FED606 spec.containers"}
	wants := map[string][]string{
		// Before Istio's injector, which is where most of these pods stand.
		"bad-config": notInjected, "labelled": notInjected, "nameless": notInjected, "plain": notInjected, "predeclared": notInjected, "settled": notInjected,
		// What the user wrote is kept.
		"users-choices": {"Warn FED601 spec.volumes[0]", "Warn FED603 metadata.labels[topology.istio.io/network]"},
		// What keeps the socket out.
		"pod-security":   {"Warn FED604 spec.volumes"},
		"spire-template": {"Warn FED601 spec.containers[1]"},
	}
	injected := 0
	for _, test := range podCases(t) {
		t.Run(test.name, func(t *testing.T) {
			_, patched := mutate(t, test.pod, test.settings)
			got := finishedFindings(t, patched, test.settings)
			if diff := cmp.Diff(wants[test.name], got); diff != "" {
				t.Errorf("findings differ (-want +got):\n%s\npod: %s", diff, patched)
			}
			if wants[test.name] == nil {
				injected++
			}
		})
	}
	if injected < 5 {
		t.Errorf("%d pods are silent; want enough to tell something", injected)
	}
}

// TestRecordedPodsAreSilent: so are those that Istio's own injector was at, between
// the two passes of fedmesh's mutation, but where the user's choice stands in the way.
func TestRecordedPodsAreSilent(t *testing.T) {
	const foreign = "Warn FED601 spec.volumes[0]"
	wants := map[string][]string{
		"config-misspelt usual": {"Warn FED602 metadata.annotations[proxy.istio.io/config]"},
		"csi-volume host-path":  {foreign},
		"hostpath-volume usual": {foreign},
	}
	for _, recorded := range recordings(t) {
		t.Run(recorded.name, func(t *testing.T) {
			_, patched := mutate(t, recorded.injected, recorded.settings)
			got := finishedFindings(t, patched, recorded.settings)
			if diff := cmp.Diff(wants[recorded.name], got); diff != "" {
				t.Errorf("findings differ (-want +got):\n%s\npod: %s", diff, patched)
			}
		})
	}
}

// TestFinalCheck: what findings of these rules lead to.
func TestFinalCheck(t *testing.T) {
	rule := noProxy()
	rule.ID = "FED101"
	const namespace, pod = "apiVersion: v1\nkind: Namespace\nmetadata: {name: foo, labels: {fedmesh.io/federation: enabled%s}}\n", "apiVersion: v1\nkind: Pod\nmetadata: {name: web, namespace: foo}\nspec: {containers: [{name: web}]}\n"
	const denies = ", fedmesh.io/final-check: deny, tier: legacy"
	check := func(check, more string) string {
		return federationYAML("pods: {finalCheck: '" + check + "'}\n  " + more)
	}
	legacy := func(action string) string {
		return "rules: [{id: FED101, action: '" + action + "', namespaceSelector: {matchLabels: {tier: legacy}}}]"
	}
	for name, test := range map[string]struct {
		federation, labels string
		want               Action // empty for no finding
	}{
		"nothing said":               {federationYAML(""), "", Warn},
		"Warn":                       {check("Warn", ""), "", Warn},
		"Deny":                       {check("Deny", ""), "", Deny},
		"Off":                        {check("Off", ""), "", ""},
		"label":                      {check("Warn", ""), denies, Deny},
		"label and Deny":             {check("Deny", ""), denies, Deny},
		"label and Off":              {check("Off", ""), denies, ""},
		"another label":              {check("Warn", ""), ", fedmesh.io/final-check: warn", Warn},
		"setting over Warn":          {check("Warn", legacy("Audit")), denies, Audit},
		"setting over Deny":          {check("Deny", legacy("Off")), denies, ""},
		"setting over Off":           {check("Off", legacy("Deny")), denies, Deny},
		"setting for others":         {check("Warn", legacy("Off")), "", Warn},
		"no Federation":              {undeclaredYAML, denies, ""},
		"not opted in any more":      {check("Deny", ""), ", fedmesh.io/federation: disabled", ""},
		"the ambient mode came last": {check("Deny", ""), ", istio.io/dataplane-mode: ambient", ""},
	} {
		t.Run(name, func(t *testing.T) {
			labelled := strings.Replace(namespace, "%s", test.labels, 1)
			if strings.Contains(test.labels, "fedmesh.io/federation") {
				labelled = strings.Replace(labelled, "fedmesh.io/federation: enabled, ", "", 1)
			}
			outcome := evaluate(t, []Rule{rule}, "", pod, with(labelled, test.federation))
			var got Action
			for _, finding := range outcome.Findings {
				got = finding.Action
			}
			if got != test.want || len(outcome.Failures) > 0 {
				t.Errorf("got %q, failures %v; want %q", got, outcome.Failures, test.want)
			}
		})
	}
}
