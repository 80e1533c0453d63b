package policies

import (
	"slices"
	"strings"

	"fedmesh.io/fedmesh/policies/mesh"
)

/*
FED307 hides-federation: a Sidecar imports the federated hosts that its own namespace
has.

Restricted fields of a Sidecar without workloadSelector, the only kind of its
namespace, which takes part in the federation:

	spec.egress[*].hosts[*]

Warned about, once for a Sidecar: hosts are listed and no federated one is imported by
any of them, while the namespace

  - has a ServiceEntry for a federated host that is exported to itself and does not
    stand for workloads of its own, which are served to others; or
  - has a VirtualService that leads its sidecars to a federated host and is not
    imported either. With one that is imported Istio imports what it leads to (istio
    pilot/pkg/model/sidecar.go, collectImportedServices)

Federated hosts are imported by a line that names one or a wildcard under a suffix, in
whatever namespace: where that has none FED304 says so; by a wildcard that covers
suffixes, for all namespaces or for one with an entry for a federated host that is
exported here; and by a VirtualService of a namespace that is listed.

Allowed: no egress at all, which imports everything; "~/*", which says that nothing is
wanted; the root namespace's own Sidecar.
*/
func hidesFederation() Rule {
	return Rule{
		ID:      "FED307",
		Name:    "hides-federation",
		Summary: "a Sidecar imports some federated host where its own namespace has one",
		Action:  Warn,
		Applies: []mesh.Kind{mesh.Sidecar},
		Reads:   []mesh.Kind{mesh.ServiceEntry, mesh.Sidecar, mesh.VirtualService},
		Doc: Doc{
			Why: "What a Sidecar does not list does not exist for the pods: no cluster, no route and no DNS answer. Requests to the " +
				"federated host end in 502 with REGISTRY_ONLY, and else at an address that nobody has.",
			Bad: `apiVersion: networking.istio.io/v1
kind: Sidecar
metadata: {name: default, namespace: clients}
spec:
  egress: [{hosts: ["shop/*", "istio-system/*"]}]
` + hiddenExample,
			Good: `apiVersion: networking.istio.io/v1
kind: Sidecar
metadata: {name: default, namespace: clients}
spec:
  egress: [{hosts: ["./*", "shop/*", "istio-system/*"]}]
` + hiddenExample,
			Fix: "List the host, `./*` for all of the namespace, or `*/*.global` for all federated hosts.",
		},
		Check: checkHidesFederation,
	}
}

const hiddenExample = `---
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: httpbin-bar, namespace: clients}
spec:
  hosts: [httpbin.bar.global]
  addresses: [240.0.0.2]
  location: MESH_INTERNAL
  resolution: STATIC
  ports: [{number: 8000, name: http, protocol: HTTP}]
  endpoints: [{address: 34.122.11.2, ports: {http: 15443}}]
---
apiVersion: v1
kind: Namespace
metadata: {name: clients, labels: {fedmesh.io/federation: enabled}}
`

func checkHidesFederation(review Review, view *mesh.View) []Finding {
	federation := view.Federation()
	namespace := review.Object.Namespace
	imports := soleImports(review, view)
	if len(imports) == 0 || slices.ContainsFunc(imports, func(i egressImport) bool { return namesFederated(i, federation) }) {
		return nil
	}
	finding := Finding{Field: spec().Child("egress")}
	if entry, host := clientEntry(namespace, view); entry != nil {
		finding.Message = "imports no federated host, not even " + Quote(host) + " of this namespace"
		finding.Fix = "list " + Quote("./"+host)
		finding.Related = []mesh.Ref{entry.Ref}
	} else if needed := neededRoutes(namespace, imports, view, federation.Federated); len(needed) > 0 {
		host := needed[0].Destinations[slices.IndexFunc(needed[0].Destinations, federation.Federated)]
		finding.Message = "imports no federated host, and VirtualService " + withoutMiddle(needed[0].Ref.Name, shortName) + " leads to " + Quote(host)
		finding.Fix = "list " + Quote(importOf(needed[0], federation))
		finding.Related = []mesh.Ref{needed[0].Ref}
	} else {
		return nil
	}
	if slices.ContainsFunc(imports, func(i egressImport) bool { return reachesFederated(i, namespace, view) }) {
		return nil
	}
	return []Finding{finding}
}

// namesFederated reports whether a line imports federated hosts by what it says.
func namesFederated(line egressImport, federation *mesh.Federation) bool {
	return federation.Federated(line.host) || line.namespace == "*" && coversFederated(line.host, federation)
}

// coversFederated reports whether a wildcard stands for all hosts of a suffix without
// being under it.
func coversFederated(host string, federation *mesh.Federation) bool {
	return slices.ContainsFunc(federation.Spec.Hosts.Suffixes, func(suffix string) bool {
		return strings.HasPrefix(host, "*") && standsFor(host, "*."+suffix)
	})
}

// reachesFederated reports whether a line for one namespace imports a federated host
// from there, by itself or by a VirtualService, for the clients of another.
func reachesFederated(line egressImport, client string, view *mesh.View) bool {
	federation := view.Federation()
	if coversFederated(line.host, federation) {
		for entry := range view.EachEntryIn(line.namespace) {
			if !entry.PublicEgress && entry.VisibleIn(client) && definesFederated(entry, line.host, federation) {
				return true
			}
		}
	}
	return slices.ContainsFunc(view.RoutesIn(line.namespace), func(routes *mesh.Routes) bool {
		return routes.Sidecars && slices.ContainsFunc(routes.Destinations, federation.Federated) && line.hasRoutes(routes, federation)
	})
}

// clientEntry returns the oldest entry of a namespace by which its own clients reach a
// federated host, and that host.
func clientEntry(namespace string, view *mesh.View) (oldest *mesh.Entry, host string) {
	serving := map[mesh.Ref]bool{}
	for _, entry := range view.SelectingEntries(namespace) {
		serving[entry.Ref] = true
	}
	federation := view.Federation()
	for entry := range view.EachEntryIn(namespace) {
		i := slices.IndexFunc(entry.Hosts, federation.Federated)
		if i < 0 || entry.PublicEgress || serving[entry.Ref] || !entry.VisibleIn(namespace) || oldest != nil && !entry.Before(oldest) {
			continue
		}
		oldest, host = entry, entry.Hosts[i]
	}
	return oldest, host
}
