package mesh

import (
	"slices"

	security "istio.io/api/security/v1beta1"
)

// AccessPolicy is what the Index keeps of an AuthorizationPolicy.
type AccessPolicy struct {
	Meta
	// Action of the policy.
	Action security.AuthorizationPolicy_Action
	// Selector is the labels of the workloads that it is for, as SelectorLabels has
	// them; without any it is for all of its namespace.
	Selector []string
	// Attached is true for a policy that is attached to objects (targetRef), which
	// is for gateways and waypoints and not for sidecars.
	Attached bool
	// Rules is how many rules it has.
	Rules int
	// Principals are the patterns of peers that its rules name, each once and in
	// order.
	Principals []string
	// AnyPrincipal is true when a rule lets peers through, or refuses them, whatever
	// their trust domain is: it names no source, or tells them by something else.
	AnyPrincipal bool
}

func newAccessPolicy(object *Object) *AccessPolicy {
	spec := object.AuthorizationPolicy
	policy := &AccessPolicy{
		Meta:     newMeta(object),
		Action:   spec.GetAction(),
		Selector: SelectorLabels(spec.GetSelector().GetMatchLabels()),
		Attached: spec.GetTargetRef() != nil || len(spec.GetTargetRefs()) > 0,
		Rules:    len(spec.GetRules()),
	}
	for _, rule := range spec.GetRules() {
		if len(rule.GetFrom()) == 0 {
			policy.AnyPrincipal = true
		}
		for _, from := range rule.GetFrom() {
			if len(from.GetSource().GetPrincipals()) == 0 {
				policy.AnyPrincipal = true
			}
			policy.Principals = append(policy.Principals, from.GetSource().GetPrincipals()...)
		}
	}
	slices.Sort(policy.Principals)
	policy.Principals = slices.Clip(slices.Compact(policy.Principals))
	return policy
}

// AccessPolicies returns the AuthorizationPolicies of a namespace, the oldest
// first. Those of the root namespace hold for every namespace; they are asked for by
// its name.
func (v *View) AccessPolicies(namespace string) []*AccessPolicy {
	return shownIn(v, AuthorizationPolicy, namespace, func(x *Index) byNamespace[*AccessPolicy] { return x.accessPolicies })
}
