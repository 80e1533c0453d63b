package schema

import (
	"fedmesh.io/fedmesh/policies"
	"fedmesh.io/fedmesh/policies/mesh"
)

// Rule is what users are told about unknown fields. It has no Check: admission sees
// only what the API server has left of an object.
func Rule() policies.Rule {
	return policies.Rule{
		ID:      "FED001",
		Name:    "unknown-field",
		Summary: "an object has only fields that its schema has (command line only)",
		Action:  policies.Warn,
		Applies: []mesh.Kind{
			mesh.ServiceEntry, mesh.DestinationRule, mesh.Sidecar, mesh.Gateway, mesh.WorkloadEntry, mesh.VirtualService, mesh.EnvoyFilter,
			mesh.PeerAuthentication, mesh.AuthorizationPolicy, mesh.Certificate, mesh.CertificateRequest,
		},
		Doc: policies.Doc{
			Why: "The API server drops a field that the schema of the kind does not have. `kubectl apply` refuses such an object, but " +
				"other clients are at most warned, and the rest of the object is stored: a ServiceEntry with `address` has no " +
				"addresses. Names are those of the CRD: of `export_to` and `exportTo` only the latter. The program knows the fields of " +
				"the Istio and cert-manager that it was built with; a field that is newer is unknown to it.",
			Bad: `apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: httpbin-bar, namespace: foo}
spec:
  hosts: [httpbin.bar.global]
  address: [240.0.0.2]
  location: MESH_INTERNAL
  resolution: DNS
  ports: [{number: 8000, name: http, protocol: HTTP}]
  endpoints: [{address: 34.122.11.2, ports: {http: 15443}}]
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
  endpoints: [{address: 34.122.11.2, ports: {http: 15443}}]
`,
			Fix: "Write the name that the schema has, in the place where it has it, or take the field out.",
		},
	}
}

// Findings are the unknown fields of an object as findings of the rule, each with the
// action that it leads to by itself.
func (c *Checker) Findings(object *mesh.Object, apiVersion string, text []byte) []policies.Finding {
	var findings []policies.Finding
	for _, unknown := range c.Check(object.Kind, apiVersion, text) {
		findings = append(findings, policies.Finding{
			Rule: "FED001", Action: policies.Warn, Ref: object.Ref, Field: unknown.Path,
			Message: "there is no such field, and the API server drops it", Fix: unknown.Fix,
		})
	}
	return findings
}
