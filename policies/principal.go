package policies

import (
	"slices"
	"strings"

	"fedmesh.io/fedmesh/policies/api/v1alpha1"
	"fedmesh.io/fedmesh/policies/mesh"
)

// localPointer is the trust domain that stands in principals for the local one,
// whatever that is (istio pilot/pkg/security/trustdomain/bundle.go,
// ReplaceTrustDomainAliases).
const localPointer = "cluster.local"

// A principal is a SPIFFE ID without its scheme, or a pattern of such: with a "*" at
// its beginning or its end for any text there, and nowhere else (istio
// pilot/pkg/security/authz/matcher/string.go, StringMatcherWithPrefix).

// cutPrincipal splits a principal into its trust domain, which can be a pattern, and
// what follows.
func cutPrincipal(principal string) (domain, rest string) {
	domain, rest, _ = strings.Cut(principal, "/")
	return domain, rest
}

// namesWorkload reports whether what follows the trust domain has the form that
// Istio gives to workloads.
func namesWorkload(rest string) bool { return strings.HasPrefix(rest, "ns/") }

// peerCanHave reports whether a workload of another member can have a name that
// principal stands for. It says so where it is not certain that none can.
func peerCanHave(principal string, federation *mesh.Federation) bool {
	domain, _ := cutPrincipal(principal)
	if strings.Contains(domain, "*") {
		return true
	}
	domains := []string{domain}
	if expanded(principal, federation) {
		domains = append(domains, federation.Local.TrustDomain)
		domains = append(domains, federation.Local.TrustDomainAliases...)
	}
	return slices.ContainsFunc(domains, func(domain string) bool {
		return slices.ContainsFunc(federation.MembersOfTrustDomain(domain), func(m *v1alpha1.Member) bool { return m.Name != federation.Local.Name })
	})
}

// expanded reports whether Istio adds the same name in every trust domain that it
// takes for its own: for a principal of five parts in one of these (istio
// pilot/pkg/security/trustdomain/bundle.go, ReplaceTrustDomainAliases and
// isTrustDomainBeingEnforced).
func expanded(principal string, federation *mesh.Federation) bool {
	domain, _ := cutPrincipal(principal)
	return strings.Count(principal, "/") == 4 && (domain == localPointer || localDomain(domain, federation.Local))
}

// trustDomains returns the trust domains of the members, each once and in the order
// in which the Federation has them.
func trustDomains(federation *mesh.Federation) []string {
	var domains []string
	for _, member := range federation.Spec.Members {
		if !slices.Contains(domains, member.TrustDomain) {
			domains = append(domains, member.TrustDomain)
		}
	}
	return domains
}
