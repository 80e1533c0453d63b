package webhook

import (
	"strings"
	"testing"

	admissionv1 "k8s.io/api/admission/v1"

	"fedmesh.io/fedmesh/policies/mesh"
)

const validFederation = `
metadata: {name: default}
spec:
  localMember: cluster-1
  members:
  - {name: cluster-1, network: network-1, trustDomain: foo.com}
`

func TestFederationsSpec(t *testing.T) {
	for _, test := range []struct {
		name, object string
		allowed      bool
		says         []string
	}{
		{"valid", validFederation, true, nil},
		{"bits beyond the prefix", validFederation + "  vips: {cidrs: [240.0.0.1/4]}\n", false, []string{"spec.vips.cidrs[0]", "240.0.0.1/4", "write 240.0.0.0/4"}},
		{"selector that is none", validFederation + "  rules: [{id: FED105, action: Warn, namespaceSelector: {matchExpressions: [{key: a, operator: Like}]}}]\n", false, []string{"spec.rules[0].namespaceSelector"}},
		{"unknown local member", strings.Replace(validFederation, "localMember: cluster-1", "localMember: cluster-9", 1), false, []string{"spec.localMember", "cluster-9", "cluster-1"}},
		{"unknown rule", validFederation + "  rules: [{id: FED999, action: Deny}]\n", true, []string{"spec.rules[0].id", "FED999"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			response := decodeResponse(t, post(newSetup(t).federations(), "/federations",
				review(t, "fedmesh.io", "Federation", admissionv1.Create, test.object, "")))
			text := strings.Join(response.Warnings, "\n")
			if response.Result != nil {
				text += response.Result.Message
			}
			if response.Allowed != test.allowed {
				t.Errorf("got allowed %v (%s); want %v", response.Allowed, text, test.allowed)
			}
			for _, part := range test.says {
				if !strings.Contains(text, part) {
					t.Errorf("got %q; want %q in it", text, part)
				}
			}
		})
	}
}

// An invalid specification that is stored already can still be labelled.
func TestFederationsUnchangedSpec(t *testing.T) {
	invalid := validFederation + "  vips: {cidrs: [240.0.0.1/4]}\n"
	labelled := strings.Replace(invalid, "name: default}", "name: default, labels: {a: b}}", 1)
	response := decodeResponse(t, post(newSetup(t).federations(), "/federations",
		review(t, "fedmesh.io", "Federation", admissionv1.Update, labelled, invalid)))
	if !response.Allowed {
		t.Errorf("got %q; want it allowed", response.Result.Message)
	}
}

func TestFederationsDelete(t *testing.T) {
	s := newSetup(t)
	// Without a name, as in a request to delete the collection.
	deletion := strings.Replace(review(t, "fedmesh.io", "Federation", admissionv1.Delete, "", validFederation), `"name":"some",`, "", 1)
	s.put(t, mesh.Namespace, "metadata: {name: other, labels: {fedmesh.io/federation: disabled}}")
	if response := decodeResponse(t, post(s.federations(), "/federations", deletion)); !response.Allowed {
		t.Errorf("no namespace opted in: got %q; want it allowed", response.Result.Message)
	}
	s.put(t, mesh.Namespace, "metadata: {name: shop, labels: {fedmesh.io/federation: enabled}}")
	response := decodeResponse(t, post(s.federations(), "/federations", deletion))
	if response.Allowed || !strings.Contains(response.Result.Message, "namespaces: 1") {
		t.Errorf("a namespace opted in: got %+v; want a refusal that counts it", response)
	}
	s.missing = []string{"namespaces"}
	if response := decodeResponse(t, post(s.federations(), "/federations", deletion)); response.Allowed || response.Result.Code != 503 {
		t.Errorf("before the first sync: got %+v; want 503", response)
	}
}
