package policies

import (
	"slices"

	networking "istio.io/api/networking/v1alpha3"

	"fedmesh.io/fedmesh/policies/mesh"
)

/*
FED201 mutual-tls: federated hosts are reached with Istio's mutual TLS.

Restricted fields of a DestinationRule whose host is federated, or a wildcard
whose fixed part is a suffix or under one:

	spec.trafficPolicy.tls
	spec.trafficPolicy.portLevelSettings[*].tls
	spec.subsets[*].trafficPolicy.tls
	spec.subsets[*].trafficPolicy.portLevelSettings[*].tls

Forbidden values, where they decide on a port or on a port of a subset (see
tlsLevels; the ports are those of the entries for the host that the rule can be
picked for, and without any the top level and each port that the rule lists):

  - mode DISABLE, SIMPLE or MUTUAL
  - tls without mode, which is DISABLE
  - no tls, unless there are such entries and automatic mutual TLS covers each of
    them: they select workloads, or all their endpoints are marked for it. The
    serving side needs rules of that kind for its subsets.

Allowed: mode ISTIO_MUTUAL; anything at a level that decides on no port; any rule
for "*", "*.com", "*.local", a short name or an ordinary host.

There is one finding a level, at the tls that must change. A subset that inherits
is not reported beside the level that it inherits from.
*/
func mutualTLS() Rule {
	return Rule{
		ID:      "FED201",
		Name:    "mutual-tls",
		Summary: "a DestinationRule for federated hosts has TLS mode ISTIO_MUTUAL for every port and subset",
		Action:  Deny,
		Applies: []mesh.Kind{mesh.DestinationRule},
		Reads:   []mesh.Kind{mesh.ServiceEntry},
		Doc: Doc{
			Why: "A member's gateway takes nothing but Istio's mutual TLS: plaintext to port 15443 is reset, and TLS of mode " +
				"SIMPLE or MUTUAL has an ALPN that no filter chain of an `AUTO_PASSTHROUGH` server matches. Settings for a port " +
				"replace those above them, so a port or subset that only sets a connection pool loses its TLS.",
			Bad: `apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: httpbin-bar, namespace: foo}
spec:
  host: httpbin.bar.global
  trafficPolicy:
    tls: {mode: ISTIO_MUTUAL}
    portLevelSettings:
    - port: {number: 8000}
      connectionPool: {tcp: {maxConnections: 100}}
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
metadata: {name: httpbin-bar, namespace: foo}
spec:
  host: httpbin.bar.global
  trafficPolicy:
    tls: {mode: ISTIO_MUTUAL}
    portLevelSettings:
    - port: {number: 8000}
      connectionPool: {tcp: {maxConnections: 100}}
      tls: {mode: ISTIO_MUTUAL}
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
			Fix: "Set `tls.mode: ISTIO_MUTUAL` at the level that the finding names.",
		},
		Check: checkMutualTLS,
	}
}

func checkMutualTLS(review Review, view *mesh.View) []Finding {
	rule := federatedRule(review, view)
	if rule == nil {
		return nil
	}
	entries := entriesUnder(review, view)
	automatic := len(entries) > 0 &&
		!slices.ContainsFunc(entries, func(entry *mesh.Entry) bool { return !entry.MutualTLS })

	var findings []Finding
	for _, level := range tlsLevels(rule, tlsPorts(rule, entries)) {
		if level.mutual() || level.tls == nil && automatic {
			continue
		}
		found := level.tls.GetMode().String()
		finding := Finding{
			Field:   level.path(),
			Message: level.name + " has TLS mode " + found + ", which gateways reset",
			Fix:     "set mode: ISTIO_MUTUAL",
		}
		switch {
		case level.tls == nil:
			found = "no TLS"
			finding.Message = level.name + " has no TLS settings, gateways reset plaintext"
			if level.setting != none {
				finding.Message = level.name + " has no TLS settings and inherits none, gateways reset plaintext"
			}
			finding.Fix = "set tls.mode: ISTIO_MUTUAL"
		case originates(level.tls):
			// A name of the public top-level domain looks like this.
			finding.Fix += ", or list the host in hosts.external"
		case !level.writesMode(review.Object):
			finding.Message = level.name + " has TLS mode DISABLE, because tls has no mode; gateways reset that"
		}
		// Paths of levels differ in indices only, which fingerprints leave out;
		// and with another host it is another mistake.
		finding.Value = mesh.CanonicalHost(rule.GetHost()) + ", " + level.name + ": " + found
		findings = append(findings, finding)
	}
	return findings
}

// originates reports whether tls is what a rule for a host outside the mesh has.
func originates(tls *networking.ClientTLSSettings) bool {
	return tls.GetMode() == networking.ClientTLSSettings_SIMPLE || tls.GetMode() == networking.ClientTLSSettings_MUTUAL
}
