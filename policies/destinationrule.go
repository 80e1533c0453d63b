package policies

import (
	"slices"
	"strings"

	networking "istio.io/api/networking/v1alpha3"

	"fedmesh.io/fedmesh/policies/mesh"
)

// federatedRule returns the DestinationRule under review when it is about a
// federated host, or a wildcard under a suffix, and nil when it is not. A host
// without a dot is the short name of a Service, also where it is spelled like a
// suffix (istio pilot/pkg/model/config.go, ResolveShortnameToFQDN).
func federatedRule(review Review, view *mesh.View) *networking.DestinationRule {
	rule := review.Object.DestinationRule
	host := mesh.CanonicalHost(rule.GetHost())
	if !strings.Contains(host, ".") || !view.Federation().Federated(host) {
		return nil
	}
	return rule
}

// destinations is what is known of the entries with federated hosts that a
// DestinationRule can be picked for.
type destinations struct {
	// known is whether there are any.
	known bool
	// automatic is whether there are some and automatic mutual TLS covers each.
	automatic bool
	// external is whether there are some and each is outside the mesh.
	external bool
	// ports that they have.
	ports map[uint32]bool
}

// destinationsOf goes through the entries that the DestinationRule under review
// can be picked for. What it returns is enough to tell which of levels decide on
// a port, whether those without TLS settings are covered, and whether all entries
// are external; for that, few entries do in most meshes, though a wildcard has
// them all under it.
func destinationsOf(review Review, view *mesh.View, levels []tlsLevel) destinations {
	host := mesh.CanonicalHost(review.Object.DestinationRule.GetHost())
	federation := view.Federation()
	undecided := map[uint32][]tlsLevel{}
	silent := false
	for _, level := range levels {
		undecided[level.port] = append(undecided[level.port], level)
		silent = silent || level.tls == nil
	}

	found := destinations{ports: map[uint32]bool{}}
	for entry := range view.EachEntry(host) {
		if !definesFederated(entry, host, federation) || !reaches(review.Object, entry, federation.Spec.RootNamespace) {
			continue
		}
		found.automatic = entry.MutualTLS && (found.automatic || !found.known)
		found.external = entry.External && (found.external || !found.known)
		found.known = true
		for _, port := range entry.Ports {
			if found.ports[port] {
				continue
			}
			found.ports[port] = true
			delete(undecided, port)
			undecided[otherPort] = slices.DeleteFunc(undecided[otherPort], func(l tlsLevel) bool { return !l.except[port] })
			if len(undecided[otherPort]) == 0 {
				delete(undecided, otherPort)
			}
		}
		if len(undecided) == 0 && !found.external && !(silent && found.automatic) {
			break
		}
	}
	return found
}

// definesFederated reports whether entry defines a federated host that pattern,
// which is canonical, stands for. A wildcard can cover external hosts as well.
func definesFederated(entry *mesh.Entry, pattern string, federation *mesh.Federation) bool {
	return slices.ContainsFunc(entry.Hosts, func(host string) bool {
		if suffix, wildcard := strings.CutPrefix(pattern, "*"); wildcard {
			return strings.HasSuffix(host, suffix) && federation.Federated(host)
		}
		return host == pattern && federation.Federated(host)
	})
}

// reaches reports whether there is a client to which Istio would show entry and
// for which it would look for its DestinationRule in the namespace of rule: the
// client's own, the entry's, or the root namespace (istio
// pilot/pkg/model/push_context.go, destinationRule). Whether another rule wins
// there is not asked.
func reaches(rule *mesh.Object, entry *mesh.Entry, root string) bool {
	if rule.Namespace != root {
		if entry.VisibleIn(rule.Namespace) {
			return true
		}
		if entry.Ref.Namespace != rule.Namespace {
			return false
		}
	}
	exportTo := rule.DestinationRule.GetExportTo()
	if mesh.Public(exportTo) {
		return visibleSomewhere(entry)
	}
	return slices.ContainsFunc(mesh.Exports(exportTo, rule.Namespace), entry.VisibleIn)
}

// visibleSomewhere reports whether entry is exported to anybody at all.
func visibleSomewhere(entry *mesh.Entry) bool {
	return entry.Public() || len(mesh.Exports(entry.ExportTo, entry.Ref.Namespace)) > 0
}
