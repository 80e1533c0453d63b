package policies

import (
	networking "istio.io/api/networking/v1alpha3"

	"fedmesh.io/fedmesh/policies/mesh"
)

/*
FED401 passthrough-exposure: a gateway lets members in to named hosts only.

Restricted fields of a Gateway of networking.istio.io, in servers whose tls.mode
is AUTO_PASSTHROUGH:

	spec.servers[*].hosts[*]

Forbidden values: the host *, alone or behind a namespace, which may be a name, "."
or "*". The namespace restricts nothing in this mode.

Allowed: any narrower host, such as *.global, *.local, *.svc.clusterset.local or
one name: how much a cluster exposes is its operator's choice. Servers of other
modes may list any host.
*/
func passthroughExposure() Rule {
	return Rule{
		ID:      "FED401",
		Name:    "passthrough-exposure",
		Summary: "an AUTO_PASSTHROUGH server does not list the host *",
		Action:  Deny,
		Applies: []mesh.Kind{mesh.Gateway},
		Doc: Doc{
			Why: "An `AUTO_PASSTHROUGH` server routes by SNI alone, without authorization at the gateway, to every mesh-internal " +
				"service that its hosts cover. With `*` these are all of them, whatever namespace stands in front: every member " +
				"can reach the API server and istiod's plaintext ports too.",
			Bad: `apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {name: cross-network-gateway, namespace: istio-system}
spec:
  selector: {istio: eastwestgateway}
  servers:
  - port: {number: 15443, name: tls, protocol: TLS}
    tls: {mode: AUTO_PASSTHROUGH}
    hosts: ["*"]
`,
			Good: `apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {name: cross-network-gateway, namespace: istio-system}
spec:
  selector: {istio: eastwestgateway}
  servers:
  - port: {number: 15443, name: tls, protocol: TLS}
    tls: {mode: AUTO_PASSTHROUGH}
    hosts: ["*.global"]
`,
			Fix: "List the hosts that members may reach, such as `*.global`.",
		},
		Check: checkPassthroughExposure,
	}
}

func checkPassthroughExposure(review Review, view *mesh.View) []Finding {
	var findings []Finding
	for i, server := range review.Object.Gateway.GetServers() {
		if server.GetTls().GetMode() != networking.ServerTLSSettings_AUTO_PASSTHROUGH {
			continue
		}
		for j, host := range server.GetHosts() {
			if _, name := mesh.CutNamespace(host); name != "*" {
				continue
			}
			findings = append(findings, Finding{
				Field:   spec().Child("servers").Index(i).Child("hosts").Index(j),
				Value:   host,
				Message: "host " + Quote(host) + " opens every mesh-internal service to all members",
				Fix:     "list federated hosts, such as *." + view.Federation().Spec.Hosts.Suffixes[0],
			})
		}
	}
	return findings
}
