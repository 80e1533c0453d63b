package policies

import (
	"slices"
	"strings"

	"github.com/spiffe/go-spiffe/v2/spiffeid"
	networking "istio.io/api/networking/v1alpha3"

	"fedmesh.io/fedmesh/policies/api/v1alpha1"
	"fedmesh.io/fedmesh/policies/mesh"
)

/*
FED113 endpoint-identity: the serviceAccount of an endpoint is one of the entry's
namespace and the local trust domain.

Restricted fields of a ServiceEntry with a federated host:

	spec.endpoints[*].serviceAccount

Warned about, where the endpoint is another member's gateway or in another
member's network: Istio makes of it the SPIFFE ID that is expected of the peer,
with the local trust domain and the namespace of the entry (istio
pilot/pkg/serviceregistry/serviceentry/conversion.go,
convertWorkloadEntryToWorkloadInstance), and that is not the workload's:

  - the member's trust domain is neither the local member's nor one of its aliases,
    with which Istio expands expected IDs (istio pkg/spiffe/spiffe.go,
    ExpandWithTrustDomains)
  - the entry is in another namespace than a host that names one
    (hosts.pattern NameNamespace)

Allowed: every account on endpoints of this cluster or of nobody known; where
subjectAltNames have a name that the workload can have, since one that fits is
enough, or one that FED112 speaks of.
*/
func endpointIdentity() Rule {
	return Rule{
		ID:      "FED113",
		Name:    "endpoint-identity",
		Summary: "the serviceAccount of an endpoint is one of the entry's namespace and the local trust domain",
		Action:  Warn,
		Applies: []mesh.Kind{mesh.ServiceEntry},
		Doc: Doc{
			Why: "Istio makes an expected SPIFFE ID of an endpoint's `serviceAccount`, with its own trust domain and the namespace " +
				"of the entry. A workload of another member has another one, and the handshake fails.",
			Bad: `apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: httpbin-bar, namespace: foo}
spec:
  hosts: [httpbin.bar.global]
  addresses: [240.0.0.2]
  location: MESH_INTERNAL
  resolution: STATIC
  ports: [{number: 8000, name: http, protocol: HTTP}]
  endpoints: [{address: 34.122.11.2, ports: {http: 15443}, serviceAccount: httpbin}]
---
apiVersion: fedmesh.io/v1alpha1
kind: Federation
metadata: {name: default}
spec:
  localMember: cluster-1
  members:
  - {name: cluster-1, network: network-1, trustDomain: foo.com, gateways: [{address: 34.136.67.85}]}
  - {name: cluster-2, network: network-2, trustDomain: bar.com, gateways: [{address: 34.122.11.2}]}
`,
			Good: `apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: httpbin-bar, namespace: foo}
spec:
  hosts: [httpbin.bar.global]
  addresses: [240.0.0.2]
  location: MESH_INTERNAL
  resolution: STATIC
  ports: [{number: 8000, name: http, protocol: HTTP}]
  endpoints: [{address: 34.122.11.2, ports: {http: 15443}, serviceAccount: httpbin}]
  subjectAltNames: [spiffe://bar.com/ns/bar/sa/httpbin]
---
apiVersion: fedmesh.io/v1alpha1
kind: Federation
metadata: {name: default}
spec:
  localMember: cluster-1
  members:
  - {name: cluster-1, network: network-1, trustDomain: foo.com, gateways: [{address: 34.136.67.85}]}
  - {name: cluster-2, network: network-2, trustDomain: bar.com, gateways: [{address: 34.122.11.2}]}
`,
			Fix: "List the workload's SPIFFE ID in `subjectAltNames`.",
		},
		Check: checkEndpointIdentity,
	}
}

func checkEndpointIdentity(review Review, view *mesh.View) []Finding {
	entry, hosts := federatedEntry(review, view)
	federation := view.Federation()
	var findings []Finding
	for i, endpoint := range entry.GetEndpoints() {
		account := endpoint.GetServiceAccount()
		members := otherMembersOf(endpoint, federation)
		if account == "" || len(members) == 0 || nameable(entry, members, federation) {
			continue
		}
		var actual string
		if trusted := slices.ContainsFunc(members, func(m *v1alpha1.Member) bool { return localDomain(m.TrustDomain, federation.Local) }); !trusted {
			actual = ", but " + withoutMiddle(members[0].Name, shortName) + " has trust domain " + withoutMiddle(members[0].TrustDomain, shortName)
		} else if namespace := otherNamespace(entry, hosts, review.Object.Namespace, federation); namespace != "" {
			actual = ", but the host names namespace " + namespace
		} else {
			continue
		}
		finding := Finding{
			Field: spec().Child("endpoints").Index(i).Child("serviceAccount"),
			Value: endpoint.GetAddress() + ": " + account,
			Fix:   "list the workload's SPIFFE ID in subjectAltNames",
		}
		expected := spiffeScheme + federation.Local.TrustDomain + "/ns/" + review.Object.Namespace + "/sa/" + account
		finding.Message = "stands for " + fit(expected, finding.Field, "stands for "+actual+"; "+finding.Fix) + actual
		findings = append(findings, finding)
	}
	return findings
}

// otherMembersOf returns the members that the workloads behind endpoint can be of,
// and none when they can be of the local one or of nobody known.
func otherMembersOf(endpoint *networking.WorkloadEntry, federation *mesh.Federation) []*v1alpha1.Member {
	members := federation.MembersAt(endpoint.GetAddress())
	if len(members) == 0 {
		return federation.OthersOfNetwork(endpoint.GetNetwork())
	}
	if slices.ContainsFunc(members, func(m *v1alpha1.Member) bool { return m.Name == federation.Local.Name }) {
		return nil
	}
	return members
}

// localDomain reports whether the Istio of the local member takes domain for its
// own.
func localDomain(domain string, local v1alpha1.Member) bool {
	return domain == local.TrustDomain || slices.Contains(local.TrustDomainAliases, domain)
}

// nameable reports whether subjectAltNames of entry have a name that a workload of
// one of members can have: an ID in a trust domain that is the member's, or what is
// no SPIFFE ID. Of those that nobody can have FED112 speaks, and mending one mends
// this as well.
func nameable(entry *networking.ServiceEntry, members []*v1alpha1.Member, federation *mesh.Federation) bool {
	return slices.ContainsFunc(entry.GetSubjectAltNames(), func(name string) bool {
		id, err := spiffeid.FromString(name)
		if err != nil {
			return true
		}
		named := federation.MembersOfTrustDomain(id.TrustDomain().Name())
		return len(named) == 0 || slices.ContainsFunc(members, func(m *v1alpha1.Member) bool { return slices.Contains(named, m) })
	})
}

// otherNamespace returns the first namespace that a federated host of entry names
// and that is not own; "" when there is none.
func otherNamespace(entry *networking.ServiceEntry, hosts []int, own string, federation *mesh.Federation) string {
	if federation.Spec.Hosts.Pattern != v1alpha1.HostPatternNameNamespace {
		return ""
	}
	for _, i := range hosts {
		host := mesh.CanonicalHost(entry.GetHosts()[i])
		if _, namespace, ok := cutSuffix(host, federation.Suffix(host)); ok && namespace != own && !strings.Contains(namespace, ".") {
			return namespace
		}
	}
	return ""
}
