package policies

import "fedmesh.io/fedmesh/policies/mesh"

/*
FED115 port-protocol: what goes to a member's gateway is not TLS already.

Restricted fields of a ServiceEntry with a federated host and an endpoint that is
a member's gateway:

	spec.ports[*].protocol

Warned about: TLS and HTTPS, in any spelling.

Allowed: every other protocol, and none; any where no endpoint is a member's
gateway.
*/
func portProtocol() Rule {
	return Rule{
		ID:      "FED115",
		Name:    "port-protocol",
		Summary: "what goes to a member's gateway is not TLS already",
		Action:  Warn,
		Applies: []mesh.Kind{mesh.ServiceEntry},
		Doc: Doc{
			Why: "Sidecars wrap everything that goes to a member's gateway in mutual TLS. With protocol TLS or HTTPS there is TLS " +
				"inside of it, of which they see nothing: no routes, retries or metrics of HTTP.",
			Bad: `apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: httpbin-bar, namespace: foo}
spec:
  hosts: [httpbin.bar.global]
  addresses: [240.0.0.2]
  location: MESH_INTERNAL
  resolution: STATIC
  ports: [{number: 8443, name: https, protocol: HTTPS}]
  endpoints: [{address: 34.122.11.2, ports: {https: 15443}}]
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
			Fix: "Let the application send plain HTTP or TCP, and declare that.",
		},
		Check: checkPortProtocol,
	}
}

func checkPortProtocol(review Review, view *mesh.View) []Finding {
	entry, _ := federatedEntry(review, view)
	members := gatewayMembers(entry, view.Federation())
	if len(members) == 0 {
		return nil
	}
	var findings []Finding
	for i, port := range entry.GetPorts() {
		if !isTLS(port) {
			continue
		}
		findings = append(findings, Finding{
			Field:   spec().Child("ports").Index(i).Child("protocol"),
			Value:   port.GetName() + ": " + port.GetProtocol(),
			Message: port.GetProtocol() + " inside the mutual TLS to the gateway of " + nameMembers(members) + ", and nothing of HTTP is seen",
			Fix:     "send HTTP or TCP without TLS and declare that",
		})
	}
	return findings
}
