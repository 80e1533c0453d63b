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

// entriesUnder returns the entries with federated hosts that the DestinationRule
// under review can be picked for.
func entriesUnder(review Review, view *mesh.View) []*mesh.Entry {
	rule := review.Object.DestinationRule
	host := mesh.CanonicalHost(rule.GetHost())
	return slices.DeleteFunc(view.EntriesOf(host), func(entry *mesh.Entry) bool {
		return !definesFederated(entry, host, view.Federation()) ||
			!reaches(review.Object, entry, view.Federation().Spec.RootNamespace)
	})
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
