package webhook

import (
	"context"
	"time"

	"github.com/go-logr/logr"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/client-go/tools/events"

	"fedmesh.io/fedmesh/policies"
	"fedmesh.io/fedmesh/policies/mesh"
	"fedmesh.io/fedmesh/webhook/claims"
)

// claimReporter tells the user of stored objects that share what only one may
// have. What there is to say, the rule says.
type claimReporter struct {
	evaluator     *policies.Evaluator
	index         *mesh.Index
	configuration *Configuration
	events        events.EventRecorder
	log           logr.Logger
}

// Conflict is claims.Reporter's. Nobody wants to know where the
// rule is off or the object exempt. The
// rule says best what there is to say; where it lets pass what two objects share,
// or the index lags, who has it is said.
func (r *claimReporter) Conflict(_ context.Context, key claims.Key, object *mesh.Object, to mesh.Ref) bool {
	exemptions := r.index.ExemptionsAt(time.Now())
	if exemptions.Exempt(key.Rule(), object.Ref) || r.evaluator.Action(key.Rule(), r.index.NamespaceLabels(object.Namespace), r.configuration.Current()) == policies.Off {
		return false
	}
	log := r.log.WithValues("kind", object.Kind, "namespace", object.Namespace, "name", object.Name)
	log.Info("A stored object shares what only one may have", "key", key.Describe(), "with", to.String())
	said := false
	outcome := r.evaluator.Evaluate(policies.Review{Object: object, Exemptions: exemptions}, r.index, r.configuration.Current())
	for _, finding := range outcome.Findings {
		if finding.Rule != key.Rule() || finding.Value != "" && finding.Value != key.Name {
			continue
		}
		log.Info("Found by a rule", "rule", finding.Rule, "action", finding.Action, "field", finding.Field.String(), "message", finding.Text())
		said = true
		r.events.Eventf(regarding(object), nil, corev1.EventTypeWarning, "Conflict", "Audit", "%s", policies.Cut(finding.String(), maxNote))
	}
	if !said {
		r.events.Eventf(regarding(object), nil, corev1.EventTypeWarning, "Conflict", "Audit", "[%s] %s belongs to %s", key.Rule(), key.Describe(), to)
	}
	return true
}

// regarding is a stored object as Events refer to it. Any version of its kind
// that the API server serves does.
func regarding(object *mesh.Object) *corev1.ObjectReference {
	kind := object.Kind.GroupKind()
	return &corev1.ObjectReference{
		APIVersion: kind.Group + "/v1", Kind: kind.Kind,
		Namespace: object.Namespace, Name: object.Name, UID: object.UID,
	}
}
