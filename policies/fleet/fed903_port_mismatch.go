package fleet

import (
	"fmt"
	"slices"
	"strconv"

	"k8s.io/apimachinery/pkg/util/validation/field"

	"fedmesh.io/fedmesh/policies"
	"fedmesh.io/fedmesh/policies/mesh"
)

/*
FED903 port-mismatch: both sides of a host have the same port numbers.

Restricted field of a ServiceEntry with location MESH_INTERNAL and a federated host:

	spec.ports[*].number

Forbidden: a number that no entry for the host has in the member that serves it, of
those that clients ask its gateway for.

Allowed: ports that only the serving side has; any targetPort, and any port that
endpoints map theirs to. Not looked at: what FED901 leaves out, and hosts that it
reports.
*/
func portMismatch() Rule {
	return Rule{
		Rule: policies.Rule{
			ID:      "FED903",
			Name:    "port-mismatch",
			Summary: "both sides of a host have the same port numbers",
			Action:  policies.Deny,
			Applies: []mesh.Kind{mesh.ServiceEntry},
			Reads:   []mesh.Kind{mesh.ServiceEntry, mesh.DestinationRule},
			Doc: policies.Doc{
				Why: "The number of the service's port is part of the SNI, `outbound_.8000_._.httpbin.bar.global`, by which the " +
					"gateway finds its way. Where the serving side has the service on another number, there is no filter chain for " +
					"that name, and the gateway resets the connection.",
				Bad:  portExample(8080),
				Good: portExample(8000),
				Fix:  "Give both entries the same port number; map it to the workloads' own by targetPort on the serving side.",
			},
		},
		Check: checkPortMismatch,
	}
}

func portExample(serving int) string {
	return `# cluster: cluster-1
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
  ports: [{number: ` + strconv.Itoa(serving) + `, targetPort: 80, name: http, protocol: HTTP}]
  workloadSelector: {labels: {app: httpbin}}
`
}

func checkPortMismatch(fleet *Fleet) []Finding {
	var findings []Finding
	for _, request := range fleet.requests() {
		serving := request.ports()
		if len(serving) == 0 {
			continue
		}
		for i, port := range request.object.ServiceEntry.GetPorts() {
			if slices.Contains(serving, port.GetNumber()) {
				continue
			}
			findings = append(findings, Finding{
				Cluster: request.from.number,
				Object:  request.object,
				Finding: policies.Finding{
					Field: field.NewPath("spec", "ports").Index(i).Child("number"),
					Value: strconv.Itoa(int(port.GetNumber())),
					Message: fmt.Sprintf("%s serves %s on %s and not on %d, so that its gateway resets connections",
						request.members(), policies.Quote(request.host.name), numbers(serving), port.GetNumber()),
					Fix: "use the same number on both sides",
				},
			})
		}
	}
	return findings
}

// ports returns the ports that the clusters of a request serve its host on, in
// ascending order.
func (r request) ports() []uint32 {
	var ports []uint32
	for _, to := range r.to {
		for _, object := range to.serves(r.host.name) {
			for _, port := range object.ServiceEntry.GetPorts() {
				ports = append(ports, port.GetNumber())
			}
		}
	}
	slices.Sort(ports)
	return slices.Compact(ports)
}

// numbers lists some ports.
func numbers(ports []uint32) string {
	const most = 3
	text := strconv.Itoa(int(ports[0]))
	for _, port := range ports[1:min(len(ports), most)] {
		text += ", " + strconv.Itoa(int(port))
	}
	if len(ports) > most {
		text += fmt.Sprintf(" and %d more", len(ports)-most)
	}
	return text
}
