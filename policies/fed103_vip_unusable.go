package policies

import (
	"fedmesh.io/fedmesh/policies/mesh"
)

/*
FED103 vip-unusable: a virtual address is one that clients can be captured by.

Restricted fields of a ServiceEntry with a federated host:

	spec.addresses[*]

Forbidden values, judged after IPv4-mapped IPv6 is unmapped:

  - multicast (224.0.0.0/4, ff00::/8)
  - loopback (127.0.0.0/8, ::1)
  - unspecified (0.0.0.0, ::)
  - link-local (169.254.0.0/16, fe80::/10)
  - 255.255.255.255
  - a range wider than one address; /32 and /128 are one

Warned about: IPv4-mapped IPv6 (::ffff:240.0.0.2) that is none of these. DNS
answers it as it is written.

Allowed: every other address. What does not parse is for Istio to refuse.
*/
func vipUnusable() Rule {
	return Rule{
		ID:      "FED103",
		Name:    "vip-unusable",
		Summary: "a virtual address is one that clients can be captured by",
		Action:  Deny,
		Applies: []mesh.Kind{mesh.ServiceEntry},
		Reads:   []mesh.Kind{mesh.ServiceEntry, mesh.Service, mesh.IPAddress, mesh.ServiceCIDR},
		Doc: Doc{
			Why: "Connections to multicast, link-local and broadcast addresses never come to the sidecar, those to loopback " +
				"addresses come to its inbound listener; an unspecified address counts as none, and for a range DNS has no answer.",
			Bad: `apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: httpbin-bar, namespace: foo}
spec:
  hosts: [httpbin.bar.global]
  addresses: [127.255.0.2]
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
			Fix: "Give the host a single address of `vips.cidrs`; the message names a free one.",
		},
		Check: checkVIPUnusable,
	}
}

func checkVIPUnusable(review Review, view *mesh.View) []Finding {
	entry, _ := federatedEntry(review, view)
	var findings []Finding
	for i, text := range entry.GetAddresses() {
		address, ok := mesh.ParseAddress(text)
		if !ok {
			continue
		}
		finding := Finding{Field: spec().Child("addresses").Index(i), Value: address.String()}
		usable, what := mesh.Usable(address.Addr)
		switch {
		case !address.Single():
			finding.Action = Deny
			finding.Message = text + " is a range, for which DNS has no answer"
			finding.Fix = "list single addresses" + suchAs(view, address.Addr)
		case !usable:
			finding.Action = Deny
			finding.Message = text + " is " + what + ", by which no client reaches the host"
			finding.Fix = nextFree(view, address.Addr)
		case address.Mapped:
			finding.Action = Warn
			finding.Message = text + " is IPv4-mapped, and DNS answers it as it is written"
			finding.Fix = "write " + address.Addr.String()
		default:
			continue
		}
		findings = append(findings, finding)
	}
	return findings
}
