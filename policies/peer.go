package policies

import (
	"strings"

	"github.com/spiffe/go-spiffe/v2/spiffeid"
	networking "istio.io/api/networking/v1alpha3"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"fedmesh.io/fedmesh/policies/api/v1alpha1"
	"fedmesh.io/fedmesh/policies/mesh"
)

// spiffeScheme is what a subjectAltNames value begins with that is meant as a
// SPIFFE ID. Others are DNS names or URIs of another kind.
const spiffeScheme = "spiffe://"

// foreignIdentities returns a finding for each of names, the subjectAltNames at
// path, that no workload of the federation can have. Istio hands them to Envoy as
// they are, which compares byte by byte (istio pkg/model/proxy.go, StringToExactMatch).
func foreignIdentities(path *field.Path, names []string, federation *mesh.Federation) []Finding {
	var findings []Finding
	for i, name := range names {
		if !strings.HasPrefix(name, spiffeScheme) {
			continue
		}
		finding := Finding{Field: path.Index(i), Value: name}
		id, err := spiffeid.FromString(name)
		domain := id.TrustDomain().Name()
		switch {
		case err != nil:
			wrong := " is no SPIFFE ID: " + err.Error()
			finding.Fix = "write a valid one"
			finding.Message = fit(name, finding.Field, wrong+"; "+finding.Fix) + wrong
		case federation.Declared && len(federation.MembersOfTrustDomain(domain)) == 0:
			finding.Message = "no member has the trust domain " + Quote(domain)
			finding.Fix = "use a member's, or list it in trustDomainAliases of one"
		default:
			continue
		}
		findings = append(findings, finding)
	}
	return findings
}

// fit is a value as the message of a finding on path has it, with the words rest
// behind it: cut where the whole would be longer than what is shown of a warning.
func fit(value string, path *field.Path, rest string) string {
	room := MaxWarning - len("[FED100] ") - len(path.String()) - len(": ") - len(rest)
	return withoutMiddle(value, min(longestName, room))
}

// gatewayMembers returns the members that have a gateway at the first endpoint of
// entry where any has one, and none when the entry sends to no member's gateway.
func gatewayMembers(entry *networking.ServiceEntry, federation *mesh.Federation) []*v1alpha1.Member {
	for _, endpoint := range entry.GetEndpoints() {
		if members := federation.MembersAt(endpoint.GetAddress()); len(members) > 0 {
			return members
		}
	}
	return nil
}

// shortName bounds names where a message has several of them.
const shortName = 36

// nameMembers names members as messages have it.
func nameMembers(members []*v1alpha1.Member) string {
	names := make([]string, 0, len(members))
	for _, member := range members {
		names = append(names, withoutMiddle(member.Name, shortName))
	}
	return AndMore(names)
}
