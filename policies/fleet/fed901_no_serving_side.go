package fleet

import (
	"fmt"
	"slices"

	"fedmesh.io/fedmesh/policies"
	"fedmesh.io/fedmesh/policies/mesh"
)

/*
FED901 no-serving-side: a host that one member asks another for is one that the other
one serves.

Restricted field of a ServiceEntry with location MESH_INTERNAL and a federated host:

	spec.hosts[*]

Forbidden: a host with an endpoint at the gateway of another member, in whose
configuration no ServiceEntry with location MESH_INTERNAL defines that very host; one
whose endpoints are that member's own gateways does not count, for it only leads back.

Not looked at: members whose configuration is not given; several that share the
gateway's address, unless none of them serves the host; hosts for which a
DestinationRule sets the SNI.
*/
func noServingSide() Rule {
	return Rule{
		Rule: policies.Rule{
			ID:      "FED901",
			Name:    "no-serving-side",
			Summary: "a host that one member asks another for is one that the other one serves",
			Action:  policies.Deny,
			Applies: []mesh.Kind{mesh.ServiceEntry},
			Reads:   []mesh.Kind{mesh.ServiceEntry, mesh.DestinationRule},
			Doc: policies.Doc{
				Why: "An `AUTO_PASSTHROUGH` gateway finds its way by the SNI, `outbound_.8000_._.httpbin.bar.global`, and has a filter " +
					"chain for a service of its own mesh of just that name and port. A Service `httpbin` in `bar` is another name: " +
					"the filter that once rewrote `.global` is gone since Istio 1.20. Without such a service the gateway resets the " +
					"connection, and the client sees a 503.",
				Bad: `# cluster: cluster-1
` + federationOf("cluster-1") + `---
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: httpbin-bar, namespace: foo}
spec:
  hosts: [httpbin.bar.global]
  addresses: [240.0.0.2]
  location: MESH_INTERNAL
  resolution: STATIC
  ports: [{number: 8000, name: http, protocol: HTTP}]
  endpoints: [{address: 34.122.11.2, ports: {http: 15443}}]
# cluster: cluster-2
` + federationOf("cluster-2") + `---
apiVersion: v1
kind: Service
metadata: {name: httpbin, namespace: bar}
spec: {ports: [{port: 8000, name: http}]}
`,
				Good: `# cluster: cluster-1
` + federationOf("cluster-1") + `---
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: httpbin-bar, namespace: foo}
spec:
  hosts: [httpbin.bar.global]
  addresses: [240.0.0.2]
  location: MESH_INTERNAL
  resolution: STATIC
  ports: [{number: 8000, name: http, protocol: HTTP}]
  endpoints: [{address: 34.122.11.2, ports: {http: 15443}}]
# cluster: cluster-2
` + federationOf("cluster-2") + `---
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: httpbin, namespace: bar}
spec:
  hosts: [httpbin.bar.global]
  addresses: [240.0.0.2]
  location: MESH_INTERNAL
  resolution: STATIC
  ports: [{number: 8000, name: http, protocol: HTTP}]
  workloadSelector: {labels: {app: httpbin}}
`,
				Fix: "Define the host in the member that serves it, by a ServiceEntry with a workloadSelector for the pods behind it.",
			},
		},
		Check: checkNoServingSide,
	}
}

func checkNoServingSide(fleet *Fleet) []Finding {
	var findings []Finding
	for _, request := range fleet.requests() {
		if request.served() {
			continue
		}
		findings = append(findings, Finding{
			Cluster: request.from.number,
			Object:  request.object,
			Finding: policies.Finding{
				Field:   request.hostField(),
				Value:   request.host.name,
				Message: fmt.Sprintf("%s does not serve %s, so that its gateway resets connections", request.members(), policies.Quote(request.host.name)),
				Fix:     "define the host there, by a MESH_INTERNAL ServiceEntry for its workloads",
			},
		})
	}
	return findings
}

// served reports whether any of the clusters that a request goes to serves the host.
func (r request) served() bool {
	return slices.ContainsFunc(r.to, func(to *cluster) bool { return len(to.serves(r.host.name)) > 0 })
}
