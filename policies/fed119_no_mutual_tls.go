package policies

import (
	"slices"
	"strings"

	networking "istio.io/api/networking/v1alpha3"

	"fedmesh.io/fedmesh/policies/api/v1alpha1"
	"fedmesh.io/fedmesh/policies/mesh"
)

/*
FED119 no-mutual-tls: clients reach another member's gateway with Istio's mutual TLS.

Restricted fields of a ServiceEntry with a federated host:

	spec.endpoints[*]

Warned about, where an endpoint is at the gateway of another member and not marked
for mutual TLS: for some client, the DestinationRule that Istio picks (see
mesh.View.RuleFor) does not say ISTIO_MUTUAL for each port, or there is none. The
clients are those in the entry's own namespace and, for a public entry, those in a
namespace without rules of its own; else those in each namespace that it is
exported to. Where the whole set of objects is visible, and a DestinationRule for a
federated host among it, it is denied: of files that hold none, the rules are
elsewhere.

Allowed: endpoints that are marked for mutual TLS; ports of protocol UDP, which
Istio makes no cluster for; the bare suffix for a host, of which FED101 speaks.

Not reported here is a rule for federated hosts that lacks ISTIO_MUTUAL, which
FED201 reports, and one for "*" and the like that a namespace of the federation has,
which FED202 does. Nor is what another namespace has for its own clients: beside
those two there are only rules for "*" in namespaces that take no part in the
federation, and a public entry is not about these.
*/
func noMutualTLS() Rule {
	return Rule{
		ID:      "FED119",
		Name:    "no-mutual-tls",
		Summary: "for each client of a member's gateway a DestinationRule says ISTIO_MUTUAL",
		Action:  Warn,
		Applies: []mesh.Kind{mesh.ServiceEntry},
		Reads:   []mesh.Kind{mesh.DestinationRule},
		Doc: Doc{
			Why: "Istio's automatic mutual TLS does not cover the address of a gateway: without a DestinationRule that says " +
				"`ISTIO_MUTUAL`, sidecars send plaintext, and the gateway resets it. Istio looks for the rule in the namespace of the " +
				"client, then in that of the entry, then in the root namespace, and nowhere else.",
			Bad: `apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: httpbin-bar, namespace: foo}
spec:
  hosts: [httpbin.bar.global]
  addresses: [240.0.0.2]
  location: MESH_INTERNAL
  resolution: STATIC
  ports: [{number: 8000, name: http, protocol: HTTP}]
  endpoints: [{address: 34.122.11.2, ports: {http: 15443}}]
  subjectAltNames: [spiffe://bar.com/ns/bar/sa/httpbin]
---
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: federated, namespace: policies}
spec:
  host: "*.global"
  trafficPolicy: {tls: {mode: ISTIO_MUTUAL}}
---
apiVersion: fedmesh.io/v1alpha1
kind: Federation
metadata: {name: default}
spec:
  localMember: cluster-1
  rootNamespace: istio-system
  members:
  - {name: cluster-1, network: network-1, trustDomain: foo.com, gateways: [{address: 34.136.67.85}]}
  - {name: cluster-2, network: network-2, trustDomain: bar.com, gateways: [{address: 34.122.11.2}]}
`,
			Good: `apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: httpbin-bar, namespace: foo}
spec:
  hosts: [httpbin.bar.global]
  addresses: [240.0.0.2]
  location: MESH_INTERNAL
  resolution: STATIC
  ports: [{number: 8000, name: http, protocol: HTTP}]
  endpoints: [{address: 34.122.11.2, ports: {http: 15443}}]
  subjectAltNames: [spiffe://bar.com/ns/bar/sa/httpbin]
---
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: federated, namespace: istio-system}
spec:
  host: "*.global"
  trafficPolicy: {tls: {mode: ISTIO_MUTUAL}}
---
apiVersion: fedmesh.io/v1alpha1
kind: Federation
metadata: {name: default}
spec:
  localMember: cluster-1
  rootNamespace: istio-system
  members:
  - {name: cluster-1, network: network-1, trustDomain: foo.com, gateways: [{address: 34.136.67.85}]}
  - {name: cluster-2, network: network-2, trustDomain: bar.com, gateways: [{address: 34.122.11.2}]}
`,
			Fix: "Create a DestinationRule for `*.<suffix>` with `tls.mode: ISTIO_MUTUAL` in the root namespace.",
		},
		Check: checkNoMutualTLS,
	}
}

func checkNoMutualTLS(review Review, view *mesh.View) []Finding {
	entry, hosts := federatedEntry(review, view)
	at := slices.IndexFunc(entry.GetEndpoints(), func(e *networking.WorkloadEntry) bool { return wantsMutualTLS(e, view.Federation()) })
	if at < 0 {
		return nil
	}
	for _, i := range hosts {
		host := mesh.CanonicalHost(entry.GetHosts()[i])
		if host == view.Federation().Suffix(host) {
			continue // FED101 speaks of it, and no rule for the suffix would cover it
		}
		uncovered, picked := uncoveredClients(review.Object, host, view)
		if len(uncovered) == 0 {
			continue
		}
		finding := Finding{Field: spec().Child("endpoints").Index(at), Value: host}
		if review.Whole && anyFederatedRule(view) {
			finding.Offline = Deny
		}
		explainUncovered(&finding, review.Object, uncovered, picked, host, view)
		return []Finding{finding}
	}
	return nil
}

// wantsMutualTLS reports whether endpoint is at the gateway of another member and
// gets Istio's mutual TLS from a DestinationRule alone.
func wantsMutualTLS(endpoint *networking.WorkloadEntry, federation *mesh.Federation) bool {
	return !mesh.EndpointMutualTLS(endpoint) && slices.ContainsFunc(federation.MembersAt(endpoint.GetAddress()), func(m *v1alpha1.Member) bool {
		return m.Name != federation.Local.Name
	})
}

// otherNamespaces stands for the namespaces that have no rules of their own. None
// has this name.
const otherNamespaces = "*"

// uncoveredClients returns the namespaces whose clients get no mutual TLS for host,
// and the rule that those of the first have, if any.
func uncoveredClients(entry *mesh.Object, host string, view *mesh.View) (clients []string, first *mesh.TrafficRule) {
	namespaces := []string{entry.Namespace, otherNamespaces}
	if exportTo := entry.ServiceEntry.GetExportTo(); !mesh.Public(exportTo) {
		namespaces = mesh.Exports(exportTo, entry.Namespace)
	}
	rules := view.RulesCovering(host)
	for _, namespace := range namespaces {
		picked := mesh.PickRule(rules, view.Federation().Spec.RootNamespace, entry.Namespace, namespace)
		if mutualFor(picked, entry.ServiceEntry) || picked != nil && reportedItself(picked, rules, entry, view) {
			continue
		}
		if len(clients) == 0 {
			first = picked
		}
		clients = append(clients, namespace)
	}
	return clients, first
}

// mutualFor reports whether rule, which may be nil, says ISTIO_MUTUAL for each port
// of entry that Istio makes a cluster for.
func mutualFor(rule *mesh.TrafficRule, entry *networking.ServiceEntry) bool {
	return !slices.ContainsFunc(entry.GetPorts(), func(port *networking.ServicePort) bool {
		return !strings.EqualFold(port.GetProtocol(), "UDP") && (rule == nil || !rule.MutualTLS(port.GetNumber()))
	})
}

// reportedItself reports whether FED201 or FED202 reports a rule, one of rules, that
// lacks ISTIO_MUTUAL and is picked for clients of entry. The latter looks at what
// namespaces of the federation have for their own clients.
func reportedItself(rule *mesh.TrafficRule, rules []*mesh.TrafficRule, entry *mesh.Object, view *mesh.View) bool {
	if view.Federation().Federated(rule.Host) {
		return true
	}
	root, namespace := view.Federation().Spec.RootNamespace, rule.Ref.Namespace
	exportTo := entry.ServiceEntry.GetExportTo()
	visible := mesh.Public(exportTo) || slices.Contains(mesh.Exports(exportTo, entry.Namespace), namespace)
	return visible && namespace != root && mesh.OptedIn(view.NamespaceLabels(namespace)) &&
		mesh.PickRule(rules, root, entry.Namespace, namespace) == rule
}

// anyFederatedRule reports whether there is a DestinationRule for a federated host.
func anyFederatedRule(view *mesh.View) bool {
	federation := view.Federation()
	for _, suffix := range federation.Spec.Hosts.Suffixes {
		for rule := range view.EachRule("*." + suffix) {
			if federation.Federated(rule.Host) {
				return true
			}
		}
	}
	return false
}

// briefName bounds names where a message has many of them.
const briefName = 30

func brief(name string) string { return withoutMiddle(name, briefName) }

// explainUncovered writes the message and the fix of a finding.
func explainUncovered(finding *Finding, entry *mesh.Object, clients []string, picked *mesh.TrafficRule, host string, view *mesh.View) {
	federation := view.Federation()
	message := "gateways reset what " + nameClients(entry, clients) + " send, "
	suffix := "*." + brief(federation.Suffix(host))
	if picked != nil {
		finding.Message = message + "DestinationRule " + withoutMiddle(picked.Ref.Namespace+"/"+picked.Ref.Name, shortName) + " for them lacks ISTIO_MUTUAL"
		finding.Fix = "create one for " + suffix + " there"
		finding.Related = []mesh.Ref{picked.Ref}
		return
	}
	message += "no DestinationRule has ISTIO_MUTUAL for "
	finding.Fix = "create one for " + suffix + " in " + brief(federation.Spec.RootNamespace)
	if hidden := hiddenRule(entry, host, view); hidden != nil {
		finding.Fix = "export DestinationRule " + withoutMiddle(hidden.Ref.Namespace+"/"+hidden.Ref.Name, shortName) + " to them"
		finding.Related = []mesh.Ref{hidden.Ref}
	}
	finding.Message = message + fit(host, finding.Field, message+"; "+finding.Fix)
}

// hiddenRule returns the rule, where there is one, that would do for the clients who
// have none if only it was exported to them.
func hiddenRule(entry *mesh.Object, host string, view *mesh.View) *mesh.TrafficRule {
	root := view.Federation().Spec.RootNamespace
	for _, rule := range view.RulesCovering(host) {
		namespace := rule.Ref.Namespace
		looked := namespace == entry.Namespace || namespace == root
		if looked && !rule.Selective && !mesh.Public(rule.ExportTo) && mutualFor(rule, entry.ServiceEntry) {
			return rule
		}
	}
	return nil
}

// nameClients names the clients of some of the namespaces that entry is exported to.
func nameClients(entry *mesh.Object, namespaces []string) string {
	if !mesh.Public(entry.ServiceEntry.GetExportTo()) {
		if len(namespaces) > 1 {
			return "clients in " + AndMore(append([]string{brief(namespaces[0])}, namespaces[1:]...))
		}
		return "clients in " + brief(namespaces[0])
	}
	switch {
	case len(namespaces) > 1:
		return "clients"
	case namespaces[0] == otherNamespaces:
		return "clients in other namespaces"
	}
	return "clients in " + brief(namespaces[0])
}
