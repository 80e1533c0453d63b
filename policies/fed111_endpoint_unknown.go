package policies

import (
	"net/netip"
	"slices"
	"strings"

	networking "istio.io/api/networking/v1alpha3"
	"k8s.io/apimachinery/pkg/util/validation"

	"fedmesh.io/fedmesh/policies/mesh"
)

/*
FED111 endpoint-unknown: an endpoint is something that is known.

Restricted fields of a ServiceEntry with a federated host:

	spec.endpoints[*].address

Warned about:

  - the address of a gateway of the local member and of no other, dialled on a port
    of its gateways: a loop
  - an address that is no member's gateway, no Service (its name or ClusterIP), no
    WorkloadEntry of this cluster, no other IPAddress object, and in no range of
    vips.reserved, where pods and nodes have theirs

The latter only where it can be told: each other member has declared gateways, none
shares the network of the local member, and the cluster's Services are known. Pods
are not looked at, so that an address that one can have passes: while vips.reserved
have no range of its family, IPv6, private and shared address space (RFC 1918, RFC
6598).

Allowed: endpoints whose author says that a workload is there, by marking them for
mutual TLS, or in which network they are, the local member's or that of others;
loopback and link-local addresses, names without a dot, and what is no DNS name, as a
Unix domain socket and a template's placeholder are; names of a cluster set
(svc.clusterset.local); entries outside the mesh, of which
FED107 speaks.
*/
func endpointUnknown() Rule {
	return Rule{
		ID:      "FED111",
		Name:    "endpoint-unknown",
		Summary: "an endpoint is another member's gateway or something in this cluster",
		Action:  Warn,
		Applies: []mesh.Kind{mesh.ServiceEntry},
		Reads:   []mesh.Kind{mesh.ServiceEntry, mesh.Service, mesh.IPAddress, mesh.WorkloadEntry},
		Doc: Doc{
			Why: "Nothing answers at an address that a gateway does not have any more, and requests to the cluster's own gateway come " +
				"back to where they started. Istio sends them there all the same.",
			Bad: `apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: httpbin-bar, namespace: foo}
spec:
  hosts: [httpbin.bar.global]
  addresses: [240.0.0.2]
  location: MESH_INTERNAL
  resolution: STATIC
  ports: [{number: 8000, name: http, protocol: HTTP}]
  endpoints: [{address: 34.122.11.99, ports: {http: 15443}}]
  subjectAltNames: [spiffe://bar.com/ns/bar/sa/httpbin]
---
apiVersion: v1
kind: Service
metadata: {name: kubernetes, namespace: default}
spec: {clusterIPs: [10.96.0.1]}
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
apiVersion: v1
kind: Service
metadata: {name: kubernetes, namespace: default}
spec: {clusterIPs: [10.96.0.1]}
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
			Fix: "Use the address of the other member's gateway; if it is one, declare it in the Federation.",
		},
		Check: checkEndpointUnknown,
	}
}

func checkEndpointUnknown(review Review, view *mesh.View) []Finding {
	entry, _ := federatedEntry(review, view)
	if entry.GetLocation() == networking.ServiceEntry_MESH_EXTERNAL {
		return nil
	}
	federation := view.Federation()
	told := gatewaysDeclared(federation)
	var findings []Finding
	for i, endpoint := range entry.GetEndpoints() {
		address := endpoint.GetAddress()
		finding := Finding{Field: spec().Child("endpoints").Index(i).Child("address"), Value: address}
		members := federation.MembersAt(address)
		switch {
		case len(members) == 1 && members[0].Name == federation.Local.Name && dialsGateway(entry, endpoint, federation):
			finding.Message = Quote(address) + " is the gateway of this cluster, requests come back to it"
			finding.Fix = "use that of the other member"
		case len(members) > 0 || !told || said(endpoint, federation) || !view.HasServices() || !strange(address, view):
			continue
		case serviceOf(address, federation) != "":
			finding.Message = "there is no Service " + Quote(serviceOf(address, federation)) + " (it may come in the same apply)"
			finding.Fix = "correct it, or create the Service"
		default:
			finding.Message = Quote(address) + " is no gateway of a member and nothing in this cluster"
			finding.Fix = "correct it, or list it in gateways of its member"
		}
		findings = append(findings, finding)
	}
	return findings
}

// gatewaysDeclared reports whether an address at which no member has a gateway is
// where nobody is: there are other members, each has said which gateways it has, and
// what is in their clusters cannot be reached without one.
func gatewaysDeclared(federation *mesh.Federation) bool {
	others := otherMembers(federation)
	for _, member := range others {
		if len(member.Gateways) == 0 || member.Network == federation.Local.Network {
			return false
		}
	}
	return len(others) > 0
}

// dialsGateway reports whether endpoint, at the address of a gateway, is dialled on
// a port of it. Others can belong to something else; of these FED110 speaks.
func dialsGateway(entry *networking.ServiceEntry, endpoint *networking.WorkloadEntry, federation *mesh.Federation) bool {
	known := federation.GatewayPorts(endpoint.GetAddress())
	return slices.ContainsFunc(entry.GetPorts(), func(port *networking.ServicePort) bool {
		dialled, _ := dialledPort(endpoint, port)
		return slices.Contains(known, dialled)
	})
}

// said reports whether the author of an endpoint says what it is: a workload, or
// something in the network of a member.
func said(endpoint *networking.WorkloadEntry, federation *mesh.Federation) bool {
	network := endpoint.GetNetwork()
	return mesh.EndpointMutualTLS(endpoint) ||
		network != "" && (network == federation.Local.Network || len(federation.OthersOfNetwork(network)) > 0)
}

// sharedSpace is what providers have behind their own translation of addresses (RFC
// 6598), and some clusters for their pods.
var sharedSpace = netip.MustParsePrefix("100.64.0.0/10")

// strange reports whether nothing is known to have an address, which is no member's
// gateway, and whether that means anything.
func strange(address string, view *mesh.View) bool {
	addr, err := netip.ParseAddr(address)
	if err != nil {
		return strangeName(address, view)
	}
	addr = addr.Unmap()
	federation := view.Federation()
	if _, reserved := federation.Reserved(addr); reserved || addr.IsLoopback() || addr.IsLinkLocalUnicast() || addr.IsUnspecified() {
		return false
	}
	if !federation.ReservedOf(addr) && (addr.Is6() || addr.IsPrivate() || sharedSpace.Contains(addr)) {
		return false
	}
	held := slices.ContainsFunc(view.HoldersOf(addr), func(h *mesh.Holder) bool { return h.Ref.Kind != mesh.ServiceEntry })
	return !held && !view.HasWorkloadAt(address)
}

// strangeName is strange for a name. Proxies resolve names as pods do: those of
// Services also without the domain of the cluster.
func strangeName(name string, view *mesh.View) bool {
	host := mesh.CanonicalHost(name)
	if !strings.Contains(host, ".") || len(validation.IsDNS1123Subdomain(host)) > 0 || strings.HasSuffix(host, ".svc.clusterset.local") {
		return false
	}
	labels := strings.Split(withoutService(host, view.Federation()), ".")
	// A pod behind a headless Service has its own name in front of the Service's.
	last := len(labels) - 1
	return (last < 1 || !view.HasService(labels[last], labels[last-1])) && !view.HasWorkloadAt(name)
}

// withoutService is the name of a Service without what all of them end in.
func withoutService(host string, federation *mesh.Federation) string {
	return strings.TrimSuffix(strings.TrimSuffix(host, "."+federation.Spec.ClusterDomain), ".svc")
}

// serviceOf is the Service, as namespace/name, that a name can only be of; "" when it
// can be that of something else.
func serviceOf(name string, federation *mesh.Federation) string {
	host := mesh.CanonicalHost(name)
	short := withoutService(host, federation)
	labels := strings.Split(short, ".")
	if last := len(labels) - 1; last > 0 && strings.HasPrefix(host[len(short):], ".svc") {
		return labels[last] + "/" + labels[last-1]
	}
	return ""
}
