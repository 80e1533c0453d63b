package webhook

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	admissionv1 "k8s.io/api/admission/v1"
	"k8s.io/apimachinery/pkg/util/uuid"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"fedmesh.io/fedmesh/policies"
	"fedmesh.io/fedmesh/policies/mesh"
	"fedmesh.io/fedmesh/webhook/claims"
)

// uniqueness answers what the index alone cannot: whether what a request needs is
// really taken, and whether it is really free.
type uniqueness struct {
	evaluator *policies.Evaluator
	index     *mesh.Index
	objects   claims.Objects
	claims    *claims.Admission
	metrics   *Metrics
}

// evaluate holds a review against the rules. What an exclusive rule finds is asked
// of the API server before it counts: the index may still have an object that is
// gone, or have it as it was. The error says that the API server did not answer.
func (u *uniqueness) evaluate(ctx context.Context, review *policies.Review, federation *mesh.Federation) (policies.Outcome, error) {
	for {
		outcome := u.evaluator.Evaluate(*review, u.index, federation)
		asked := false
		for _, ref := range outcome.Contested() {
			if _, known := review.Live[ref]; known {
				continue
			}
			live, err := u.objects.Get(ctx, ref)
			if err != nil {
				return outcome, fmt.Errorf("cannot tell whether %s still is in the way: %w", ref, err)
			}
			note(review, ref, live)
			asked = true
		}
		if !asked {
			return outcome, nil
		}
	}
}

func note(review *policies.Review, ref mesh.Ref, live *mesh.Object) {
	if review.Live == nil {
		review.Live = map[mesh.Ref]*mesh.Object{}
	}
	review.Live[ref] = live
}

// claim claims what an object needs that every rule lets pass. Where it is refused
// it adds to outcome what refuses it. The error is for requests that are to come
// again.
func (u *uniqueness) claim(ctx context.Context, request *admissionv1.AdmissionRequest, review *policies.Review, oldVersion string,
	federation *mesh.Federation, outcome policies.Outcome) (policies.Outcome, error) {
	uses := u.uses(*review, federation, outcome)
	if len(uses) == 0 {
		return outcome, nil
	}
	if len(uses) > claims.MaxKeys {
		return with(outcome, tooMany(review.Object, uses)), nil
	}
	started := time.Now()
	err := u.claims.Claim(ctx, claims.Request{
		Object:             review.Object,
		OldResourceVersion: oldVersion,
		Uses:               uses,
		Attempt:            string(request.UID) + "/" + string(uuid.NewUUID()),
		DryRun:             dryRun(request),
	})
	u.metrics.claimed(err, dryRun(request), time.Since(started))
	taken, waiting := (*claims.HeldError)(nil), (*claims.PendingError)(nil)
	switch {
	case errors.As(err, &waiting):
		return outcome, fmt.Errorf("[%s] %s: %w", waiting.Use.Key.Rule(), fieldOf(review.Object, waiting.Use.Key), err)
	case !errors.As(err, &taken):
		return outcome, err
	}
	// The rule says it best.
	note(review, taken.Holder.Ref, taken.Holder)
	judged, err := u.evaluate(ctx, review, federation)
	if err != nil {
		return outcome, err
	}
	if len(judged.Denied()) == 0 {
		judged = with(judged, held(review.Object, taken))
	}
	return judged, nil
}

// uses returns what a request has to claim: the keys that it needs and did not
// have, where a rule would refuse the object that comes second. What the old
// object shares with another one already is nothing that can be claimed; that it
// takes over from its predecessor, which is said of the annotation, is no such
// thing.
func (u *uniqueness) uses(review policies.Review, federation *mesh.Federation, outcome policies.Outcome) []claims.Use {
	namespace := u.index.NamespaceLabels(review.Object.Namespace)
	return slices.DeleteFunc(claims.NewUses(review.Object, review.Old, federation), func(use claims.Use) bool {
		rule := use.Key.Rule()
		return review.Exemptions.Exempt(rule, review.Object.Ref) || u.evaluator.Action(rule, namespace, federation) != policies.Deny ||
			slices.ContainsFunc(outcome.Findings, func(finding policies.Finding) bool {
				return finding.Known && finding.Rule == rule && strings.HasPrefix(finding.Field.String(), "spec.") && (finding.Value == "" || finding.Value == use.Key.Name)
			})
	})
}

func with(outcome policies.Outcome, finding policies.Finding) policies.Outcome {
	outcome.Findings = append(slices.Clone(outcome.Findings), finding)
	return outcome
}

// held is the finding on an object that needs what another has, where the rule
// itself has none: entries may share an address only if they define the same
// hosts, and the rule says so of the one that defines fewer.
func held(object *mesh.Object, taken *claims.HeldError) policies.Finding {
	message, fix := "%s belongs to %s", "leave it to that one"
	if taken.Use.Key.Kind == claims.VIP {
		message, fix = "%s belongs to %s, which does not define the same hosts", "share it among entries for the same hosts only"
	}
	return policies.Finding{
		Rule:    taken.Use.Key.Rule(),
		Action:  policies.Deny,
		Ref:     object.Ref,
		Field:   fieldOf(object, taken.Use.Key),
		Value:   taken.Use.Key.Name,
		Message: fmt.Sprintf(message, taken.Use.Key.Describe(), taken.Holder.Ref),
		Fix:     fix,
		Related: []mesh.Ref{taken.Holder.Ref},
	}
}

// tooMany is the finding on an object that needs more than one request can claim.
func tooMany(object *mesh.Object, uses []claims.Use) policies.Finding {
	return policies.Finding{
		Rule:    uses[0].Key.Rule(),
		Action:  policies.Deny,
		Ref:     object.Ref,
		Field:   field.NewPath("spec"),
		Value:   strconv.Itoa(len(uses)),
		Message: fmt.Sprintf("%d addresses and hosts to be reserved at once, and %d is the most", len(uses), claims.MaxKeys),
		Fix:     "add them in several updates",
	}
}

// fieldOf is where an object says that it wants key.
func fieldOf(object *mesh.Object, key claims.Key) *field.Path {
	spec := field.NewPath("spec")
	switch key.Kind {
	case claims.VIP:
		for i, text := range object.ServiceEntry.GetAddresses() {
			if address, ok := mesh.ParseAddress(text); ok && claims.AddressKey(address.Addr) == key {
				return spec.Child("addresses").Index(i)
			}
		}
	case claims.Host:
		for i, host := range object.ServiceEntry.GetHosts() {
			if mesh.CanonicalHost(host) == key.Name {
				return spec.Child("hosts").Index(i)
			}
		}
	}
	return spec.Child("workloadSelector")
}

// comeAgain is the answer to a request whose keys nobody can tell the owner of yet.
// Most of those that it waits for are stored in a moment; one that was not for a
// while may never be. So it is to come again after as long as the other one has
// been waited for already: clients try ten times, which outlasts claims.Grace.
func comeAgain(err error) *admissionv1.AdmissionResponse {
	waiting := (*claims.PendingError)(nil)
	if !errors.As(err, &waiting) {
		return retryLater(err.Error(), retryAfterSeconds)
	}
	wait := min(waiting.Age, claims.Grace-waiting.Age+time.Second)
	return retryLater(err.Error(), int32(max(wait.Round(time.Second), time.Second)/time.Second))
}
