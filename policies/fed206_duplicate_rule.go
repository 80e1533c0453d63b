package policies

import (
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/util/validation/field"

	"fedmesh.io/fedmesh/policies/mesh"
)

/*
FED206 duplicate-rule: the DestinationRules of a namespace for one federated host add
up.

Restricted fields of a DestinationRule whose host is federated, or a wildcard under a
suffix, where another rule of the namespace is for the same host:

	spec.trafficPolicy
	spec.subsets[*].name

Warned about: a policy at the top level where the other rule has one, too, and a
subset of a name that the other rule has.

Istio merges such rules, the oldest first (istio pilot/pkg/model/destination_rule.go,
mergeDestinationRule), and then keeps the first policy and the first subset of each
name. It does so only where exportTo is the same, or that of the younger rule lists
what the older one's lists and more. Rules that it does not merge are no finding, nor
are those with a workloadSelector and those that are exported nowhere.

Allowed: rules that add to each other, such as one with a policy and one with subsets.
*/
func duplicateRule() Rule {
	return Rule{
		ID:      "FED206",
		Name:    "duplicate-rule",
		Summary: "DestinationRules of a namespace for one federated host do not contradict each other",
		Action:  Warn,
		Applies: []mesh.Kind{mesh.DestinationRule},
		Reads:   []mesh.Kind{mesh.DestinationRule},
		Doc: Doc{
			Why: "Istio merges the rules of a namespace for one host: the oldest one's `trafficPolicy` holds, and the others' is " +
				"ignored without a word, TLS settings included. The same goes for a subset. Restored or applied anew in another " +
				"order, the same rules have another effect.",
			Bad: `apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: httpbin-bar-pool, namespace: foo}
spec:
  host: httpbin.bar.global
  trafficPolicy:
    connectionPool: {tcp: {maxConnections: 100}}
    tls: {mode: ISTIO_MUTUAL}
---
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: httpbin-bar, namespace: foo}
spec:
  host: httpbin.bar.global
  trafficPolicy:
    tls: {mode: ISTIO_MUTUAL}
`,
			Good: `apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: httpbin-bar, namespace: foo}
spec:
  host: httpbin.bar.global
  trafficPolicy:
    connectionPool: {tcp: {maxConnections: 100}}
    tls: {mode: ISTIO_MUTUAL}
`,
			Fix: "Merge the two into one DestinationRule.",
		},
		Check: checkDuplicateRule,
	}
}

func checkDuplicateRule(review Review, view *mesh.View) []Finding {
	rule := federatedRule(review, view)
	if rule == nil {
		return nil
	}
	own := mesh.NewTrafficRule(review.Object)
	others := slices.DeleteFunc(view.RulesOn(own.Host), func(other *mesh.TrafficRule) bool {
		return other.Ref.Namespace != own.Ref.Namespace || !merged(review.Object, own, other)
	})
	if own.Host != rule.GetHost() || len(others) == 0 {
		return nil // Istio compares hosts byte by byte
	}
	var findings []Finding
	add := func(path *field.Path, name, value string, other *mesh.TrafficRule) {
		finding := Finding{
			Field:   path,
			Value:   strings.TrimSpace(own.Host + " " + value),
			Message: quoteRef(other.Ref) + " has " + name + " for this host, too, Istio uses ",
			Related: []mesh.Ref{other.Ref},
		}
		switch served(review.Object, other.Meta) {
		case known:
			finding.Message += "that one, the older"
			finding.Fix = "merge this rule into it"
		case reviewed:
			finding.Message += "this one, the older"
			finding.Fix = "merge it into this rule"
		default:
			finding.Message += "only the older"
			finding.Fix = "merge the two"
		}
		findings = append(findings, finding)
	}
	if i := slices.IndexFunc(others, func(other *mesh.TrafficRule) bool { return other.Policy }); own.Policy && i >= 0 {
		add(spec().Child("trafficPolicy"), "a trafficPolicy", "", others[i])
	}
	for i, subset := range rule.GetSubsets() {
		name := subset.GetName()
		j := slices.IndexFunc(others, func(other *mesh.TrafficRule) bool { return slices.Contains(other.Subsets, name) })
		if j >= 0 {
			add(spec().Child("subsets").Index(i).Child("name"), "subset "+shortLevel(name), name, others[j])
		}
	}
	return findings
}

// merged reports whether Istio merges the rule of object, own, with other, which is
// for the same host in the same namespace. While nobody knows which is older, it is
// asked to do so whichever that is.
func merged(object *mesh.Object, own, other *mesh.TrafficRule) bool {
	if own.Selective || other.Selective || !mesh.Public(own.ExportTo) && len(mesh.Exports(own.ExportTo, own.Ref.Namespace)) == 0 {
		return false
	}
	switch served(object, other.Meta) {
	case known:
		return own.MergesInto(other)
	case reviewed:
		return other.MergesInto(own)
	}
	return own.MergesInto(other) && other.MergesInto(own)
}
