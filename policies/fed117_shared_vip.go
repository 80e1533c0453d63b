package policies

import (
	"slices"
	"strings"

	networking "istio.io/api/networking/v1alpha3"

	"fedmesh.io/fedmesh/policies/mesh"
)

/*
FED117 shared-vip: hosts that only the address tells apart do not share one.

Restricted fields of a ServiceEntry with several federated hosts:

	spec.hosts
	spec.addresses
	spec.ports[*].protocol

Warned about: an address, and a port of protocol TLS or HTTPS. Istio makes one
listener of the address and the port and matches no SNI there (istio
pilot/pkg/networking/core/tls.go, buildSidecarOutboundTLSFilterChainOpts).

Allowed: no address, which gives each host one of its own; HTTP, which has the
host in every request; resolution NONE, where Envoy asks for no host and FED108
speaks. Several hosts with a port of TCP Istio refuses by itself.
*/
func sharedVIP() Rule {
	return Rule{
		ID:      "FED117",
		Name:    "shared-vip",
		Summary: "hosts that only the address tells apart do not share one",
		Action:  Warn,
		Applies: []mesh.Kind{mesh.ServiceEntry},
		Doc: Doc{
			Why: "Each host of an entry has all of its addresses. For TLS and HTTPS a sidecar has one listener for an address and " +
				"port, and the filter chain in it matches no SNI: the connections to every host go to the first one.",
			Bad: `apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: httpbin-bar, namespace: foo}
spec:
  hosts: [httpbin.bar.global, sleep.bar.global]
  addresses: [240.0.0.2]
  location: MESH_INTERNAL
  resolution: STATIC
  ports: [{number: 8443, name: tls, protocol: TLS}]
  workloadSelector: {labels: {app: httpbin}}
`,
			Good: `apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: httpbin-bar, namespace: foo}
spec:
  hosts: [httpbin.bar.global]
  addresses: [240.0.0.2]
  location: MESH_INTERNAL
  resolution: STATIC
  ports: [{number: 8443, name: tls, protocol: TLS}]
  workloadSelector: {labels: {app: httpbin}}
---
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: sleep-bar, namespace: foo}
spec:
  hosts: [sleep.bar.global]
  addresses: [240.0.0.3]
  location: MESH_INTERNAL
  resolution: STATIC
  ports: [{number: 8443, name: tls, protocol: TLS}]
  workloadSelector: {labels: {app: sleep}}
`,
			Fix: "Write an entry for each host, with an address of its own.",
		},
		Check: checkSharedVIP,
	}
}

func checkSharedVIP(review Review, view *mesh.View) []Finding {
	entry, indices := federatedEntry(review, view)
	if entry.GetResolution() == networking.ServiceEntry_NONE {
		return nil
	}
	var hosts []string
	for _, i := range indices {
		if host := mesh.CanonicalHost(entry.GetHosts()[i]); !slices.Contains(hosts, host) {
			hosts = append(hosts, host)
		}
	}
	address := sharedAddress(entry)
	port := slices.IndexFunc(entry.GetPorts(), isTLS)
	if len(hosts) < 2 || address == "" || port < 0 {
		return nil
	}
	return []Finding{{
		Field:   spec().Child("hosts"),
		Value:   strings.Join(hosts, ","),
		Message: AndMore(hosts) + " share " + address + ", where connections of protocol " + entry.GetPorts()[port].GetProtocol() + " all go to the first",
		Fix:     "write an entry for each host",
	}}
}

// sharedAddress returns the first single address of entry, and "" when there is
// none. A range has no listener of its own, and one for 0.0.0.0 matches by SNI.
func sharedAddress(entry *networking.ServiceEntry) string {
	for _, text := range entry.GetAddresses() {
		if address, ok := mesh.ParseAddress(text); ok && address.Single() && !address.Addr.IsUnspecified() {
			return address.Addr.String()
		}
	}
	return ""
}

// isTLS reports whether the connections to a port begin with a TLS handshake
// (istio pkg/config/protocol/instance.go, Parse and IsTLS).
func isTLS(port *networking.ServicePort) bool {
	return strings.EqualFold(port.GetProtocol(), "TLS") || strings.EqualFold(port.GetProtocol(), "HTTPS")
}
