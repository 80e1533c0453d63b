package policies

import (
	"slices"
	"strconv"
	"strings"

	networking "istio.io/api/networking/v1alpha3"

	"fedmesh.io/fedmesh/policies/mesh"
)

/*
FED110 endpoint-port: a member's gateway is dialled on a port that it has.

Restricted fields of a ServiceEntry with a federated host:

	spec.endpoints[*].ports

Warned about, for each endpoint at the address of a member's gateway and each port
of the entry: a port that is dialled and that no gateway of the member has in the
Federation. The port that is dialled is the endpoint's of that name, else the
port's targetPort, else its number. Where the whole set of objects is visible, it
is denied.

Allowed: every port that the Federation lists for a gateway of the member, 15443
where it lists none, for NodePorts and mapped ports as well; endpoints that are no
member's gateway; endpoints in another member's network that are marked for mutual
TLS, which Istio replaces by the gateways of the network; ports of protocol UDP,
which Istio makes no cluster for (istio pilot/pkg/networking/core/cluster.go).
*/
func endpointPort() Rule {
	return Rule{
		ID:      "FED110",
		Name:    "endpoint-port",
		Summary: "a member's gateway is dialled on a port that it has",
		Action:  Warn,
		Applies: []mesh.Kind{mesh.ServiceEntry},
		Doc: Doc{
			Why: "Without an entry for the port in the endpoint's `ports`, Envoy dials the gateway on the port of the application, " +
				"where nothing listens for other members.",
			Bad: `apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: httpbin-bar, namespace: foo}
spec:
  hosts: [httpbin.bar.global]
  addresses: [240.0.0.2]
  location: MESH_INTERNAL
  resolution: STATIC
  ports: [{number: 8000, name: http, protocol: HTTP}]
  endpoints: [{address: 34.122.11.2}]
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
			Fix: "Map each port of the entry to the gateway's under `endpoints[].ports`; if the gateway has another port than 15443, " +
				"declare it in the Federation.",
		},
		Check: checkEndpointPort,
	}
}

func checkEndpointPort(review Review, view *mesh.View) []Finding {
	entry, _ := federatedEntry(review, view)
	federation := view.Federation()
	var findings []Finding
	for i, endpoint := range entry.GetEndpoints() {
		members := federation.MembersAt(endpoint.GetAddress())
		if len(members) == 0 || replacedByGateways(endpoint, federation) {
			continue
		}
		known := federation.GatewayPorts(endpoint.GetAddress())
		for _, port := range entry.GetPorts() {
			dialled, written := dialledPort(endpoint, port)
			if slices.Contains(known, dialled) || strings.EqualFold(port.GetProtocol(), "UDP") {
				continue
			}
			path := spec().Child("endpoints").Index(i).Child("ports")
			message := "port " + port.GetName() + " is dialled on " + portText(dialled)
			if written {
				path = path.Key(port.GetName())
				message = portText(dialled) + " is dialled"
			}
			findings = append(findings, Finding{
				Offline: Deny,
				Field:   path,
				Value:   endpoint.GetAddress() + " " + port.GetName() + ": " + portText(dialled),
				Message: message + ", gateways of " + nameMembers(members) + " have " + AndMore(portTexts(known)),
				Fix:     "map it to the gateway's port",
			})
		}
	}
	return findings
}

// replacedByGateways reports whether Istio puts the gateways of the endpoint's
// network in its place, once it knows any (istio
// pilot/pkg/xds/endpoints/ep_filters.go, EndpointsByNetworkFilter).
func replacedByGateways(endpoint *networking.WorkloadEntry, federation *mesh.Federation) bool {
	return mesh.EndpointMutualTLS(endpoint) && len(federation.OthersOfNetwork(endpoint.GetNetwork())) > 0
}

// dialledPort returns the port that endpoint is dialled on for a port of its entry,
// and whether the endpoint itself says so (istio
// pilot/pkg/serviceregistry/serviceentry/conversion.go,
// convertWorkloadInstanceToServiceInstance).
func dialledPort(endpoint *networking.WorkloadEntry, port *networking.ServicePort) (number uint32, written bool) {
	switch {
	case endpoint.GetPorts()[port.GetName()] > 0:
		return endpoint.GetPorts()[port.GetName()], true
	case port.GetTargetPort() > 0:
		return port.GetTargetPort(), false
	}
	return port.GetNumber(), false
}

func portTexts(ports []uint32) []string {
	texts := make([]string, 0, len(ports))
	for _, port := range ports {
		texts = append(texts, portText(port))
	}
	return texts
}

func portText(port uint32) string { return strconv.FormatUint(uint64(port), 10) }
