package policies

import (
	networking "istio.io/api/networking/v1alpha3"

	"fedmesh.io/fedmesh/policies/mesh"
)

/*
FED405 passthrough-namespace: a gateway that passes mutual TLS through does not
pretend to choose by namespace.

Restricted fields of a Gateway of networking.istio.io, in servers whose tls.mode
is AUTO_PASSTHROUGH:

	spec.servers[*].hosts[*]

Warned about: a namespace in front of the host, by name or as ".". Istio cuts it
off (istio pilot/pkg/model/gateway.go, GetSNIHostsForServer).

Allowed: hosts without a namespace; the namespace "*"; any namespace in servers of
other modes, where it chooses among VirtualServices. Of the host *, which opens
everything whatever stands in front, FED401 speaks.
*/
func passthroughNamespace() Rule {
	return Rule{
		ID:      "FED405",
		Name:    "passthrough-namespace",
		Summary: "hosts of an AUTO_PASSTHROUGH server have no namespace",
		Action:  Warn,
		Applies: []mesh.Kind{mesh.Gateway},
		Doc: Doc{
			Why: "The namespace in front of a Gateway's host chooses among VirtualServices, and an `AUTO_PASSTHROUGH` server uses " +
				"none. It lets members reach every service that the host itself covers, in whatever namespace.",
			Bad: `apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {name: cross-network-gateway, namespace: istio-system}
spec:
  selector: {istio: eastwestgateway}
  servers:
  - port: {number: 15443, name: tls, protocol: TLS}
    tls: {mode: AUTO_PASSTHROUGH}
    hosts: ["bar/*.global"]
`,
			Good: `apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {name: cross-network-gateway, namespace: istio-system}
spec:
  selector: {istio: eastwestgateway}
  servers:
  - port: {number: 15443, name: tls, protocol: TLS}
    tls: {mode: AUTO_PASSTHROUGH}
    hosts: ["*.bar.global"]
`,
			Fix: "Drop the namespace, or narrow the host itself where fewer services are meant.",
		},
		Check: checkPassthroughNamespace,
	}
}

func checkPassthroughNamespace(review Review, _ *mesh.View) []Finding {
	var findings []Finding
	for i, server := range review.Object.Gateway.GetServers() {
		if server.GetTls().GetMode() != networking.ServerTLSSettings_AUTO_PASSTHROUGH {
			continue
		}
		for j, host := range server.GetHosts() {
			namespace, name := mesh.CutNamespace(host)
			if namespace == "" || namespace == "*" {
				continue
			}
			findings = append(findings, Finding{
				Field:   spec().Child("servers").Index(i).Child("hosts").Index(j),
				Value:   host,
				Message: "namespace " + Quote(namespace) + " restricts nothing, members reach " + Quote(name) + " in all namespaces",
				Fix:     "drop it, or narrow the host",
			})
		}
	}
	return findings
}
