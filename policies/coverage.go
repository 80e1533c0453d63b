package policies

import (
	"slices"
	"strings"

	"fedmesh.io/fedmesh/policies/mesh"
)

// federatedPatterns lists what lies under the host of a DestinationRule and is
// federated: the host itself when that is, and for "*" and other wildcards that
// cover whole suffixes a wildcard for each of these. For a host that Istio compares
// with others in vain, because of how it is spelled, there is nothing.
func federatedPatterns(host string, federation *mesh.Federation) []string {
	if host != mesh.CanonicalHost(host) {
		return nil
	}
	if federation.Federated(host) {
		if !strings.Contains(host, ".") {
			return nil // the short name of a Service, see federatedRule
		}
		return []string{host}
	}
	rest, wildcard := strings.CutPrefix(host, "*")
	if !wildcard {
		return nil
	}
	var patterns []string
	for _, suffix := range federation.Spec.Hosts.Suffixes {
		if strings.HasSuffix(suffix, rest) {
			patterns = append(patterns, "*."+suffix)
		}
	}
	return patterns
}

// federatedHost is a federated host and an entry that defines it.
type federatedHost struct {
	host  string
	entry *mesh.Entry
}

// mostHosts bounds how many hosts of a wildcard a rule asks about, each of which
// costs some looking up. Where so many in a row have no finding, the others go
// without one.
const mostHosts = 1000

// mostEntries bounds how many entries of a wildcard are gone through to find some that
// are wanted: ten thousand take a quarter of a millisecond.
const mostEntries = 10_000

// hostsUnder returns the federated hosts under patterns, those of entries that
// are wanted, and no more than mostHosts; it goes through mostEntries.
func hostsUnder(patterns []string, view *mesh.View, wanted func(*mesh.Entry) bool) []federatedHost {
	var found []federatedHost
	seen := map[*mesh.Entry]bool{}
	passed := 0
	for _, pattern := range patterns {
		for entry := range view.EachEntry(pattern) {
			if passed++; passed > mostEntries {
				return found
			}
			if seen[entry] || !wanted(entry) {
				continue
			}
			seen[entry] = true
			for _, host := range entry.Hosts {
				if slices.Contains(mesh.CoveringPatterns(host), pattern) && view.Federation().Federated(host) {
					found = append(found, federatedHost{host: host, entry: entry})
				}
			}
			if len(found) >= mostHosts {
				return found
			}
		}
	}
	return found
}

// mostClients is how many namespaces are asked for, of each host.
const mostClients = 20

// anyOther stands for the namespaces that nothing names. No namespace has this name.
const anyOther = ""

// clientsOf lists the namespaces that see entry and in which Istio may pick rule for
// it: anyOther first, then the rule's own.
func clientsOf(rule *mesh.TrafficRule, entry *mesh.Entry) []string {
	own := rule.Ref.Namespace
	candidates := slices.Concat([]string{anyOther, own}, mesh.Exports(rule.ExportTo, own), mesh.Exports(entry.ExportTo, entry.Ref.Namespace))
	var clients []string
	for _, client := range candidates[:min(len(candidates), mostClients)] {
		if entry.VisibleIn(client) && !slices.Contains(clients, client) {
			clients = append(clients, client)
		}
	}
	return clients
}
