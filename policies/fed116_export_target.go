package policies

import (
	"slices"

	"fedmesh.io/fedmesh/policies/mesh"
)

/*
FED116 export-target: an entry is exported to where it is wanted.

Restricted fields of a ServiceEntry with a federated host:

	spec.exportTo[*]

Warned about:

  - the name of a namespace that does not exist. At admission and in the audit only:
    files seldom hold all namespaces.
  - an exportTo that hides an entry with a workloadSelector from the cluster's
    gateways: neither the root namespace nor any that has a Gateway with an
    AUTO_PASSTHROUGH server sees it, nor another entry for the host. Only where there
    is such a Gateway.

Allowed: "*", "." and "~"; the entry's own namespace by name.
*/
func exportTarget() Rule {
	return Rule{
		ID:      "FED116",
		Name:    "export-target",
		Summary: "exportTo names namespaces that exist, and lets gateways see workloads of this cluster",
		Action:  Warn,
		Applies: []mesh.Kind{mesh.ServiceEntry},
		Reads:   []mesh.Kind{mesh.ServiceEntry, mesh.Gateway, mesh.Namespace},
		Doc: Doc{
			Why: "Istio takes any name in `exportTo`. The host is unknown where it is not exported to; and an `AUTO_PASSTHROUGH` " +
				"gateway, which is a client as well, has no filter chain for a host that its own namespace does not see: it resets " +
				"what other members send.",
			Bad: `apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: httpbin, namespace: foo}
spec:
  hosts: [httpbin.foo.global]
  addresses: [240.0.0.2]
  location: MESH_INTERNAL
  resolution: STATIC
  ports: [{number: 8000, name: http, protocol: HTTP}]
  workloadSelector: {labels: {app: httpbin}}
  subjectAltNames: [spiffe://foo.com/ns/foo/sa/httpbin]
  exportTo: ["."]
---
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {name: cross-network, namespace: istio-system}
spec:
  selector: {istio: eastwestgateway}
  servers:
  - port: {number: 15443, name: tls, protocol: TLS}
    tls: {mode: AUTO_PASSTHROUGH}
    hosts: ["*.global"]
`,
			Good: `apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: httpbin, namespace: foo}
spec:
  hosts: [httpbin.foo.global]
  addresses: [240.0.0.2]
  location: MESH_INTERNAL
  resolution: STATIC
  ports: [{number: 8000, name: http, protocol: HTTP}]
  workloadSelector: {labels: {app: httpbin}}
  subjectAltNames: [spiffe://foo.com/ns/foo/sa/httpbin]
  exportTo: [".", istio-system]
---
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {name: cross-network, namespace: istio-system}
spec:
  selector: {istio: eastwestgateway}
  servers:
  - port: {number: 15443, name: tls, protocol: TLS}
    tls: {mode: AUTO_PASSTHROUGH}
    hosts: ["*.global"]
`,
			Fix: "Correct the namespace, or add that of the gateway.",
		},
		Check: checkExportTarget,
	}
}

func checkExportTarget(review Review, view *mesh.View) []Finding {
	entry, hosts := federatedEntry(review, view)
	if mesh.Public(entry.GetExportTo()) {
		return nil
	}
	var findings []Finding
	if hidden := hiddenFromGateways(review.Object, hosts, view); hidden != nil {
		findings = append(findings, *hidden)
	}
	if review.Whole && !review.Complete || !view.HasNamespaces() {
		return findings
	}
	for i, name := range entry.GetExportTo() {
		if name == "." || name == "~" || name == review.Object.Namespace || view.HasNamespace(name) {
			continue
		}
		findings = append(findings, Finding{
			Field:   spec().Child("exportTo").Index(i),
			Value:   name,
			Message: "there is no namespace " + Quote(name) + " (it may come in the same apply)",
			Fix:     "correct it, or create the namespace",
		})
	}
	return findings
}

// hiddenFromGateways returns a finding when entry has workloads of this cluster stand
// behind one of hosts and is exported to nowhere that a gateway of the cluster can
// be.
func hiddenFromGateways(object *mesh.Object, hosts []int, view *mesh.View) *Finding {
	entry := object.ServiceEntry
	if len(entry.GetWorkloadSelector().GetLabels()) == 0 {
		return nil
	}
	gateways := view.PassthroughNamespaces()
	if len(gateways) == 0 {
		return nil
	}
	candidates := append(gateways, view.Federation().Spec.RootNamespace)
	exports := mesh.Exports(entry.GetExportTo(), object.Namespace)
	if slices.ContainsFunc(candidates, func(namespace string) bool { return slices.Contains(exports, namespace) }) {
		return nil
	}
	for _, i := range hosts {
		host := entry.GetHosts()[i]
		shown := func(e *mesh.Entry) bool { return slices.ContainsFunc(candidates, e.VisibleIn) }
		if slices.ContainsFunc(view.EntriesCovering(host), shown) {
			continue
		}
		finding := &Finding{
			Field:   spec().Child("exportTo"),
			Value:   mesh.CanonicalHost(host),
			Message: "not exported to " + nameNamespaces(gateways) + ", gateways there reset what members send to ",
			Fix:     "add the namespace of the gateway",
		}
		finding.Message += fit(host, finding.Field, finding.Message+"; "+finding.Fix)
		return finding
	}
	return nil
}

// nameNamespaces names the first of some namespaces and how many there are beside it.
func nameNamespaces(names []string) string {
	return AndMore(append([]string{withoutMiddle(names[0], shortName)}, names[1:]...))
}
