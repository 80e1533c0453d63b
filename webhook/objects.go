package webhook

import (
	"context"
	"net/http"
	"time"

	"github.com/go-logr/logr"
	admissionv1 "k8s.io/api/admission/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"fedmesh.io/fedmesh/policies"
	"fedmesh.io/fedmesh/policies/mesh"
)

// objects validates mesh objects.
type objects struct {
	evaluator     *policies.Evaluator
	index         *mesh.Index
	configuration *Configuration
	readiness     *Readiness
	metrics       *Metrics
	log           logr.Logger
}

// review holds a mesh object against the rules. Deleting an object is never
// refused for what is in it, and subresources are no business of the rules.
func (o *objects) review(_ context.Context, request *admissionv1.AdmissionRequest) (*admissionv1.AdmissionResponse, *httpError) {
	kind, known := mesh.KindOf(request.Kind.Group, request.Kind.Kind)
	if !known || !o.evaluator.AppliesTo(kind) || request.SubResource != "" ||
		request.Operation != admissionv1.Create && request.Operation != admissionv1.Update {
		return allow(), nil
	}
	if missing := o.readiness.Unknown(); missing != "" {
		return retryLater("fedmesh does not know the mesh yet (" + missing + "); try again"), nil
	}
	started := time.Now()
	review, refusal := readObjects(kind, request)
	if refusal != nil {
		return refusal, nil
	}
	outcome := o.evaluator.Evaluate(review, o.index, o.configuration.Current())
	response := respond(outcome)
	o.metrics.evaluated(kind, outcome, request, response.Allowed, time.Since(started))
	o.report(request, outcome)
	return response, nil
}

// readObjects decodes the object and, of an update, what it replaces. An old
// object that cannot be read has no findings that the new one could be excused
// by.
func readObjects(kind mesh.Kind, request *admissionv1.AdmissionRequest) (policies.Review, *admissionv1.AdmissionResponse) {
	object, err := mesh.Decode(kind, request.Object.Raw)
	if err != nil {
		return policies.Review{}, refuse(http.StatusBadRequest, metav1.StatusReasonBadRequest, err.Error())
	}
	// With generateName an object has no name yet when the request is made, and
	// a request may leave the namespace to its path.
	object.Ref.Namespace = request.Namespace
	if object.Ref.Name == "" {
		object.Ref.Name = request.Name
	}
	review := policies.Review{Object: object}
	if request.Operation == admissionv1.Update {
		if old, err := mesh.Decode(kind, request.OldObject.Raw); err == nil {
			old.Ref = object.Ref
			review.Old = old
		}
	}
	return review, nil
}

// report logs what was refused and which rules failed.
func (o *objects) report(request *admissionv1.AdmissionRequest, outcome policies.Outcome) {
	denied := outcome.Denied()
	if len(denied) == 0 && len(outcome.Failures) == 0 {
		return
	}
	log := o.log.WithValues("kind", request.Kind.Kind, "namespace", request.Namespace, "name", request.Name,
		"user", request.UserInfo.Username, "dryRun", dryRun(request), "uid", request.UID)
	for _, finding := range denied {
		log.Info("Refused an object", "rule", finding.Rule, "field", finding.Field.String(), "message", finding.Text())
	}
	for _, failure := range outcome.Failures {
		log.Info("A rule failed", "rule", failure.Rule, "reason", failure.Reason)
	}
}

func dryRun(request *admissionv1.AdmissionRequest) bool {
	return request.DryRun != nil && *request.DryRun
}
