package webhook

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"time"

	admissionv1 "k8s.io/api/admission/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"fedmesh.io/fedmesh/policies"
	"fedmesh.io/fedmesh/policies/api/v1alpha1"
	"fedmesh.io/fedmesh/policies/mesh"
)

// pods mutates the pods of opted-in namespaces. Which pods these are the
// selectors of the webhook configuration say; nothing here asks the API server.
type pods struct {
	evaluator     *policies.Evaluator
	index         *mesh.Index
	configuration *Configuration
	readiness     *Readiness
	metrics       *Metrics
}

// review patches a pod for the federation. While it is not known what the
// cluster declares it answers with an HTTP error, so that failurePolicy decides;
// while no Federation is declared it leaves pods alone.
func (p *pods) review(ctx context.Context, request *admissionv1.AdmissionRequest) (*admissionv1.AdmissionResponse, *httpError) {
	if !createsPod(request) {
		return allow(), nil
	}
	if unknown := p.readiness.Unknown(); unknown != "" {
		return nil, &httpError{http.StatusServiceUnavailable, unknown}
	}
	federation := p.configuration.Current()
	if !federation.Declared {
		return allow(), nil
	}
	// Only then the namespace has a say in what the pod gets.
	if federation.Spec.Pods.WorkloadSocket.Type == v1alpha1.WorkloadSocketHostPath {
		if unknown := awaitNamespace(ctx, p.index, request.Namespace); unknown != "" {
			return nil, &httpError{http.StatusServiceUnavailable, unknown}
		}
	}
	namespace := p.index.NamespaceLabels(request.Namespace)
	started := time.Now()
	patch, err := policies.MutatePod(request.Object.Raw, policies.PodSettingsIn(request.Namespace, federation, p.index))
	if err != nil {
		// What cannot be read as a pod the API server refuses by itself.
		return nil, &httpError{http.StatusBadRequest, err.Error()}
	}
	response := allow()
	response.Warnings = patch.Warnings
	for _, finding := range patch.Findings {
		if p.index.ExemptionsAt(started).Exempt(finding.Rule, podOf(request)) {
			continue
		}
		switch p.evaluator.Action(finding.Rule, namespace, federation) {
		case policies.Warn, policies.Deny: // to deny is for the check of the finished pod
			response.Warnings = append(response.Warnings, warning(finding))
		}
	}
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

// podOf names the pod of a request. One that is yet to be given its name has what
// the name will begin with, which is as much as an exemption for it can say.
func podOf(request *admissionv1.AdmissionRequest) mesh.Ref {
	ref := mesh.Ref{Kind: mesh.Pod, Namespace: request.Namespace, Name: request.Name}
	var object metav1.PartialObjectMetadata
	if ref.Name == "" && json.Unmarshal(request.Object.Raw, &object) == nil {
		ref.Name = cmp.Or(object.Name, object.GenerateName)
	}
	return ref
}
