package webhook

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"time"

	admissionv1 "k8s.io/api/admission/v1"

	"fedmesh.io/fedmesh/policies"
	"fedmesh.io/fedmesh/policies/mesh"
)

// pods mutates the pods of opted-in namespaces. Which pods these are the
// selectors of the webhook configuration say; nothing here asks the API server.
type pods struct {
	index         *mesh.Index
	configuration *Configuration
	readiness     *Readiness
	metrics       *Metrics
}

// review patches a pod for the federation. While it is not known what the
// cluster declares it answers with an HTTP error, so that failurePolicy decides;
// while no Federation is declared it leaves pods alone.
func (p *pods) review(_ context.Context, request *admissionv1.AdmissionRequest) (*admissionv1.AdmissionResponse, *httpError) {
	if request.Kind.Group != "" || request.Kind.Kind != "Pod" || request.SubResource != "" || request.Operation != admissionv1.Create {
		return allow(), nil
	}
	if unknown := p.readiness.Unknown(); unknown != "" {
		return nil, &httpError{http.StatusServiceUnavailable, unknown}
	}
	federation := p.configuration.Current()
	if !federation.Declared {
		return allow(), nil
	}
	started := time.Now()
	patch, err := policies.MutatePod(request.Object.Raw, policies.PodSettings{
		Pods:          federation.Spec.Pods,
		Network:       federation.Local.Network,
		RootNetwork:   p.index.NamespaceLabels(federation.Spec.RootNamespace)[policies.NetworkLabel],
		RootNamespace: federation.Spec.RootNamespace,
	})
	if err != nil {
		// What cannot be read as a pod the API server refuses by itself.
		return nil, &httpError{http.StatusBadRequest, err.Error()}
	}
	response := allow()
	response.Warnings = patch.Warnings
	if len(patch.Operations) > 0 {
		data, err := json.Marshal(patch.Operations)
		if err != nil {
			return nil, &httpError{http.StatusInternalServerError, fmt.Sprintf("cannot write the patch: %v", err)}
		}
		patchType := admissionv1.PatchTypeJSONPatch
		response.Patch, response.PatchType = data, &patchType
	}
	p.metrics.mutated(time.Since(started))
	return response, nil
}
