package webhook

import (
	"bytes"
	"context"
	"fmt"
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
	uniqueness    *uniqueness
	configuration *Configuration
	readiness     *Readiness
	metrics       *Metrics
	log           logr.Logger
	// optional is true for requests that must never wait for fedmesh: while it is not
	// known what the cluster holds, failurePolicy decides.
	optional bool
}

// review holds a mesh object against the rules and, when they let it pass, claims
// what only one object may have. Deleting an object is never refused, and
// subresources are no business of the rules.
func (o *objects) review(ctx context.Context, request *admissionv1.AdmissionRequest) (*admissionv1.AdmissionResponse, *httpError) {
	kind, known := mesh.KindOf(request.Kind.Group, request.Kind.Kind)
	if !known || !o.concerns(kind, request) {
		return allow(), nil
	}
	switch unknown := o.readiness.Unknown(); {
	case unknown != "" && o.optional:
		return nil, &httpError{http.StatusServiceUnavailable, unknown}
	case unknown != "":
		return retryLater(unknown, retryAfterSeconds), nil
	}
	started := time.Now()
	review, oldVersion, err := read(kind, request)
	review.Unlisted = o.readiness.Unlisted()
	review.Exemptions = o.uniqueness.index.ExemptionsAt(started)
	switch {
	case err != nil && o.optional:
		return nil, &httpError{http.StatusBadRequest, err.Error()}
	case err != nil:
		return refuse(http.StatusBadRequest, metav1.StatusReasonBadRequest, err.Error()), nil
	case review.Object == nil:
		return allow(), nil
	}
	// One configuration for the whole request.
	federation := o.configuration.Current()
	outcome, err := o.uniqueness.evaluate(ctx, &review, federation)
	took := time.Since(started)
	response := respond(outcome)
	if err == nil && response.Allowed && !review.Deleted {
		outcome, err = o.uniqueness.claim(ctx, request, &review, oldVersion, federation, outcome)
		response = respond(outcome)
	}
	if err != nil {
		o.log.Info("Let a request come again", "kind", request.Kind.Kind, "namespace", request.Namespace, "name", review.Object.Name,
			"dryRun", dryRun(request), "uid", request.UID, "reason", err.Error())
		return comeAgain(err), nil
	}
	o.metrics.evaluated(kind, outcome, request, response.Allowed, took)
	report(o.log, request, outcome)
	if o.optional && !response.Allowed && len(outcome.Denied()) == 0 { // a rule failed
		return nil, &httpError{http.StatusInternalServerError, response.Result.Message}
	}
	return response, nil
}

// concerns reports whether there are rules for such a request.
func (o *objects) concerns(kind mesh.Kind, request *admissionv1.AdmissionRequest) bool {
	switch {
	case request.SubResource != "":
		return false
	case request.Operation == admissionv1.Delete:
		return o.evaluator.AppliesToDeletionOf(kind)
	}
	return o.evaluator.AppliesTo(kind) && (request.Operation == admissionv1.Create || request.Operation == admissionv1.Update)
}

// read decodes what a request is about, as readObjects does, or the object that is
// being deleted. One that cannot be read can be deleted all the same.
func read(kind mesh.Kind, request *admissionv1.AdmissionRequest) (review policies.Review, oldVersion string, err error) {
	if request.Operation != admissionv1.Delete {
		return readObjects(kind, request)
	}
	review.Deleted = true
	if object, err := mesh.Decode(kind, request.OldObject.Raw); err == nil {
		object.Namespace = request.Namespace
		review.Object = object
	}
	return review, "", nil
}

// readObjects decodes the object and, of an update, what it replaces. Where the
// specification is the same to the letter it decodes nothing and returns an empty
// review: an object that cannot be read can be labelled and deleted all the same.
// An old object whose specification cannot be read has no findings that the new one
// could be excused by. It returns the resource version of the old object, too.
func readObjects(kind mesh.Kind, request *admissionv1.AdmissionRequest) (review policies.Review, oldVersion string, err error) {
	parts, err := mesh.Split(request.Object.Raw)
	if err != nil {
		return review, "", fmt.Errorf("cannot read the %s: %w", kind, err)
	}
	if request.Operation == admissionv1.Update {
		before, err := mesh.Split(request.OldObject.Raw)
		switch {
		case err != nil:
			return review, "", fmt.Errorf("cannot read the %s that is replaced: %w", kind, err)
		case bytes.Equal(before.Spec, parts.Spec):
			return review, "", nil
		}
		oldVersion = before.ResourceVersion
		before.Namespace = request.Namespace
		if decoded, err := mesh.DecodeParts(kind, before); err == nil {
			review.Old = decoded
		}
	}
	// An object may leave its namespace to the request.
	parts.Namespace = request.Namespace
	review.Object, err = mesh.DecodeParts(kind, parts)
	return review, oldVersion, err
}

func dryRun(request *admissionv1.AdmissionRequest) bool {
	return request.DryRun != nil && *request.DryRun
}
