package policies

import (
	"slices"
	"strings"

	"fedmesh.io/fedmesh/policies/mesh"
)

/*
FED306 control-plane: a Sidecar imports the gateway of the root namespace that its
namespace sends through.

Restricted fields of a Sidecar without workloadSelector, the only kind of its
namespace, which takes part in the federation:

	spec.egress[*].hosts[*]

Reported: hosts are listed, none of them of the root namespace or of "*", while a
VirtualService of the namespace leads its sidecars to a Service of the root namespace,
an egress gateway as a rule, and is not imported either. With one that is imported
Istio imports what it leads to (istio pilot/pkg/model/sidecar.go,
collectImportedServices).

Allowed: no egress at all, which imports everything; "~/*", which says that nothing is
wanted; the root namespace's own Sidecar.

Telemetry providers are named in MeshConfig, which fedmesh does not see: it cannot say
where one of them is out of reach.
*/
func controlPlane() Rule {
	return Rule{
		ID:      "FED306",
		Name:    "control-plane",
		Summary: "a Sidecar imports the gateway of the root namespace that VirtualServices of its namespace lead to",
		Action:  Audit,
		Applies: []mesh.Kind{mesh.Sidecar},
		Reads:   []mesh.Kind{mesh.Sidecar, mesh.VirtualService},
		Doc: Doc{
			Why: "A Sidecar that lists hosts hides all others, VirtualServices and the gateways of the root namespace among them. " +
				"Requests that were to leave through the egress gateway then pass it by, or are refused where unknown hosts are.",
			Bad: `apiVersion: networking.istio.io/v1
kind: Sidecar
metadata: {name: default, namespace: clients}
spec:
  egress: [{hosts: ["shop/*"]}]
` + egressExample,
			Good: `apiVersion: networking.istio.io/v1
kind: Sidecar
metadata: {name: default, namespace: clients}
spec:
  egress: [{hosts: ["./*", "shop/*", "istio-system/*"]}]
` + egressExample,
			Fix: "List the host of the VirtualService, with which Istio imports the gateway; `./*` and `istio-system/*` import both.",
		},
		Check: checkControlPlane,
	}
}

const egressExample = `---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: partner, namespace: clients}
spec:
  hosts: [api.example.com]
  http: [{route: [{destination: {host: istio-egressgateway.istio-system.svc.cluster.local}}]}]
---
apiVersion: v1
kind: Namespace
metadata: {name: clients, labels: {fedmesh.io/federation: enabled}}
`

func checkControlPlane(review Review, view *mesh.View) []Finding {
	federation := view.Federation()
	root := federation.Spec.RootNamespace
	imports := soleImports(review, view)
	if len(imports) == 0 || slices.ContainsFunc(imports, func(i egressImport) bool { return i.from(root) }) {
		return nil
	}
	ofRoot := func(host string) bool {
		name, found := strings.CutSuffix(host, "."+root+".svc."+federation.Spec.ClusterDomain)
		return found && !strings.Contains(name, ".")
	}
	needed := neededRoutes(review.Object.Namespace, imports, view, ofRoot)
	if len(needed) == 0 {
		return nil
	}
	gateway := needed[0].Destinations[slices.IndexFunc(needed[0].Destinations, ofRoot)]
	return []Finding{{
		Field:   spec().Child("egress"),
		Message: "imports neither VirtualService " + withoutMiddle(needed[0].Ref.Name, shortName) + " nor " + Quote(gateway) + ", which it leads to",
		Fix:     "list " + Quote(importOf(needed[0], federation)),
		Related: []mesh.Ref{needed[0].Ref},
	}}
}
