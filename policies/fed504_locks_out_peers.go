package policies

import (
	"fmt"
	"slices"

	security "istio.io/api/security/v1beta1"

	"fedmesh.io/fedmesh/policies/mesh"
)

/*
FED504 locks-out-peers: where nothing is allowed by default, clients of other members
are let in to the workloads behind federated hosts.

Looked at is an AuthorizationPolicy without rules whose action is ALLOW, or omitted:
it lets nobody in by itself, and everybody else is refused who no other ALLOW policy
lets in.

Warned about, once for a policy: it is for all workloads behind a federated host of
this cluster, those of a ServiceEntry with a workloadSelector, and no ALLOW policy
that can be for some of them has a rule that a client of another member can meet. It
can meet one that names no principals, and one with a principal whose trust domain is
a pattern, another member's, or an alias of one. Principals of the local trust domain
stand for its aliases, too.

An AUTO_PASSTHROUGH gateway does not end TLS: the identity that arrives is that of the
client (istio pilot/pkg/networking/core/gateway.go,
builtAutoPassthroughFilterChains). Policies of the root namespace count for every
namespace, also with a selector (istio pilot/pkg/model/authorization.go,
ListAuthorizationPolicies).

Allowed: everything where no federated host has workloads here; a selector of which
is not certain that it covers them; policies that are attached to gateways and
waypoints. Two policies in one apply come one after the other, so that this is a
warning at most.
*/
func locksOutPeers() Rule {
	return Rule{
		ID:      "FED504",
		Name:    "locks-out-peers",
		Summary: "beside a policy that allows nothing, another one lets peers in to the workloads behind federated hosts",
		Action:  Warn,
		Applies: []mesh.Kind{mesh.AuthorizationPolicy},
		Reads:   []mesh.Kind{mesh.ServiceEntry, mesh.AuthorizationPolicy},
		Doc: Doc{
			Why: "The east-west gateway passes mutual TLS through, so that the workload sees the client's own SPIFFE ID, in the trust " +
				"domain of its member. Where one policy allows nothing and no other names such clients, each of their requests is " +
				"refused with 403, though the federated host is there and resolves.",
			Bad: `apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: allow-nothing, namespace: foo}
spec: {}
` + servedExample,
			Good: `apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: allow-nothing, namespace: foo}
spec: {}
---
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: httpbin, namespace: foo}
spec:
  selector: {matchLabels: {app: httpbin}}
  rules: [{from: [{source: {principals: [bar.com/ns/bar/sa/sleep]}}]}]
` + servedExample,
			Fix: "Allow the clients of other members by their principals, in a policy for these workloads.",
		},
		Check: checkLocksOutPeers,
	}
}

func checkLocksOutPeers(review Review, view *mesh.View) []Finding {
	federation := view.Federation()
	policy := review.Object.AuthorizationPolicy
	others := otherMembers(federation)
	if policy.GetAction() != security.AuthorizationPolicy_ALLOW || len(policy.GetRules()) > 0 || attached(policy) || len(others) == 0 {
		return nil
	}
	selector := mesh.SelectorLabels(policy.GetSelector().GetMatchLabels())
	letting := map[string][]*mesh.AccessPolicy{} // by namespace
	lettingIn := func(namespace string) []*mesh.AccessPolicy {
		if _, known := letting[namespace]; !known {
			letting[namespace] = slices.DeleteFunc(view.AccessPolicies(namespace), func(p *mesh.AccessPolicy) bool { return !letsPeersIn(p, federation) })
		}
		return letting[namespace]
	}
	var locked []*mesh.SelectingEntry
	for _, entry := range servedEntries(review.Object.Namespace, view) {
		reaches := func(p *mesh.AccessPolicy) bool { return !mesh.Disjoint(p.Selector, entry.Selector) }
		if !mesh.Covers(selector, entry.Selector) ||
			slices.ContainsFunc(lettingIn(entry.Ref.Namespace), reaches) ||
			slices.ContainsFunc(lettingIn(federation.Spec.RootNamespace), reaches) {
			continue
		}
		locked = append(locked, entry)
	}
	if len(locked) == 0 {
		return nil
	}
	host := Quote(servedHost(locked[0], federation))
	if len(locked) > 1 {
		host += fmt.Sprintf(" and %d more", len(locked)-1)
	}
	finding := Finding{
		Field:   spec().Child("rules"),
		Message: "nothing is allowed, and no policy lets clients of other members in to " + host,
		Fix:     "allow " + Quote(others[0].TrustDomain+"/ns/<namespace>/sa/<name>"),
	}
	for _, entry := range locked {
		finding.Related = append(finding.Related, entry.Ref)
	}
	return []Finding{finding}
}

// letsPeersIn reports whether policy has a rule that a client of another member can
// meet.
func letsPeersIn(policy *mesh.AccessPolicy, federation *mesh.Federation) bool {
	return policy.Action == security.AuthorizationPolicy_ALLOW && !policy.Attached &&
		(policy.AnyPrincipal || slices.ContainsFunc(policy.Principals, func(p string) bool { return peerCanHave(p, federation) }))
}
