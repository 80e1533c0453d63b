package policies

import (
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/util/validation/field"

	"fedmesh.io/fedmesh/policies/mesh"
)

// misspelledHost is the finding on a host, written at path, that a federated one was
// meant by and that Istio takes for another. What follows from that is the effect,
// such as "matches nothing".
//
// Istio compares hosts byte by byte. And it takes every name with a dot in it for a
// whole one: only "httpbin" is short for a Service, "httpbin.bar" is not (istio
// pilot/pkg/model/config.go, ResolveShortnameToFQDN).
func misspelledHost(path *field.Path, host, effect string, view *mesh.View, sees func(*mesh.Entry) bool) (Finding, bool) {
	canonical := mesh.CanonicalHost(host)
	finding := Finding{Field: path, Value: host}
	switch {
	case !strings.Contains(canonical, "."), !isHost(canonical):
		return finding, false // and a template's placeholder is no host either
	case !view.Federation().Federated(canonical):
		return withoutSuffix(finding, canonical, effect, view, sees)
	case host == canonical:
		return finding, false
	}
	found := "an upper-case letter"
	if strings.HasSuffix(host, ".") {
		found = "a trailing dot"
	}
	finding.Message = Quote(host) + " has " + found + " and " + effect
	finding.Fix = "write " + Quote(canonical)
	return finding, true
}

// withoutSuffix completes the finding on a host that is the name of a federated one
// without its suffix: an entry defines it with the suffix, and nobody without. Files
// without any Service say nothing about which there are.
func withoutSuffix(finding Finding, host, effect string, view *mesh.View, sees func(*mesh.Entry) bool) (Finding, bool) {
	if mesh.IsWildcard(host) {
		return finding, false
	}
	for _, suffix := range view.Federation().Spec.Hosts.Suffixes {
		whole := host + "." + suffix
		if !view.Federation().Federated(whole) {
			continue // a host outside the federation may be called that
		}
		definers := view.DefinersOf(whole)
		i := slices.IndexFunc(definers, func(entry *mesh.Entry) bool { return !entry.PublicEgress && sees(entry) })
		if i < 0 {
			continue
		}
		if isDefined(host, view) {
			return finding, false
		}
		finding.Message = Quote(finding.Value) + " lacks its suffix and " + effect
		finding.Fix = "write " + Quote(whole)
		finding.Related = []mesh.Ref{definers[i].Ref}
		return finding, true
	}
	return finding, false
}

// isDefined reports whether host, which is canonical and not federated, can be meant
// as it is: there is a Service of that name and namespace, or an entry for the host
// or a wildcard that covers it.
func isDefined(host string, view *mesh.View) bool {
	name, namespace, _ := strings.Cut(host, ".")
	if !strings.Contains(namespace, ".") && (!view.HasServices() || view.HasService(namespace, name)) {
		return true
	}
	return slices.ContainsFunc(mesh.CoveringPatterns(host), func(pattern string) bool { return len(view.DefinersOf(pattern)) > 0 })
}
