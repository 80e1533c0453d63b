package webhook

import (
	"github.com/go-logr/logr"
	admissionv1 "k8s.io/api/admission/v1"

	"fedmesh.io/fedmesh/policies"
)

// report logs what was refused and which rules failed.
func report(log logr.Logger, request *admissionv1.AdmissionRequest, outcome policies.Outcome) {
	denied := outcome.Denied()
	if len(denied) == 0 && len(outcome.Failures) == 0 {
		return
	}
	log = log.WithValues("kind", request.Kind.Kind, "namespace", request.Namespace, "name", request.Name,
		"user", request.UserInfo.Username, "dryRun", dryRun(request), "uid", request.UID)
	for _, finding := range denied {
		log.Info("Refused an object", "rule", finding.Rule, "field", finding.Field.String(), "message", finding.Text())
	}
	for _, failure := range outcome.Failures {
		log.Error(nil, "A rule failed", "rule", failure.Rule, "reason", failure.Reason, "stack", failure.Stack)
	}
}
