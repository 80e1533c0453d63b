package webhook

import (
	"context"
	"fmt"
	"net/http"
	"time"

	admissionv1 "k8s.io/api/admission/v1"

	"fedmesh.io/fedmesh/policies"
	"fedmesh.io/fedmesh/policies/mesh"
)

// exemptions warns of FederationExemptions that have no effect. Who may create one
// is RBAC's, and what one looks like the schema's.
type exemptions struct {
	evaluator *policies.Evaluator
	now       func() time.Time
}

// review warns of rules that there are not and of an end that has passed.
func (e *exemptions) review(_ context.Context, request *admissionv1.AdmissionRequest) (*admissionv1.AdmissionResponse, *httpError) {
	kind, _ := mesh.KindOf(request.Kind.Group, request.Kind.Kind)
	if kind != mesh.FederationExemption || request.SubResource != "" ||
		request.Operation != admissionv1.Create && request.Operation != admissionv1.Update {
		return allow(), nil
	}
	object, err := mesh.Decode(kind, request.Object.Raw)
	if err != nil {
		return nil, &httpError{http.StatusBadRequest, err.Error()}
	}
	response := allow()
	for i, id := range object.Exemption.Rules {
		// Another version of fedmesh may know it, so that this is no error.
		if !e.evaluator.Knows(id) {
			response.Warnings = append(response.Warnings,
				fmt.Sprintf("spec.rules[%d]: this version of fedmesh has no rule %s; naming it has no effect", i, id))
		}
	}
	if end := object.Exemption.ExpiresAt; !e.now().Before(end.Time) {
		response.Warnings = append(response.Warnings,
			fmt.Sprintf("spec.expiresAt: %s has passed, the exemption counts for nothing", end.UTC().Format(time.RFC3339)))
	}
	return response, nil
}
