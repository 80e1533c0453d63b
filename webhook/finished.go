package webhook

import (
	"context"
	"net/http"
	"time"

	"github.com/go-logr/logr"
	admissionv1 "k8s.io/api/admission/v1"

	"fedmesh.io/fedmesh/policies"
	"fedmesh.io/fedmesh/policies/mesh"
)

// finishedPods checks the pods of opted-in namespaces after all mutators. Two
// webhooks ask it, which differ in what comes of an answer that there is not: the
// selectors of one choose the namespaces labelled fedmesh.io/final-check=deny. It
// makes no difference between them, for the rules read the label too.
type finishedPods struct {
	evaluator     *policies.Evaluator
	index         *mesh.Index
	configuration *Configuration
	readiness     *Readiness
	metrics       *Metrics
	log           logr.Logger
}

// review holds a pod against the rules. While the mesh is not known it answers with
// an HTTP error, so that failurePolicy decides; while no Federation is declared it
// does not look.
func (f *finishedPods) review(ctx context.Context, request *admissionv1.AdmissionRequest) (*admissionv1.AdmissionResponse, *httpError) {
	if !createsPod(request) {
		return allow(), nil
	}
	if unknown := f.readiness.Unknown(); unknown != "" {
		return nil, &httpError{http.StatusServiceUnavailable, unknown}
	}
	federation := f.configuration.Current()
	if !federation.Declared {
		return allow(), nil
	}
	if unknown := awaitNamespace(ctx, f.index, request.Namespace); unknown != "" {
		return nil, &httpError{http.StatusServiceUnavailable, unknown}
	}
	started := time.Now()
	object, err := mesh.Decode(mesh.Pod, request.Object.Raw)
	if err != nil {
		return nil, &httpError{http.StatusBadRequest, err.Error()}
	}
	object.Namespace = request.Namespace // which a pod may leave to the request
	outcome := f.evaluator.Evaluate(policies.Review{Object: object, Exemptions: f.index.ExemptionsAt(started)}, f.index, federation)
	response := respond(outcome)
	f.metrics.evaluated(mesh.Pod, outcome, request, response.Allowed, time.Since(started))
	report(f.log, request, outcome)
	return response, nil
}

// awaitNamespace waits a moment for a namespace that the index does not know. The
// API server has just made it, and its labels decide what the rules say and which
// volumes its pods may have; a client may create a pod right behind it. It returns
// what is not known.
func awaitNamespace(ctx context.Context, index *mesh.Index, name string) (unknown string) {
	const pause, most = 10 * time.Millisecond, time.Second
	ctx, cancel := context.WithTimeout(ctx, most)
	defer cancel()
	for index.NamespaceLabels(name) == nil {
		select {
		case <-ctx.Done():
			return "fedmesh does not know the namespace " + name + " yet"
		case <-time.After(pause):
		}
	}
	return ""
}

// createsPod reports whether a request is for the creation of a pod.
func createsPod(request *admissionv1.AdmissionRequest) bool {
	return request.Kind.Group == "" && request.Kind.Kind == "Pod" && request.SubResource == "" && request.Operation == admissionv1.Create
}
