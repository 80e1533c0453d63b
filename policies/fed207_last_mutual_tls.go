package policies

import (
	"slices"

	"k8s.io/apimachinery/pkg/util/validation/field"

	"fedmesh.io/fedmesh/policies/mesh"
)

/*
FED207 last-mutual-tls: federated hosts keep a DestinationRule that gives them mutual
TLS.

Warned about: deleting a DestinationRule, or changing these fields of it,

	spec.host
	spec.exportTo

while a ServiceEntry defines a federated host for which Istio has picked the rule for
some clients, on a port that the rule has ISTIO_MUTUAL for, and picks none with that
mode for them afterwards. What a change does to the mode itself is FED201's.

Allowed: hosts that automatic mutual TLS covers, or that are outside the mesh; all of
it while the namespace of the rule is being deleted.

It is never denied: which of several objects is deleted first is the user's choice.
*/
func lastMutualTLS() Rule {
	return Rule{
		ID:        "FED207",
		Name:      "last-mutual-tls",
		Summary:   "a DestinationRule that gives federated hosts mutual TLS goes after their ServiceEntries",
		Action:    Warn,
		Deletions: true,
		Applies:   []mesh.Kind{mesh.DestinationRule},
		Reads:     []mesh.Kind{mesh.ServiceEntry, mesh.DestinationRule, mesh.Namespace},
		Doc: Doc{
			Why: "Without a DestinationRule that says `ISTIO_MUTUAL`, Istio sends plaintext to endpoints that are not marked for " +
				"its mutual TLS, and a member's gateway resets that. The one rule for `*.global` is all that most meshes have: " +
				"without it every federated host fails at once.",
			Bad: `# deleted
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: federated, namespace: istio-system}
spec:
  host: "*.global"
  trafficPolicy: {tls: {mode: ISTIO_MUTUAL}}
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
			Good: `# deleted
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: federated, namespace: istio-system}
spec:
  host: "*.global"
  trafficPolicy: {tls: {mode: ISTIO_MUTUAL}}
---
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: federated-hosts, namespace: istio-system}
spec:
  host: "*.global"
  trafficPolicy: {tls: {mode: ISTIO_MUTUAL}}
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
			Fix: "Create the DestinationRule that takes its place first, or delete the ServiceEntries as well.",
		},
		Check: checkLastMutualTLS,
	}
}

func checkLastMutualTLS(review Review, view *mesh.View) []Finding {
	change, taken := newCoverageChange(review, view.Federation().Spec.RootNamespace)
	if !taken {
		return nil
	}
	patterns := federatedPatterns(change.written, view.Federation())
	if len(patterns) == 0 || view.Terminating(review.Object.Namespace) {
		return nil
	}
	var lost []federatedHost
	var client string
	for _, federated := range hostsUnder(patterns, view, func(e *mesh.Entry) bool { return !e.MutualTLS && !e.External }) {
		at, is := change.loses(federated, view.RulesCovering(federated.host))
		if !is || len(lost) > 0 && lost[0].host == federated.host {
			continue
		}
		if lost = append(lost, federated); len(lost) > 1 {
			break // one to name, and one to know that there are more
		}
		client = at
	}
	if len(lost) == 0 {
		return nil
	}
	finding := Finding{
		Field:   change.field,
		Value:   change.written,
		Excused: true,
		Fix:     "create another rule first",
		Related: []mesh.Ref{lost[0].entry.Ref},
	}
	before, after := "changed like this, the rule leaves ", " without ISTIO_MUTUAL"
	switch {
	case len(lost) > 1 && review.Deleted:
		before, after = "without this rule ", " and others have no ISTIO_MUTUAL"
	case review.Deleted:
		before, after = "without this rule ", " has no ISTIO_MUTUAL"
	case len(lost) > 1:
		after = " and others" + after
	}
	if client != anyOther {
		after += " for clients in " + Quote(client)
	}
	after += ", and gateways reset plaintext"
	finding.Message = before + fit(lost[0].host, change.field, before+after+"; "+finding.Fix) + after
	return []Finding{finding}
}

// coverageChange is a DestinationRule with mutual TLS that is deleted or changed.
type coverageChange struct {
	before, after *mesh.TrafficRule // after is nil for one that is deleted
	written       string            // the host as it was written
	field         *field.Path
	root          string
}

// newCoverageChange returns what becomes of the rule under review, and false where
// that takes nothing away from any host.
func newCoverageChange(review Review, root string) (coverageChange, bool) {
	change := coverageChange{field: spec().Child("host"), root: root}
	switch {
	case review.Deleted:
		change.before = mesh.NewTrafficRule(review.Object)
		change.written = review.Object.DestinationRule.GetHost()
		return change, true
	case review.Old == nil:
		return change, false
	}
	change.before, change.after = mesh.NewTrafficRule(review.Old), mesh.NewTrafficRule(review.Object)
	change.written = review.Old.DestinationRule.GetHost()
	if change.before.Host != change.after.Host {
		return change, true
	}
	change.field = spec().Child("exportTo")
	return change, !slices.Equal(change.before.ExportTo, change.after.ExportTo)
}

// loses reports whether some clients lose mutual TLS to a federated host, for which
// there are the other rules as well, and which these are.
func (c coverageChange) loses(federated federatedHost, others []*mesh.TrafficRule) (client string, is bool) {
	before, after := mesh.InsertRule(others, c.before), others
	if c.after != nil && slices.Contains(mesh.CoveringPatterns(federated.host), c.after.Host) {
		after = mesh.InsertRule(others, c.after)
	}
	owner := federated.entry.Ref.Namespace
	for _, client := range clientsOf(c.before, federated.entry) {
		if mesh.PickRule(before, c.root, owner, client) != c.before {
			continue
		}
		next := mesh.PickRule(after, c.root, owner, client)
		if next != nil && next == c.after {
			continue // its mode is FED201's
		}
		for _, port := range federated.entry.Ports {
			if c.before.MutualTLS(port) && (next == nil || !next.MutualTLS(port)) {
				return client, true
			}
		}
	}
	return "", false
}
