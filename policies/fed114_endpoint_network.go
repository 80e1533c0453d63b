package policies

import (
	networking "istio.io/api/networking/v1alpha3"

	"fedmesh.io/fedmesh/policies/mesh"
)

/*
FED114 endpoint-network: an endpoint in another member's network is marked for
mutual TLS.

Restricted fields of a ServiceEntry with a federated host and resolution STATIC:

	spec.endpoints[*].network
	spec.endpoints[*].labels
	spec.endpoints[*].serviceAccount

Warned about: the network of another member, on an endpoint whose label
security.istio.io/tlsMode is not istio, or that has neither the label nor a
serviceAccount.

Allowed: no network; that of the local member, whoever else has it; one of no
member, whose endpoints Istio uses as they are; other resolutions.
*/
func endpointNetwork() Rule {
	return Rule{
		ID:      "FED114",
		Name:    "endpoint-network",
		Summary: "an endpoint in another member's network is marked for mutual TLS",
		Action:  Warn,
		Applies: []mesh.Kind{mesh.ServiceEntry},
		Doc: Doc{
			Why: "Istio puts the gateways of a network that it knows in the place of its endpoints, and drops those that are not " +
				"marked for mutual TLS: clients outside the network are left without any.",
			Bad: `apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: httpbin-bar, namespace: foo}
spec:
  hosts: [httpbin.bar.global]
  addresses: [240.0.0.2]
  location: MESH_INTERNAL
  resolution: STATIC
  ports: [{number: 8000, name: http, protocol: HTTP}]
  endpoints: [{address: 34.122.11.2, ports: {http: 15443}, network: network-2}]
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
			Fix: "Take `network` out where the address is a gateway's; otherwise label the endpoint `security.istio.io/tlsMode: istio`.",
		},
		Check: checkEndpointNetwork,
	}
}

func checkEndpointNetwork(review Review, view *mesh.View) []Finding {
	entry, _ := federatedEntry(review, view)
	if entry.GetResolution() != networking.ServiceEntry_STATIC {
		return nil
	}
	var findings []Finding
	for i, endpoint := range entry.GetEndpoints() {
		members := view.Federation().OthersOfNetwork(endpoint.GetNetwork())
		if len(members) == 0 || mesh.EndpointMutualTLS(endpoint) {
			continue
		}
		fix := "label it security.istio.io/tlsMode: istio"
		if len(view.Federation().MembersAt(endpoint.GetAddress())) > 0 {
			fix = "remove the network, the address is a gateway's"
		}
		findings = append(findings, Finding{
			Field:   spec().Child("endpoints").Index(i).Child("network"),
			Value:   endpoint.GetAddress() + ": " + endpoint.GetNetwork(),
			Message: "network of " + nameMembers(members) + ", and not marked for mutual TLS: dropped for clients elsewhere",
			Fix:     fix,
		})
	}
	return findings
}
