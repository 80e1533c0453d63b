package policies

import (
	"net/netip"
	"strings"

	"fedmesh.io/fedmesh/policies/mesh"
)

/*
FED105 vip-conflict: a virtual address belongs to one host.

Restricted fields of a ServiceEntry with a federated host:

	spec.addresses[*]

Forbidden values: an address that a host holds which this entry does not define:

  - an address in spec.addresses or status.addresses of another entry, federated
    or not
  - a cluster IP of a Service
  - the address of an IPAddress object that stands for something else

Addresses are compared as Istio's listeners tell them apart: IPv4-mapped IPv6
unmapped, /32 and /128 stripped. Ranges wider than one address are FED103's.

Allowed: an entry for the same hosts (FED106 speaks of those), another host of
the same entry (FED117). Disjoint exportTo is no excuse: an address is reserved
for the cluster.

An ordinary entry is never reported, only the federated one. At admission this
looks at what the index knows.
*/
func vipConflict() Rule {
	return Rule{
		ID:      "FED105",
		Name:    "vip-conflict",
		Summary: "a virtual address belongs to one host",
		Action:  Deny,
		Applies: []mesh.Kind{mesh.ServiceEntry},
		Reads:   []mesh.Kind{mesh.ServiceEntry, mesh.Service, mesh.IPAddress, mesh.ServiceCIDR},
		Doc: Doc{
			Why: "A sidecar has one listener for an address and port. For TCP, TLS and protocols that Istio detects, " +
				"every connection goes to the older entry, whichever host was asked for; for HTTP, requests by address do.",
			Bad: `apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: reviews-bar, namespace: foo}
spec:
  hosts: [reviews.bar.global]
  addresses: [240.0.0.2]
  location: MESH_INTERNAL
  resolution: DNS
  ports: [{number: 8000, name: http, protocol: HTTP}]
  endpoints: [{address: gateway.bar.com, ports: {http: 15443}}]
---
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: httpbin-bar, namespace: foo}
spec:
  hosts: [httpbin.bar.global]
  addresses: [240.0.0.2]
`,
			Good: `apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: reviews-bar, namespace: foo}
spec:
  hosts: [reviews.bar.global]
  addresses: [240.0.0.3]
  location: MESH_INTERNAL
  resolution: DNS
  ports: [{number: 8000, name: http, protocol: HTTP}]
  endpoints: [{address: gateway.bar.com, ports: {http: 15443}}]
---
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: httpbin-bar, namespace: foo}
spec:
  hosts: [httpbin.bar.global]
  addresses: [240.0.0.2]
`,
			Fix: "Give the host an address of its own; the message names a free one.",
		},
		Check: checkVIPConflict,
	}
}

func checkVIPConflict(review Review, view *mesh.View) []Finding {
	entry, _ := federatedEntry(review, view)
	var findings []Finding
	for i, text := range entry.GetAddresses() {
		address, ok := mesh.ParseAddress(text)
		if !ok || !address.Single() {
			continue
		}
		for _, holder := range view.HoldersOf(address.Addr) {
			if len(holder.Hosts) > 0 && definesAll(entry, holder.Hosts) {
				continue
			}
			findings = append(findings, Finding{
				Field:   spec().Child("addresses").Index(i),
				Value:   address.Addr.String(),
				Message: address.Addr.String() + " already belongs to " + describeHolder(holder),
				Fix:     nextFree(view, address.Addr),
				Related: []mesh.Ref{holder.Ref},
			})
			break // the oldest holder is enough: it is the one that Istio serves
		}
	}
	return findings
}

// describeHolder names the hosts of an address and the object that holds it.
func describeHolder(holder *mesh.Holder) string {
	if len(holder.Hosts) == 0 {
		return holder.Ref.String()
	}
	return strings.Join(holder.Hosts, ", ") + " (" + holder.Ref.String() + ")"
}

// nextFree is the fix for an address that cannot be had.
func nextFree(view *mesh.View, addr netip.Addr) string {
	if free, ok := view.NextFree(addr); ok {
		return "next free address: " + free.String()
	}
	return "choose another address"
}
