package policies

import (
	"slices"

	networking "istio.io/api/networking/v1alpha3"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"fedmesh.io/fedmesh/policies/mesh"
)

/*
FED403 host-spelling: a VirtualService writes a federated host as it is defined.

Restricted fields of a VirtualService:

	spec.hosts[*], where it is for sidecars (no gateways, or "mesh" among them)
	spec.http[*].route[*].destination.host
	spec.http[*].mirror.host
	spec.http[*].mirrors[*].destination.host
	spec.tls[*].route[*].destination.host
	spec.tcp[*].route[*].destination.host

Warned about: the same as in FED205. The ServiceEntry is one that is exported to a
namespace that the VirtualService is exported to.

Allowed: every name without a dot; every other host, whether anything has that name
or not; among spec.hosts a name without suffix beside the same with it, which makes
it one more name that clients may use. What a gateway calls its hosts is between it
and its clients.
*/
func routeHostSpelling() Rule {
	return Rule{
		ID:      "FED403",
		Name:    "host-spelling",
		Summary: "a VirtualService writes federated hosts in lower case, without a trailing dot and with their suffix",
		Action:  Warn,
		Applies: []mesh.Kind{mesh.VirtualService},
		Reads:   []mesh.Kind{mesh.ServiceEntry, mesh.Service},
		Doc: Doc{
			Why: "Istio makes the name of the cluster that a route leads to from the destination as it is written, and takes every " +
				"name with a dot in it for a whole one. There is no cluster for `httpbin.bar` or `HTTPBin.bar.global`, and requests " +
				"on that route end in 503. A host of the VirtualService that is spelled like this matches no service.",
			Bad: `apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: httpbin-bar, namespace: foo}
spec:
  hosts: [httpbin.bar.global]
  http:
  - route: [{destination: {host: HTTPBin.bar.global}}]
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
metadata: {name: httpbin-bar, namespace: foo}
spec:
  hosts: [httpbin.bar.global]
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
			Fix: "Write the host in lower case, without a trailing dot and with the suffix.",
		},
		Check: checkRouteHostSpelling,
	}
}

func checkRouteHostSpelling(review Review, view *mesh.View) []Finding {
	object, routes := review.Object, review.Object.VirtualService
	sees := func(entry *mesh.Entry) bool { return exportedTogether(routes.GetExportTo(), object.Namespace, entry) }
	var findings []Finding
	if forSidecars(routes) {
		for i, host := range routes.GetHosts() {
			finding, found := misspelledHost(spec().Child("hosts").Index(i), host, "matches nothing", view, sees)
			if found && !isAlias(host, routes.GetHosts(), view) {
				findings = append(findings, finding)
			}
		}
	}
	forEachDestination(routes, func(path *field.Path, host string) {
		if finding, found := misspelledHost(path, host, "leads nowhere", view, sees); found {
			findings = append(findings, finding)
		}
	})
	return findings
}

// forSidecars reports whether routes are for sidecars, and not for gateways alone.
func forSidecars(routes *networking.VirtualService) bool {
	return len(routes.GetGateways()) == 0 || slices.Contains(routes.GetGateways(), "mesh")
}

// isAlias reports whether host, which has no suffix, is among hosts with it as well.
func isAlias(host string, hosts []string, view *mesh.View) bool {
	return slices.ContainsFunc(view.Federation().Spec.Hosts.Suffixes, func(suffix string) bool {
		return slices.Contains(hosts, mesh.CanonicalHost(host)+"."+suffix)
	})
}

// exportedTogether reports whether there is a namespace that both entry and an object
// of namespace own with this exportTo are exported to.
func exportedTogether(exportTo []string, own string, entry *mesh.Entry) bool {
	if mesh.Public(exportTo) {
		return visibleSomewhere(entry)
	}
	return slices.ContainsFunc(mesh.Exports(exportTo, own), entry.VisibleIn)
}

// forEachDestination calls yield for each host that routes send requests to, mirrors
// included, in the order of their fields.
func forEachDestination(routes *networking.VirtualService, yield func(path *field.Path, host string)) {
	destination := func(path *field.Path, i int, to *networking.Destination) {
		yield(path.Index(i).Child("destination", "host"), to.GetHost())
	}
	for i, http := range routes.GetHttp() {
		path := spec().Child("http").Index(i)
		for j, route := range http.GetRoute() {
			destination(path.Child("route"), j, route.GetDestination())
		}
		if http.GetMirror() != nil {
			yield(path.Child("mirror", "host"), http.GetMirror().GetHost())
		}
		for j, mirror := range http.GetMirrors() {
			destination(path.Child("mirrors"), j, mirror.GetDestination())
		}
	}
	for i, tls := range routes.GetTls() {
		for j, route := range tls.GetRoute() {
			destination(spec().Child("tls").Index(i).Child("route"), j, route.GetDestination())
		}
	}
	for i, tcp := range routes.GetTcp() {
		for j, route := range tcp.GetRoute() {
			destination(spec().Child("tcp").Index(i).Child("route"), j, route.GetDestination())
		}
	}
}
