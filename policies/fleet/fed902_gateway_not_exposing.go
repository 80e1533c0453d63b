package fleet

import (
	"fmt"
	"slices"
	"strings"

	networking "istio.io/api/networking/v1alpha3"

	"fedmesh.io/fedmesh/policies"
	"fedmesh.io/fedmesh/policies/mesh"
)

/*
FED902 gateway-not-exposing: a host that one member asks another for is one that the
gateways of the other one expose.

Restricted field of a ServiceEntry with location MESH_INTERNAL and a federated host:

	spec.hosts[*]

Forbidden: a host with an endpoint at the gateway of another member which serves it,
and whose servers with AUTO_PASSTHROUGH all have other hosts.

Allowed: whatever a server's port and the namespace part of its hosts are; FED402 and
FED405 speak of these. Not looked at, beside what FED901 leaves out: members without
any such server, whose gateways come from somewhere else, from the Gateway API for one.
*/
func gatewayNotExposing() Rule {
	return Rule{
		Rule: policies.Rule{
			ID:      "FED902",
			Name:    "gateway-not-exposing",
			Summary: "a host that one member asks another for is one that the gateways of the other one expose",
			Action:  policies.Deny,
			Applies: []mesh.Kind{mesh.ServiceEntry},
			Reads:   []mesh.Kind{mesh.ServiceEntry, mesh.DestinationRule, mesh.Gateway},
			Doc: policies.Doc{
				Why: "An `AUTO_PASSTHROUGH` server makes filter chains for those services of its mesh that its hosts stand for. " +
					"For any other one the gateway has none and resets the connection.",
				Bad:  gatewayExample("*.baz.global"),
				Good: gatewayExample("*.bar.global"),
				Fix:  "Add the host, or a wildcard above it, to the AUTO_PASSTHROUGH server of the member that serves it.",
			},
		},
		Check: checkGatewayNotExposing,
	}
}

func gatewayExample(exposed string) string {
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
  ports: [{number: 8000, name: http, protocol: HTTP}]
  workloadSelector: {labels: {app: httpbin}}
---
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {name: cross-network, namespace: istio-system}
spec:
  selector: {istio: eastwestgateway}
  servers:
  - port: {number: 15443, name: tls, protocol: TLS}
    tls: {mode: AUTO_PASSTHROUGH}
    hosts: ["` + exposed + `"]
`
}

func checkGatewayNotExposing(fleet *Fleet) []Finding {
	var findings []Finding
	for _, request := range fleet.requests() {
		if !request.served() || slices.ContainsFunc(request.to, func(to *cluster) bool { return to.exposes(request.host.name) }) {
			continue
		}
		findings = append(findings, Finding{
			Cluster: request.from.number,
			Object:  request.object,
			Finding: policies.Finding{
				Field:   request.hostField(),
				Value:   request.host.name,
				Message: fmt.Sprintf("no AUTO_PASSTHROUGH server of %s covers %s", request.members(), policies.Quote(request.host.name)),
				Fix:     "add it to the hosts of its east-west gateway",
			},
		})
	}
	return findings
}

// exposes reports whether an AUTO_PASSTHROUGH server of the cluster has a host that
// stands for this one, or there is no such server at all.
func (c *cluster) exposes(host string) bool {
	some := false
	for _, object := range c.Objects {
		for _, server := range object.Gateway.GetServers() {
			if server.GetTls().GetMode() != networking.ServerTLSSettings_AUTO_PASSTHROUGH {
				continue
			}
			some = true
			if slices.ContainsFunc(server.GetHosts(), func(pattern string) bool { return standsFor(pattern, host) }) {
				return true
			}
		}
	}
	return !some
}

// standsFor reports whether a host of a Gateway's server stands for a canonical one
// (istio pkg/config/host/name.go, Matches).
func standsFor(pattern, host string) bool {
	_, name := mesh.CutNamespace(pattern)
	name = mesh.CanonicalHost(name)
	if suffix, wildcard := strings.CutPrefix(name, "*"); wildcard {
		return strings.HasSuffix(host, suffix)
	}
	return name == host
}
