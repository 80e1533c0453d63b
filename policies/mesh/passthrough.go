package mesh

import (
	"slices"

	networking "istio.io/api/networking/v1alpha3"
)

// passthrough is what the Index keeps of a Gateway with an AUTO_PASSTHROUGH server:
// an east-west gateway.
type passthrough struct{ Meta }

func newPassthrough(object *Object) *passthrough {
	for _, server := range object.Gateway.GetServers() {
		if server.GetTls().GetMode() == networking.ServerTLSSettings_AUTO_PASSTHROUGH {
			return &passthrough{newMeta(object)}
		}
	}
	return nil
}

// PassthroughNamespaces returns the namespaces with a Gateway that passes mutual TLS
// through to whatever it is for (AUTO_PASSTHROUGH), each once and in order. The
// proxies that it selects can be in other namespaces.
func (v *View) PassthroughNamespaces() []string {
	gateways := shown(v, Gateway, func(x *Index) byNamespace[*passthrough] { return x.passthroughs })
	var namespaces []string
	for _, gateway := range gateways {
		namespaces = append(namespaces, gateway.Ref.Namespace)
	}
	slices.Sort(namespaces)
	return slices.Compact(namespaces)
}
