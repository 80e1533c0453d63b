package mesh

import (
	"slices"
	"strings"

	networking "istio.io/api/networking/v1alpha3"
)

// Routes is what the Index keeps of a VirtualService.
type Routes struct {
	Meta
	// Hosts that it is for, and Destinations that it sends requests to, mirrors
	// included: in canonical form, each once and in order.
	Hosts, Destinations []string
	// Sidecars is true when it is for sidecars, and not for gateways alone.
	Sidecars bool
	// Own is true when clients of its own namespace see it.
	Own bool
}

func newRoutes(object *Object) *Routes {
	spec := object.VirtualService
	return &Routes{
		Meta:         newMeta(object),
		Hosts:        canonicalHosts(spec.GetHosts()),
		Destinations: canonicalHosts(Destinations(spec)),
		Sidecars:     len(spec.GetGateways()) == 0 || slices.Contains(spec.GetGateways(), "mesh"),
		Own:          exported(spec.GetExportTo(), object.Namespace, object.Namespace),
	}
}

func canonicalHosts(hosts []string) []string {
	var canonical []string
	for _, host := range hosts {
		canonical = append(canonical, strings.Clone(CanonicalHost(host)))
	}
	slices.Sort(canonical)
	return slices.Clip(slices.Compact(canonical))
}

// Destinations lists the hosts that a VirtualService sends requests to, mirrors
// included, as they are written and in the order of their fields.
func Destinations(spec *networking.VirtualService) []string {
	var hosts []string
	for _, http := range spec.GetHttp() {
		for _, route := range http.GetRoute() {
			hosts = append(hosts, route.GetDestination().GetHost())
		}
		if http.GetMirror() != nil {
			hosts = append(hosts, http.GetMirror().GetHost())
		}
		for _, mirror := range http.GetMirrors() {
			hosts = append(hosts, mirror.GetDestination().GetHost())
		}
	}
	for _, tls := range spec.GetTls() {
		for _, route := range tls.GetRoute() {
			hosts = append(hosts, route.GetDestination().GetHost())
		}
	}
	for _, tcp := range spec.GetTcp() {
		for _, route := range tcp.GetRoute() {
			hosts = append(hosts, route.GetDestination().GetHost())
		}
	}
	return hosts
}

// RoutesIn returns the VirtualServices of a namespace, the oldest first.
func (v *View) RoutesIn(namespace string) []*Routes {
	return shownIn(v, VirtualService, namespace, func(x *Index) byNamespace[*Routes] { return x.routes })
}
