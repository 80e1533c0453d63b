package policies

import (
	"slices"
	"strings"

	"fedmesh.io/fedmesh/policies/mesh"
)

// egressImport is a line of a Sidecar's egress hosts that imports.
type egressImport struct {
	// namespace is "*" for all of them; the Sidecar's own has its name here.
	namespace string
	host      string // canonical
}

// egressImports returns what a Sidecar imports for its namespace. Exclusions, whose
// namespace begins with "~", are none: "~/*" imports nothing.
func egressImports(sidecar *mesh.Object) []egressImport {
	var imports []egressImport
	for _, listener := range sidecar.Sidecar.GetEgress() {
		for _, text := range listener.GetHosts() {
			namespace, host := mesh.CutNamespace(text)
			if strings.HasPrefix(namespace, "~") {
				continue
			}
			if namespace == "." {
				namespace = sidecar.Namespace
			}
			imports = append(imports, egressImport{namespace: namespace, host: mesh.CanonicalHost(host)})
		}
	}
	return imports
}

// from reports whether the line is about a namespace.
func (i egressImport) from(namespace string) bool {
	return i.namespace == "*" || i.namespace == namespace
}

// hasRoutes reports whether the line, if it is about their namespace, imports a
// VirtualService. One of its hosts is enough, and wildcards count in both
// directions (istio pilot/pkg/model/sidecar.go, VSMatches).
func (i egressImport) hasRoutes(routes *mesh.Routes, federation *mesh.Federation) bool {
	if !i.from(routes.Ref.Namespace) {
		return false
	}
	for _, host := range routes.Hosts {
		host = fullName(host, routes.Ref.Namespace, federation)
		if standsFor(i.host, host) || standsFor(host, i.host) {
			return true
		}
	}
	return false
}

// standsFor reports whether pattern stands for all that host does (istio
// pkg/config/host/name.go, SubsetOf).
func standsFor(pattern, host string) bool {
	if suffix, wildcard := strings.CutPrefix(pattern, "*"); wildcard {
		return strings.HasSuffix(strings.TrimPrefix(host, "*"), suffix)
	}
	return host == pattern
}

// fullName is the name that a host of a VirtualService stands for: one without a dot
// is that of a Service in its namespace (istio pilot/pkg/model/config.go,
// ResolveShortnameToFQDN).
func fullName(host, namespace string, federation *mesh.Federation) string {
	if host == "" || host == "*" || strings.Contains(host, ".") {
		return host
	}
	return host + "." + namespace + ".svc." + federation.Spec.ClusterDomain
}

// soleImports returns what a Sidecar imports for all pods of a namespace that takes
// part in the federation; none where it is for some of them only.
//
// One with a workloadSelector lists what its own workloads need, and beside such a one
// the default Sidecar is for the rest, which may need less. The one of the root
// namespace is for the namespaces that have none.
func soleImports(review Review, view *mesh.View) []egressImport {
	sidecar := review.Object
	if sidecar.Sidecar.GetWorkloadSelector() != nil ||
		sidecar.Namespace == view.Federation().Spec.RootNamespace ||
		!mesh.OptedIn(view.NamespaceLabels(sidecar.Namespace)) {
		return nil
	}
	for _, other := range view.Sidecars(sidecar.Namespace) {
		if !other.Default {
			return nil
		}
	}
	return egressImports(sidecar)
}

// neededRoutes returns the VirtualServices of a namespace that its Sidecar does not
// import and that lead clients there to a host for which leads is true, the oldest
// first. With one that is imported, Istio imports what it leads to as well (istio
// pilot/pkg/model/sidecar.go, collectImportedServices). One without hosts is a part of
// others (delegate), which can be for gateways and in any namespace.
func neededRoutes(namespace string, imports []egressImport, view *mesh.View, leads func(host string) bool) []*mesh.Routes {
	return slices.DeleteFunc(view.RoutesIn(namespace), func(routes *mesh.Routes) bool {
		return !routes.Sidecars || !routes.Own || len(routes.Hosts) == 0 || !slices.ContainsFunc(routes.Destinations, leads) ||
			slices.ContainsFunc(imports, func(i egressImport) bool { return i.hasRoutes(routes, view.Federation()) })
	})
}

// importOf is the egress host that imports routes, and what they lead to.
func importOf(routes *mesh.Routes, federation *mesh.Federation) string {
	host := fullName(routes.Hosts[0], routes.Ref.Namespace, federation)
	if federation.Federated(host) {
		return "*/" + host // its entry can be in another namespace
	}
	return "./" + host
}
