package webhook

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"reflect"

	admissionv1 "k8s.io/api/admission/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"fedmesh.io/fedmesh/policies"
	"fedmesh.io/fedmesh/policies/api/v1alpha1"
	"fedmesh.io/fedmesh/policies/mesh"
)

// federations validates Federation objects: what schema and CEL cannot say, and
// that none is deleted while namespaces rely on it.
type federations struct {
	evaluator *policies.Evaluator
	index     *mesh.Index
	readiness *Readiness
}

func (f *federations) review(_ context.Context, request *admissionv1.AdmissionRequest) (*admissionv1.AdmissionResponse, *httpError) {
	if request.Kind.Group != v1alpha1.Group || request.Kind.Kind != "Federation" || request.SubResource != "" {
		return allow(), nil
	}
	switch request.Operation {
	case admissionv1.Create, admissionv1.Update:
		return f.reviewSpec(request), nil
	case admissionv1.Delete:
		return f.reviewDelete(request), nil
	}
	return allow(), nil
}

// reviewSpec refuses a specification that could not be put in force. One that
// has not changed passes, so that labels and finalizers can always be changed.
func (f *federations) reviewSpec(request *admissionv1.AdmissionRequest) *admissionv1.AdmissionResponse {
	var object, old v1alpha1.Federation
	if err := json.Unmarshal(request.Object.Raw, &object); err != nil {
		return refuse(http.StatusBadRequest, metav1.StatusReasonBadRequest, "cannot read the Federation: "+err.Error())
	}
	if request.Operation == admissionv1.Update && json.Unmarshal(request.OldObject.Raw, &old) == nil &&
		reflect.DeepEqual(old.Spec, object.Spec) {
		return allow()
	}
	if _, errs := mesh.Compile(object.Spec); len(errs) > 0 {
		response := refuse(http.StatusUnprocessableEntity, metav1.StatusReasonInvalid, errs.ToAggregate().Error())
		response.Result.Details = &metav1.StatusDetails{Group: v1alpha1.Group, Kind: "Federation", Name: object.Name}
		for _, err := range errs {
			response.Result.Details.Causes = append(response.Result.Details.Causes,
				metav1.StatusCause{Type: metav1.CauseType(err.Type), Field: err.Field, Message: err.ErrorBody()})
		}
		return response
	}
	response := allow()
	for i, setting := range object.Spec.Rules {
		// Another version of fedmesh may know it, so that this is no error.
		if !f.evaluator.Knows(setting.ID) {
			response.Warnings = append(response.Warnings,
				fmt.Sprintf("spec.rules[%d].id: this version of fedmesh has no rule %s; the setting has no effect", i, setting.ID))
		}
	}
	return response
}

// reviewDelete refuses to take the Federation away while namespaces are opted
// in: their pods would silently go without socket and DNS capture.
func (f *federations) reviewDelete(request *admissionv1.AdmissionRequest) *admissionv1.AdmissionResponse {
	// A request to delete a whole collection has no name; what is deleted has.
	if parts, err := mesh.Split(request.OldObject.Raw); err == nil && parts.Name != v1alpha1.FederationName {
		return allow()
	}
	if unknown := f.readiness.Unknown(); unknown != "" {
		return retryLater(unknown, retryAfterSeconds)
	}
	count := f.index.NamespacesWith(mesh.OptInLabel, mesh.OptInValue)
	if count == 0 {
		return allow()
	}
	return refuse(http.StatusForbidden, metav1.StatusReasonForbidden, fmt.Sprintf(
		"pods of namespaces labelled %s=%s rely on this Federation (namespaces: %d); take the label off them first: "+
			"kubectl label namespace --selector %[1]s=%[2]s %[1]s-", mesh.OptInLabel, mesh.OptInValue, count))
}
