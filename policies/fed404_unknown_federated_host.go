package policies

import (
	"slices"
	"strings"

	networking "istio.io/api/networking/v1alpha3"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"fedmesh.io/fedmesh/policies/mesh"
)

/*
FED404 unknown-federated-host: a VirtualService routes to federated hosts that are
defined.

Restricted fields of a VirtualService:

	spec.http[*].route[*].destination.host
	spec.http[*].mirror.host
	spec.http[*].mirrors[*].destination.host
	spec.tls[*].route[*].destination.host
	spec.tcp[*].route[*].destination.host

Warned about: a federated host that no ServiceEntry defines, exactly or by a wildcard,
or that none does for those whom the VirtualService is for: for sidecars, clients of
its own namespace and of those that the entry names in its exportTo; for gateways,
whose namespace nobody says, and delegates, anybody.

Allowed: hosts that are not federated; names without a dot, which are Services; what is
no DNS name, as a template's placeholder is.

Where the whole configuration of a cluster is visible (Review.Complete), an entry for
some federated host makes a host without one a denial: entries are there, and this
one is not.
*/
func unknownFederatedHost() Rule {
	return Rule{
		ID:      "FED404",
		Name:    "unknown-federated-host",
		Summary: "a VirtualService routes to federated hosts that a ServiceEntry defines",
		Action:  Warn,
		Applies: []mesh.Kind{mesh.VirtualService},
		Reads:   []mesh.Kind{mesh.ServiceEntry},
		Doc: Doc{
			Why: "Istio has a cluster for each host that clients see, and a route to any other leads nowhere: requests get 503. " +
				"Nothing says so when the VirtualService is applied.",
			Bad: `apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: httpbin, namespace: foo}
spec:
  hosts: [httpbin.foo.svc.cluster.local]
  http:
  - route: [{destination: {host: httpbin.baz.global}}]
---
apiVersion: networking.istio.io/v1
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
			Good: `apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: httpbin, namespace: foo}
spec:
  hosts: [httpbin.foo.svc.cluster.local]
  http:
  - route: [{destination: {host: httpbin.bar.global}}]
---
apiVersion: networking.istio.io/v1
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
			Fix: "Correct the host, create a ServiceEntry for it, or export the one that there is.",
		},
		Check: checkUnknownFederatedHost,
	}
}

func checkUnknownFederatedHost(review Review, view *mesh.View) []Finding {
	object, federation := review.Object, view.Federation()
	var findings []Finding
	forEachDestination(object.VirtualService, func(path *field.Path, host string) {
		// What is no DNS name is a template's placeholder.
		name := mesh.CanonicalHost(host)
		if !strings.Contains(name, ".") || !federation.Federated(name) || len(validation.IsDNS1123Subdomain(name)) > 0 {
			return
		}
		entries := view.EntriesCovering(host)
		if slices.ContainsFunc(entries, func(e *mesh.Entry) bool { return servesRoute(e, object) }) {
			return
		}
		finding := Finding{Field: path, Value: name}
		if len(entries) == 0 {
			if review.Complete && anyFederatedEntry(view) {
				finding.Offline = Deny
			}
			finding.Message = "no ServiceEntry for " + Quote(host) + " (it may come in the same apply)"
			finding.Fix = "correct the host, or create one"
		} else {
			finding.Message = quoteRef(entries[0].Ref) + " is not exported to clients here"
			finding.Fix = "export it to " + Quote(object.Namespace)
			finding.Related = []mesh.Ref{entries[0].Ref}
		}
		findings = append(findings, finding)
	})
	return findings
}

// servesRoute reports whether there can be a client for whom a VirtualService is and
// that sees entry, and that is not there by chance: the clients in an entry's own
// namespace see what is private there, and are not whom others write for.
func servesRoute(entry *mesh.Entry, service *mesh.Object) bool {
	if forGateways(service.VirtualService) {
		return visibleSomewhere(entry)
	}
	if entry.VisibleIn(service.Namespace) {
		return true
	}
	exportTo := service.VirtualService.GetExportTo()
	return slices.ContainsFunc(mesh.Exports(entry.ExportTo, entry.Ref.Namespace), func(namespace string) bool {
		return namespace != entry.Ref.Namespace &&
			(mesh.Public(exportTo) || slices.Contains(mesh.Exports(exportTo, service.Namespace), namespace))
	})
}

// forGateways reports whether a VirtualService is for gateways, or may be: a delegate
// is for whatever the one is that names it.
func forGateways(service *networking.VirtualService) bool {
	return len(service.GetHosts()) == 0 ||
		slices.ContainsFunc(service.GetGateways(), func(name string) bool { return name != "mesh" })
}

// anyFederatedEntry reports whether any ServiceEntry defines a federated host.
func anyFederatedEntry(view *mesh.View) bool {
	federation := view.Federation()
	for _, suffix := range federation.Spec.Hosts.Suffixes {
		for entry := range view.EachEntry("*." + suffix) {
			if definesFederated(entry, "*."+suffix, federation) {
				return true
			}
		}
	}
	return false
}
