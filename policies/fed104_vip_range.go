package policies

import (
	"net/netip"

	networking "istio.io/api/networking/v1alpha3"

	"fedmesh.io/fedmesh/policies/mesh"
)

/*
FED104 vip-range: a virtual address lies where nobody else's addresses do.

Restricted fields of a ServiceEntry with a federated host:

	spec.addresses[*]

Forbidden values:

  - an address in a range of Services (a ServiceCIDR object)
  - an address in a range of vips.reserved
  - an address outside vips.cidrs, where these have a range of its family

Warned about: an address in vips.autoRanges, from which Istio allocates by
itself. One that belongs to another host there is FED105's.

Allowed: every other address. Addresses are compared with IPv4-mapped IPv6
unmapped and /32 and /128 stripped; wider ranges are FED103's.
*/
func vipRange() Rule {
	return Rule{
		ID:      "FED104",
		Name:    "vip-range",
		Summary: "a virtual address lies where nobody else's addresses do",
		Action:  Deny,
		Applies: []mesh.Kind{mesh.ServiceEntry},
		Reads:   []mesh.Kind{mesh.ServiceEntry, mesh.Service, mesh.IPAddress, mesh.ServiceCIDR},
		Doc: Doc{
			Why: "Sidecars capture the address and port wherever they lie: an address of Services, pods or nodes is taken " +
				"away from its owner. One in the range of Istio's allocator makes the automatic address of another host move.",
			Bad: `apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: httpbin-bar, namespace: foo}
spec:
  hosts: [httpbin.bar.global]
  addresses: [10.96.0.80]
  location: MESH_INTERNAL
  resolution: DNS
  ports: [{number: 8000, name: http, protocol: HTTP}]
  endpoints: [{address: gateway.bar.com, ports: {http: 15443}}]
---
apiVersion: networking.k8s.io/v1
kind: ServiceCIDR
metadata: {name: kubernetes}
spec:
  cidrs: [10.96.0.0/12]
`,
			Good: `apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: httpbin-bar, namespace: foo}
spec:
  hosts: [httpbin.bar.global]
  addresses: [240.0.0.2]
  location: MESH_INTERNAL
  resolution: DNS
  ports: [{number: 8000, name: http, protocol: HTTP}]
  endpoints: [{address: gateway.bar.com, ports: {http: 15443}}]
---
apiVersion: networking.k8s.io/v1
kind: ServiceCIDR
metadata: {name: kubernetes}
spec:
  cidrs: [10.96.0.0/12]
`,
			Fix: "Give the host an address of `vips.cidrs`; the message names a free one.",
		},
		Check: checkVIPRange,
	}
}

func checkVIPRange(review Review, view *mesh.View) []Finding {
	entry, _ := federatedEntry(review, view)
	var findings []Finding
	for i, text := range entry.GetAddresses() {
		address, ok := mesh.ParseAddress(text)
		if !ok || !address.Single() {
			continue
		}
		action, where := misplaced(address.Addr, entry, view)
		if where == "" {
			continue
		}
		findings = append(findings, Finding{
			Action:  action,
			Field:   spec().Child("addresses").Index(i),
			Value:   address.Addr.String(),
			Message: address.Addr.String() + " " + where,
			Fix:     nextFree(view, address.Addr),
		})
	}
	return findings
}

// misplaced says where addr lies and should not; "" where it may lie.
func misplaced(addr netip.Addr, entry *networking.ServiceEntry, view *mesh.View) (Action, string) {
	federation := view.Federation()
	if taken, ok := view.ServiceRange(addr); ok {
		return Deny, "lies in " + taken.String() + ", a range of Services"
	}
	if taken, ok := federation.Reserved(addr); ok {
		return Deny, "lies in " + taken.String() + " of vips.reserved"
	}
	if !federation.InRanges(addr) {
		return Deny, "lies outside vips.cidrs (" + AndMore(prefixTexts(federation.Ranges(addr))) + ")"
	}
	if auto, ok := federation.AutoRange(addr); ok {
		if _, conflict := foreignHolder(view.HoldersOf(addr), canonicalHosts(entry)); !conflict {
			return Warn, "lies in " + auto.String() + ", from which Istio allocates by itself"
		}
	}
	return "", ""
}

func prefixTexts(prefixes []netip.Prefix) []string {
	texts := make([]string, 0, len(prefixes))
	for _, prefix := range prefixes {
		texts = append(texts, prefix.String())
	}
	return texts
}
