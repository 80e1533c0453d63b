package policies

import (
	networking "istio.io/api/networking/v1alpha3"

	"fedmesh.io/fedmesh/policies/mesh"
)

/*
FED108 resolution: connections to a federated host go to its endpoints.

Restricted fields of a ServiceEntry with a federated host:

	spec.resolution

Forbidden values:

  - NONE, which is also what an omitted resolution means

Allowed values:

  - STATIC
  - DNS
  - DNS_ROUND_ROBIN

DYNAMIC_DNS Istio allows for wildcards only, and those are FED101's.
*/
func resolution() Rule {
	return Rule{
		ID:      "FED108",
		Name:    "resolution",
		Summary: "connections to a federated host go to its endpoints",
		Action:  Deny,
		Applies: []mesh.Kind{mesh.ServiceEntry},
		Doc: Doc{
			Why: "With NONE, connections go on to the virtual address itself, where nobody listens. `resolution` is NONE unless it " +
				"is set.",
			Bad: `apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: httpbin-bar, namespace: foo}
spec:
  hosts: [httpbin.bar.global]
  addresses: [240.0.0.2]
  location: MESH_INTERNAL
  ports: [{number: 8000, name: http, protocol: HTTP}]
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
			Fix: "Set `resolution` to DNS or STATIC and list the other member's gateway under `endpoints`.",
		},
		Check: checkResolution,
	}
}

func checkResolution(review Review, view *mesh.View) []Finding {
	entry, _ := federatedEntry(review, view)
	if entry == nil || entry.GetResolution() != networking.ServiceEntry_NONE {
		return nil
	}
	return []Finding{{
		Field:   spec().Child("resolution"),
		Value:   entry.GetResolution().String(),
		Message: written(review.Object, "resolution", "NONE") + ": connections go to the VIP itself, where nobody listens",
		Fix:     "set DNS, or STATIC for IP endpoints",
	}}
}
