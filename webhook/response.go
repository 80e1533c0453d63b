package webhook

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	admissionv1 "k8s.io/api/admission/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"fedmesh.io/fedmesh/policies"
)

// respond puts what the rules say into an admission response: all findings at
// once, one line each; what refuses the object in the message and, for
// machines, in the causes; the rest as warnings and audit annotations.
func respond(outcome policies.Outcome) *admissionv1.AdmissionResponse {
	response := &admissionv1.AdmissionResponse{Allowed: true, AuditAnnotations: auditAnnotations(outcome)}
	for _, finding := range outcome.Warned() {
		response.Warnings = append(response.Warnings, warning(finding))
	}
	response.Warnings = append(response.Warnings, expired(outcome)...)
	var failed []string
	for _, failure := range outcome.Failures {
		line := fmt.Sprintf("[%s] the rule failed, which is a defect of fedmesh: %s", failure.Rule, failure.Reason)
		switch failure.Action {
		case policies.Deny:
			failed = append(failed, line)
		case policies.Warn:
			response.Warnings = append(response.Warnings, policies.Cut(line, policies.MaxWarning))
		}
	}
	denied := outcome.Denied()
	var lines []string
	var causes []metav1.StatusCause
	for _, finding := range denied {
		lines = append(lines, finding.String())
		causes = append(causes, metav1.StatusCause{
			Type:    metav1.CauseType(finding.Rule),
			Field:   finding.Field.String(),
			Message: finding.Text(),
		})
	}
	switch {
	case len(denied) > 0:
		response.Allowed = false
		response.Result = refuse(http.StatusForbidden, metav1.StatusReasonForbidden, strings.Join(append(lines, failed...), "\n")).Result
		response.Result.Details = &metav1.StatusDetails{
			Name:   denied[0].Ref.Name,
			Group:  denied[0].Ref.Kind.GroupKind().Group,
			Kind:   denied[0].Ref.Kind.String(),
			Causes: causes,
		}
	case len(failed) > 0:
		response.Allowed = false
		response.Result = refuse(http.StatusInternalServerError, metav1.StatusReasonInternalError, strings.Join(failed, "\n")).Result
	}
	return response
}

// warning is a finding in the length that clients show.
func warning(finding policies.Finding) string {
	if !finding.Known {
		return policies.Cut(finding.String(), policies.MaxWarning)
	}
	const asBefore = " (as before)"
	return policies.Cut(finding.String(), policies.MaxWarning-len(asBefore)) + asBefore
}

// expired says of exemptions that have ended, each once, that they have.
func expired(outcome policies.Outcome) []string {
	var lines []string
	for _, finding := range outcome.Findings {
		if finding.Expired == nil {
			continue
		}
		line := policies.Cut(fmt.Sprintf("[%s] FederationExemption %s ended on %s", finding.Rule, finding.Expired.Ref.Name,
			finding.Expired.ExpiresAt.UTC().Format(time.DateOnly)), policies.MaxWarning)
		if !slices.Contains(lines, line) {
			lines = append(lines, line)
		}
	}
	return lines
}

// auditAnnotations list the IDs of the rules with findings, by what they led
// to, and the exemptions that made some of them ones for the audit. The API server
// puts the webhook's name before the keys.
func auditAnnotations(outcome policies.Outcome) map[string]string {
	var annotations map[string]string
	for _, action := range []policies.Action{policies.Deny, policies.Warn, policies.Audit} {
		var ids []string
		for _, finding := range outcome.Findings {
			if finding.Action == action && (len(ids) == 0 || ids[len(ids)-1] != finding.Rule) {
				ids = append(ids, finding.Rule)
			}
		}
		if len(ids) > 0 {
			if annotations == nil {
				annotations = map[string]string{}
			}
			annotations[strings.ToLower(string(action))] = strings.Join(ids, ",")
		}
	}
	if names := exemptedBy(outcome); len(names) > 0 {
		annotations["exempted-by"] = strings.Join(names, ",") // such findings are for the audit, so that there are annotations
	}
	return annotations
}

// exemptedBy names the exemptions that findings are for the audit by, each once.
func exemptedBy(outcome policies.Outcome) []string {
	var names []string
	for _, finding := range outcome.Findings {
		if finding.Exemption != "" && !slices.Contains(names, finding.Exemption) {
			names = append(names, finding.Exemption)
		}
	}
	return names
}
