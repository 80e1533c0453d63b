package policies

import (
	"slices"

	"fedmesh.io/fedmesh/policies/mesh"
)

/*
FED202 shadowed-mutual-tls: a rule for all hosts leaves federated ones their mutual
TLS.

Restricted fields of a DestinationRule in an opted-in namespace whose host is "*", or
a wildcard that covers a whole suffix without being under it ("*.global" where the
suffix is mesh.global):

	spec.trafficPolicy.tls
	spec.trafficPolicy.portLevelSettings[*].tls
	spec.subsets[*].trafficPolicy.tls
	spec.subsets[*].trafficPolicy.portLevelSettings[*].tls

Warned about: every mode but ISTIO_MUTUAL, and no tls at all, at a level that decides
(as in FED201) on a port of a federated host for which Istio picks this rule for
clients of its own namespace. Among the rules of that namespace it takes the most
specific one, and looks nowhere else when there is any.

Allowed: hosts that automatic mutual TLS covers, or that are outside the mesh; hosts
that a more specific rule of the namespace is for; "*.com", "*.local" and every other
wildcard that covers no suffix. In the root namespace the rule for a suffix is the
more specific one, so nothing there is looked at.
*/
func shadowedMutualTLS() Rule {
	return Rule{
		ID:      "FED202",
		Name:    "shadowed-mutual-tls",
		Summary: "a DestinationRule for all hosts leaves federated ones their mutual TLS",
		Action:  Warn,
		Applies: []mesh.Kind{mesh.DestinationRule},
		Reads:   []mesh.Kind{mesh.ServiceEntry, mesh.DestinationRule},
		Doc: Doc{
			Why: "Istio looks for a rule in the client's namespace first, and any that covers the host wins over the rule for " +
				"`*.global` in the root namespace; nothing is merged across namespaces. A rule for `*` that sets a connection pool " +
				"turns every federated host to plaintext for the clients of its namespace, and gateways reset that.",
			Bad: `apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: everything, namespace: clients}
spec:
  host: "*"
  trafficPolicy:
    connectionPool: {tcp: {maxConnections: 100}}
---
apiVersion: v1
kind: Namespace
metadata: {name: clients, labels: {fedmesh.io/federation: enabled}}
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
kind: DestinationRule
metadata: {name: everything, namespace: clients}
spec:
  host: "*"
  trafficPolicy:
    connectionPool: {tcp: {maxConnections: 100}}
---
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: federated, namespace: clients}
spec:
  host: "*.global"
  trafficPolicy:
    connectionPool: {tcp: {maxConnections: 100}}
    tls: {mode: ISTIO_MUTUAL}
---
apiVersion: v1
kind: Namespace
metadata: {name: clients, labels: {fedmesh.io/federation: enabled}}
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
			Fix: "Add a DestinationRule for the suffix, such as `*.global`, with mode `ISTIO_MUTUAL` to the same namespace.",
		},
		Check: checkShadowedMutualTLS,
	}
}

func checkShadowedMutualTLS(review Review, view *mesh.View) []Finding {
	object, federation := review.Object, view.Federation()
	host := object.DestinationRule.GetHost()
	namespace := object.Namespace
	if federation.Federated(host) || namespace == federation.Spec.RootNamespace || !mesh.OptedIn(view.NamespaceLabels(namespace)) {
		return nil
	}
	suffixes := federatedPatterns(host, federation)
	levels := slices.DeleteFunc(tlsLevels(object.DestinationRule), tlsLevel.mutual)
	if len(suffixes) == 0 || len(levels) == 0 {
		return nil
	}
	local := newLocalRules(object, view)
	shadowed := make([]shadow, len(levels))
	for _, suffix := range suffixes {
		// Where the namespace has a rule for the suffix, it has one for all under it.
		if local.pick(suffix) {
			local.findShadowed(shadowed, levels, suffix, view)
		}
	}
	var findings []Finding
	for i, level := range levels {
		if shadowed[i].entry == nil {
			continue
		}
		found := "no TLS settings"
		if level.tls != nil {
			found = "TLS mode " + level.tls.GetMode().String()
		}
		before, after := shortLevel(level.name)+" has "+found+" and is for ", " too, whose gateway resets that"
		finding := Finding{
			Field: level.path,
			// Paths of levels differ in indices only, which fingerprints leave out.
			Value:   host + ", " + level.name + ": " + found,
			Fix:     "add a rule for " + withoutMiddle(shadowed[i].pattern, shortName) + " with ISTIO_MUTUAL here",
			Related: []mesh.Ref{shadowed[i].entry.Ref},
		}
		finding.Message = before + fit(shadowed[i].host, level.path, before+after+"; "+finding.Fix) + after
		findings = append(findings, finding)
	}
	return findings
}

// shadow is a federated host that gets the TLS settings of a rule for all hosts.
type shadow struct {
	federatedHost
	pattern string // the suffix, as a wildcard
}

// localRules are the DestinationRules of one namespace, that under review included.
type localRules struct {
	reviewed *mesh.TrafficRule
	byHost   map[string][]*mesh.TrafficRule
}

func newLocalRules(object *mesh.Object, view *mesh.View) localRules {
	rules := localRules{reviewed: mesh.NewTrafficRule(object), byHost: map[string][]*mesh.TrafficRule{}}
	// A rule with a workloadSelector is for some clients, and the others have no rule
	// at all while it is the most specific one.
	rules.reviewed.Selective = false
	for _, rule := range mesh.InsertRule(view.RulesIn(object.Namespace), rules.reviewed) {
		rules.byHost[rule.Host] = append(rules.byHost[rule.Host], rule)
	}
	return rules
}

// pick reports whether Istio picks the rule under review for host, for clients of
// its own namespace. It asks nobody.
func (l localRules) pick(host string) bool {
	var covering []*mesh.TrafficRule
	for _, pattern := range mesh.CoveringPatterns(host) {
		covering = append(covering, l.byHost[pattern]...)
	}
	// The first step of Istio's search is within the client's namespace, and here it
	// is the only one: neither owner nor root namespace have other rules.
	return mesh.PickRule(covering, anyOther, anyOther, l.reviewed.Ref.Namespace) == l.reviewed
}

// findShadowed looks, for each of levels, for a federated host under pattern that it
// decides on, unless there is one already.
func (l localRules) findShadowed(shadowed []shadow, levels []tlsLevel, pattern string, view *mesh.View) {
	asked := 0
	for entry := range view.EachEntry(pattern) {
		if asked++; asked > mostHosts {
			return // where as many are not shadowed, it is not worth the time
		}
		if entry.MutualTLS || entry.External || !entry.VisibleIn(l.reviewed.Ref.Namespace) {
			continue
		}
		i := slices.IndexFunc(entry.Hosts, func(host string) bool {
			return slices.Contains(mesh.CoveringPatterns(host), pattern) && view.Federation().Federated(host) && l.pick(host)
		})
		if i < 0 {
			continue
		}
		ports := map[uint32]bool{}
		for _, port := range entry.Ports {
			ports[port] = true
		}
		left := 0
		for j, level := range levels {
			if shadowed[j].entry == nil && level.decides(ports) {
				shadowed[j] = shadow{federatedHost{entry.Hosts[i], entry}, pattern}
			}
			if shadowed[j].entry == nil {
				left++
			}
		}
		if left == 0 {
			return
		}
	}
}
