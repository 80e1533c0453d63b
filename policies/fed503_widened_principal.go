package policies

import (
	"slices"
	"strings"

	security "istio.io/api/security/v1beta1"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"fedmesh.io/fedmesh/policies/api/v1alpha1"
	"fedmesh.io/fedmesh/policies/mesh"
)

/*
FED503 widened-principal: an ALLOW policy for workloads that peers reach says of which
trust domain its clients are.

Looked at is an AuthorizationPolicy whose action is ALLOW, or omitted, that is
certainly for workloads behind a federated host of this cluster: those of a
ServiceEntry with a workloadSelector. The members have more than one trust domain.

Restricted fields:

	spec.rules[*].from[*].source.principals[*]
	spec.rules[*].from[*].source.namespaces

Reported:

  - a principal with "*" for the trust domain before "/ns/": it is matched in every
    one
  - a principal of the local trust domain or of cluster.local, while the local member
    lists the trust domain of another one among its aliases: Istio adds the same name
    of each alias (istio pilot/pkg/security/trustdomain/bundle.go,
    ReplaceTrustDomainAliases)
  - namespaces without principals beside them: Istio makes of them a pattern that
    passes over the trust domain (istio pilot/pkg/security/authz/model/generator.go,
    srcNamespaceGenerator)

In namespaces that take part in the federation that is a warning.

Allowed: the principal and the namespace "*", which say that anybody may; rules that
restrict the trust domain by trustDomains, notTrustDomains or a condition; policies
that are attached to gateways and waypoints.
*/
func widenedPrincipal() Rule {
	return Rule{
		ID:      "FED503",
		Name:    "widened-principal",
		Summary: "an ALLOW policy for workloads behind a federated host lets in clients of one trust domain, not of all",
		Action:  Audit,
		Applies: []mesh.Kind{mesh.AuthorizationPolicy},
		Reads:   []mesh.Kind{mesh.ServiceEntry},
		Doc: Doc{
			Why: "Namespaces and service accounts are names that every member gives by itself. Where a policy does not say of which " +
				"trust domain its clients are, a workload of another member with the same names is let in as well: Istio looks " +
				"at `namespaces` and `*/ns/…` in every trust domain, and treats aliases of the local one as itself.",
			Bad: `apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: httpbin, namespace: foo}
spec:
  selector: {matchLabels: {app: httpbin}}
  rules: [{from: [{source: {namespaces: [foo]}}]}]
` + servedExample,
			Good: `apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: httpbin, namespace: foo}
spec:
  selector: {matchLabels: {app: httpbin}}
  rules: [{from: [{source: {principals: [foo.com/ns/foo/*, bar.com/ns/bar/sa/sleep]}}]}]
` + servedExample,
			Fix: "Name `principals` with their trust domain. A member's trust domain that is an alias of the local one only to be trusted " +
				"belongs into `caCertificates` of the mesh configuration.",
		},
		Check: checkWidenedPrincipal,
	}
}

// servedExample has workloads behind a federated host, in a namespace that takes part
// in the federation.
const servedExample = `---
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: httpbin, namespace: foo}
spec:
  hosts: [httpbin.foo.global]
  addresses: [240.0.0.2]
  location: MESH_INTERNAL
  resolution: STATIC
  ports: [{number: 8000, name: http, protocol: HTTP}]
  workloadSelector: {labels: {app: httpbin}}
---
apiVersion: v1
kind: Namespace
metadata: {name: foo, labels: {fedmesh.io/federation: enabled}}
`

func checkWidenedPrincipal(review Review, view *mesh.View) []Finding {
	federation := view.Federation()
	policy := review.Object.AuthorizationPolicy
	if policy.GetAction() != security.AuthorizationPolicy_ALLOW || attached(policy) || len(trustDomains(federation)) < 2 {
		return nil
	}
	var findings []Finding
	forEachSource(review.Object, func(path *field.Path, rule *security.Rule, source *security.Source) {
		if !restrictsTrustDomain(rule, source) {
			findings = append(findings, widened(path, source, federation)...)
		}
	})
	if len(findings) == 0 {
		return nil
	}
	entries := servedEntries(review.Object.Namespace, view)
	selector := mesh.SelectorLabels(policy.GetSelector().GetMatchLabels())
	entries = slices.DeleteFunc(entries, func(e *mesh.SelectingEntry) bool { return !concerns(selector, e) })
	if len(entries) == 0 {
		return nil
	}
	var action Action
	if slices.ContainsFunc(entries, func(e *mesh.SelectingEntry) bool { return mesh.OptedIn(view.NamespaceLabels(e.Ref.Namespace)) }) {
		action = Warn
	}
	for i := range findings {
		findings[i].Action = action
		findings[i].Related = []mesh.Ref{entries[0].Ref}
	}
	return findings
}

// attached reports whether a policy is for gateways and waypoints, and not for
// sidecars.
func attached(policy *security.AuthorizationPolicy) bool {
	return policy.GetTargetRef() != nil || len(policy.GetTargetRefs()) > 0
}

// widened returns findings on what source says without a trust domain.
func widened(path *field.Path, source *security.Source, federation *mesh.Federation) []Finding {
	local := federation.Local.TrustDomain
	alias, of := aliasOfPeer(federation)
	var findings []Finding
	for i, principal := range source.GetPrincipals() {
		finding := Finding{Field: path.Child("principals").Index(i), Value: principal}
		domain, rest := cutPrincipal(principal)
		switch {
		case domain == "*" && namesWorkload(rest):
			finding.Message = "lets in every trust domain, " + Quote(otherDomain(federation)) + " as well"
			finding.Fix = "write " + Quote(local+"/"+rest)
		case alias != "" && expanded(principal, federation) && domain != alias:
			finding.Message = "stands for " + withoutMiddle(alias, shortName) + " of " + withoutMiddle(of, shortName) +
				" as well, an alias of the local trust domain"
			finding.Fix = "trust it by caCertificates of MeshConfig"
		default:
			continue
		}
		findings = append(findings, finding)
	}
	named := slices.DeleteFunc(slices.Clone(source.GetNamespaces()), func(n string) bool { return n == "*" })
	if len(source.GetPrincipals()) == 0 && len(named) > 0 && len(named) == len(source.GetNamespaces()) {
		findings = append(findings, Finding{
			Field:   path.Child("namespaces"),
			Value:   strings.Join(named, ", "),
			Message: "lets in these namespaces of every trust domain, of " + Quote(otherDomain(federation)) + " as well",
			Fix:     "write principals: " + Quote(local+"/ns/"+named[0]+"/*"),
		})
	}
	return findings
}

// otherDomain returns the first trust domain of a member that is not the local one.
func otherDomain(federation *mesh.Federation) string {
	for _, domain := range trustDomains(federation) {
		if domain != federation.Local.TrustDomain {
			return domain
		}
	}
	return ""
}

// aliasOfPeer returns the first alias of the local trust domain that is the trust
// domain of another member, and the name of that member.
func aliasOfPeer(federation *mesh.Federation) (alias, member string) {
	for _, alias := range federation.Local.TrustDomainAliases {
		i := slices.IndexFunc(federation.Spec.Members, func(m v1alpha1.Member) bool {
			return m.Name != federation.Local.Name && m.TrustDomain == alias
		})
		if i >= 0 {
			return alias, federation.Spec.Members[i].Name
		}
	}
	return "", ""
}
