package policies

import (
	networking "istio.io/api/networking/v1alpha3"

	"fedmesh.io/fedmesh/policies/mesh"
)

/*
FED109 endpoints-missing: a federated host has somewhere to go.

Restricted fields of a ServiceEntry with a federated host and resolution STATIC,
DNS or DNS_ROUND_ROBIN:

	spec.endpoints
	spec.workloadSelector

Forbidden values: neither of the two.

Allowed: at least one endpoint, or a workloadSelector. Other resolutions are
FED108's.
*/
func endpointsMissing() Rule {
	return Rule{
		ID:      "FED109",
		Name:    "endpoints-missing",
		Summary: "a federated host has somewhere to go",
		Action:  Deny,
		Applies: []mesh.Kind{mesh.ServiceEntry},
		Doc: Doc{
			Why: "With DNS and without endpoints, Envoy asks DNS for the federated name itself, which only the mesh knows; " +
				"with STATIC the cluster is empty. Both answer 503.",
			Bad: `apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: httpbin-bar, namespace: foo}
spec:
  hosts: [httpbin.bar.global]
  addresses: [240.0.0.2]
  location: MESH_INTERNAL
  resolution: DNS
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
			Fix: "List the other member's gateway under `endpoints`; where the workloads run here, select them with `workloadSelector`.",
		},
		Check: checkEndpointsMissing,
	}
}

func checkEndpointsMissing(review Review, view *mesh.View) []Finding {
	entry, _ := federatedEntry(review, view)
	if entry == nil || len(entry.GetEndpoints()) > 0 || entry.GetWorkloadSelector() != nil {
		return nil
	}
	var message string
	switch entry.GetResolution() {
	case networking.ServiceEntry_STATIC:
		message = "none, nor a workloadSelector: the cluster is empty"
	case networking.ServiceEntry_DNS, networking.ServiceEntry_DNS_ROUND_ROBIN:
		message = "none, nor a workloadSelector: Envoy asks DNS for the federated name"
	default:
		return nil
	}
	return []Finding{{
		Field:   spec().Child("endpoints"),
		Message: message,
		Fix:     "list the member's gateway, or select local workloads",
	}}
}
