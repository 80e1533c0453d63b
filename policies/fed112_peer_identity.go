package policies

import (
	"slices"

	networking "istio.io/api/networking/v1alpha3"

	"fedmesh.io/fedmesh/policies/mesh"
)

/*
FED112 peer-identity: the peer of a federated host is a workload of the
federation.

Restricted fields of a ServiceEntry with a federated host:

	spec.subjectAltNames[*]

Forbidden values, of those that begin with spiffe://:

  - what is no SPIFFE ID: an upper-case letter or a port in the trust domain, a
    slash at the end, a wildcard
  - an ID in a trust domain that is no member's and no member's alias, where there
    is a Federation

Noted for the audit: no subjectAltNames, and no endpoint with a serviceAccount,
which stands for a name as well, where an endpoint is a member's gateway.

Allowed: every SPIFFE ID in a trust domain of a member, whatever its path is; DNS
names and other URIs; none at all where no member's gateway is an endpoint. What
a DestinationRule says instead is FED209's; that there is one is not asked.
*/
func peerIdentity() Rule {
	return Rule{
		ID:      "FED112",
		Name:    "peer-identity",
		Summary: "the peer of a federated host is a workload of the federation",
		Action:  Deny,
		Applies: []mesh.Kind{mesh.ServiceEntry},
		Doc: Doc{
			Why: "Istio hands `subjectAltNames` to Envoy as they are, and Envoy compares them byte by byte with the URI of the " +
				"peer's certificate. A name that no certificate can have fails every handshake. Without any, the peer may be " +
				"whatever a trusted domain has issued a certificate to.",
			Bad: `apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: httpbin-bar, namespace: foo}
spec:
  hosts: [httpbin.bar.global]
  addresses: [240.0.0.2]
  location: MESH_INTERNAL
  resolution: STATIC
  ports: [{number: 8000, name: http, protocol: HTTP}]
  endpoints: [{address: 34.122.11.2, ports: {http: 15443}}]
  subjectAltNames: [spiffe://cluster.local/ns/bar/sa/httpbin]
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
  endpoints: [{address: 34.122.11.2, ports: {http: 15443}}]
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
			Fix: "List the SPIFFE IDs of the workloads behind the host, in the trust domain of their member.",
		},
		Check: checkPeerIdentity,
	}
}

func checkPeerIdentity(review Review, view *mesh.View) []Finding {
	entry, _ := federatedEntry(review, view)
	path := spec().Child("subjectAltNames")
	if len(entry.GetSubjectAltNames()) > 0 {
		return foreignIdentities(path, entry.GetSubjectAltNames(), view.Federation())
	}
	members := gatewayMembers(entry, view.Federation())
	if len(members) == 0 || slices.ContainsFunc(entry.GetEndpoints(), hasServiceAccount) {
		return nil
	}
	return []Finding{{
		Action:  Audit,
		Field:   path,
		Message: "none: every identity that a trusted domain issues is accepted",
		Fix:     "list the workload's, as in spiffe://" + Quote(members[0].TrustDomain) + "/ns/<namespace>/sa/<name>",
	}}
}

// hasServiceAccount reports whether Istio makes an expected name of an endpoint
// (istio pilot/pkg/model/push_context.go, addServiceAccounts).
func hasServiceAccount(endpoint *networking.WorkloadEntry) bool {
	return endpoint.GetServiceAccount() != ""
}
