package policies

import (
	"fmt"
	"slices"
	"strings"

	networking "istio.io/api/networking/v1alpha3"

	"fedmesh.io/fedmesh/policies/api/v1alpha1"
	"fedmesh.io/fedmesh/policies/mesh"
)

/*
FED402 passthrough-mode: the east-west port passes mutual TLS through.

Restricted fields of a Gateway of networking.istio.io, in servers whose port is one
that the local member's gateways list (15443 where they list none) and that have a
federated host, wildcards under a suffix included:

	spec.servers[*].port.protocol
	spec.servers[*].tls.mode

Forbidden values:

  - protocols without TLS: HTTP, HTTP2, GRPC, TCP and others
  - modes other than AUTO_PASSTHROUGH; an omitted one is PASSTHROUGH

Allowed: protocol TLS or HTTPS with AUTO_PASSTHROUGH, between which Istio makes no
difference in this mode (istio pkg/config/gateway/gateway.go, IsHTTPServer and
IsTLSServer); any server on another port; hosts that are not federated, the host *
among them.

There is one finding a server. It is about the protocol where that has no TLS: the
mode can be nothing else there.
*/
func passthroughMode() Rule {
	return Rule{
		ID:      "FED402",
		Name:    "passthrough-mode",
		Summary: "a server for federated hosts on the east-west port has TLS mode AUTO_PASSTHROUGH",
		Action:  Deny,
		Applies: []mesh.Kind{mesh.Gateway},
		Doc: Doc{
			Why: "Other members send mutual TLS to this port that is meant for the workload, with an SNI such as " +
				"`outbound_.8000_._.httpbin.bar.global`. Only `AUTO_PASSTHROUGH` knows these names and leads each connection to its " +
				"service. `PASSTHROUGH` needs a route for every one of them, and the other modes end the connection at the gateway, " +
				"which is not the peer that clients expect.",
			Bad: `apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {name: cross-network-gateway, namespace: istio-system}
spec:
  selector: {istio: eastwestgateway}
  servers:
  - port: {number: 15443, name: tls, protocol: TLS}
    tls: {mode: PASSTHROUGH}
    hosts: ["*.global"]
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
			Fix: "Set protocol `TLS` and `tls.mode: AUTO_PASSTHROUGH`.",
		},
		Check: checkPassthroughMode,
	}
}

func checkPassthroughMode(review Review, view *mesh.View) []Finding {
	var findings []Finding
	for i, server := range review.Object.Gateway.GetServers() {
		port := server.GetPort().GetNumber()
		host, federated := federatedServerHost(server, view.Federation())
		if !federated || !eastWestPort(port, view.Federation()) {
			continue
		}
		finding, found := passthroughFinding(review.Object, server, i)
		if !found {
			continue
		}
		finding.Message = fmt.Sprintf("%s on port %d %s", Quote(host), port, finding.Message)
		if port != defaultPassthroughPort && mesh.CanonicalHost(host) != "*."+view.Federation().Suffix(host) {
			// A suffix can be a domain of the public, and 443 the port of all.
			finding.Fix += ", or name a public host in hosts.external"
		}
		// Not the hosts: one more of them is the same mistake.
		finding.Value = fmt.Sprintf("%d, %s", port, finding.Value)
		findings = append(findings, finding)
	}
	return findings
}

// federatedServerHost returns the first federated host of server, as Istio
// compares it: without a namespace.
func federatedServerHost(server *networking.Server, federation *mesh.Federation) (string, bool) {
	for _, host := range server.GetHosts() {
		if _, name := mesh.CutNamespace(host); federation.Federated(name) {
			return name, true
		}
	}
	return "", false
}

// defaultPassthroughPort is the port of Istio's east-west gateways.
const defaultPassthroughPort = 15443

// eastWestPort reports whether other members dial this port of the local member.
func eastWestPort(port uint32, federation *mesh.Federation) bool {
	gateways := federation.Local.Gateways
	if len(gateways) == 0 {
		return port == defaultPassthroughPort
	}
	return slices.ContainsFunc(gateways, func(gateway v1alpha1.Gateway) bool { return int64(gateway.Port) == int64(port) })
}

// passthroughFinding returns what is wrong with a server, for a message that
// begins with its host and port. Servers without a protocol, and those that lack
// TLS settings for a protocol with TLS, Istio refuses.
func passthroughFinding(gateway *mesh.Object, server *networking.Server, i int) (Finding, bool) {
	path := spec().Child("servers").Index(i)
	protocol, mode := server.GetPort().GetProtocol(), server.GetTls().GetMode()
	switch {
	case protocol == "":
		return Finding{}, false
	case !hasTLS(protocol):
		return Finding{
			Field:   path.Child("port", "protocol"),
			Value:   protocol,
			Message: "has protocol " + Quote(protocol) + ", members send mutual TLS there",
			Fix:     "set TLS and mode: AUTO_PASSTHROUGH",
		}, true
	case server.GetTls() != nil && mode != networking.ServerTLSSettings_AUTO_PASSTHROUGH:
		found := "TLS mode " + mode.String()
		if !gateway.Writes(fmt.Sprintf("servers[%d].tls.mode", i)) {
			found = "no TLS mode, which means " + mode.String()
		}
		return Finding{
			Field:   path.Child("tls", "mode"),
			Value:   mode.String(),
			Message: "has " + found + ", members' mutual TLS needs another",
			Fix:     "set AUTO_PASSTHROUGH",
		}, true
	}
	return Finding{}, false
}

// hasTLS reports whether a server of this protocol has TLS settings (istio
// pkg/config/protocol/instance.go, Parse and IsTLS).
func hasTLS(protocol string) bool {
	return strings.EqualFold(protocol, "TLS") || strings.EqualFold(protocol, "HTTPS")
}
