package policies

import (
	"net/netip"
	"strings"

	networking "istio.io/api/networking/v1alpha3"

	"fedmesh.io/fedmesh/policies/api/v1alpha1"
	"fedmesh.io/fedmesh/policies/mesh"
)

// autoAllocateLabel keeps Istio from giving a ServiceEntry addresses when its
// value is "false" in any case (istio pilot/pkg/networking/serviceentry/
// ip_autoallocation.go, shouldV2AutoAllocateIPFromPieces).
const autoAllocateLabel = "networking.istio.io/enable-autoallocate-ip"

/*
FED102 vip-missing: a federated host has a virtual address.

Restricted fields of a ServiceEntry with a federated host:

	spec.addresses

Forbidden values:

  - none at all, while vips.autoAllocated is Forbid
  - none at all, while vips.autoAllocated is Allow and Istio allocates none:
    spec.resolution is NONE or omitted, or the label
    networking.istio.io/enable-autoallocate-ip is "false"

Allowed: any address; whether it can be used is for FED103 to FED105 to say.
None at all, where vips.autoAllocated is Allow and Istio allocates.

A wildcard host is FED101's.
*/
func vipMissing() Rule {
	return Rule{
		ID:      "FED102",
		Name:    "vip-missing",
		Summary: "a federated host has a virtual address",
		Action:  Deny,
		Applies: []mesh.Kind{mesh.ServiceEntry},
		Reads:   []mesh.Kind{mesh.ServiceEntry, mesh.Service, mesh.IPAddress, mesh.ServiceCIDR},
		Doc: Doc{
			Why: "Without an address DNS does not answer for the host, and a TCP port listens on 0.0.0.0 and takes the " +
				"connections of every other destination on that port. Addresses that Istio allocates by itself need DNS " +
				"capture in every client, differ between clusters and can move.",
			Bad: `apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: httpbin-bar, namespace: foo}
spec:
  hosts: [httpbin.bar.global]
  location: MESH_INTERNAL
  resolution: DNS
  ports: [{number: 8000, name: http, protocol: HTTP}]
  endpoints: [{address: gateway.bar.com, ports: {http: 15443}}]
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
`,
			Fix: "Add an address to `addresses`; the message names a free one.",
		},
		Check: checkVIPMissing,
	}
}

func checkVIPMissing(review Review, view *mesh.View) []Finding {
	entry, _ := federatedEntry(review, view)
	if entry == nil || len(entry.GetAddresses()) > 0 {
		return nil
	}
	var message string
	switch {
	case view.Federation().Spec.VIPs.AutoAllocated != v1alpha1.AutoAllocatedAllow:
		message = "none declared: no DNS answer, or an automatic address that can move"
	case entry.GetResolution() == networking.ServiceEntry_NONE:
		message = "none, and with resolution NONE Istio allocates none"
	case strings.EqualFold(review.Object.Labels[autoAllocateLabel], "false"):
		message = "none, and label " + autoAllocateLabel + " keeps Istio from allocating"
	default:
		return nil
	}
	return []Finding{{
		Field:   spec().Child("addresses"),
		Message: message,
		Fix:     "add one" + suchAs(view, netip.IPv4Unspecified()),
	}}
}
