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
	// Rules that are right everywhere, as the one for the whole mesh is, need no
	// entries looked at.
	levels := slices.DeleteFunc(tlsLevels(rule), tlsLevel.mutual)
	if len(levels) == 0 {
		return nil
	}
	reached := destinationsOf(review, view, levels)
	var findings []Finding
	for _, level := range levels {
		if !level.decides(reached.ports) || level.tls == nil && reached.automatic {
			continue
		}
		found := level.tls.GetMode().String()
		name, public := level.name, ""
		if mayBePublic(rule, level, reached, view.Federation()) {
			name, public = shortLevel(level.name), ", or name a public host in hosts.external of the Federation"
		}
		finding := Finding{
			Field:   level.path,
			Message: name + " has TLS mode " + found + ", which gateways reset",
			Fix:     "set mode: ISTIO_MUTUAL",
		}
		switch {
		case level.tls == nil:
			found = "no TLS"
			finding.Message = name + " has no TLS settings, gateways reset plaintext"
			if level.port != otherPort {
				finding.Message = name + " has no TLS settings and inherits none, gateways reset plaintext"
			}
			finding.Fix = "set tls.mode: ISTIO_MUTUAL"
		case !originates(level.tls) && !level.writesMode(review.Object):
			finding.Message = name + " has TLS mode DISABLE, because tls has no mode; gateways reset that"
		}
		finding.Fix += public
		// Paths of levels differ in indices only, which fingerprints leave out;
		// and with another host it is another mistake.
		finding.Value = mesh.CanonicalHost(rule.GetHost()) + ", " + level.name + ": " + found
		findings = append(findings, finding)
	}
	return findings
}

// mayBePublic reports whether the rule's host can be a name of the public domain
// that a suffix happens to be: a rule for such a host often originates TLS, and
// there is no entry that makes it a part of the mesh. A whole suffix is never
// meant: nothing would be federated if hosts.external had it.
func mayBePublic(rule *networking.DestinationRule, level tlsLevel, reached destinations, federation *mesh.Federation) bool {
	host := mesh.CanonicalHost(rule.GetHost())
	return host != "*."+federation.Suffix(host) && (originates(level.tls) || !reached.known || reached.external)
}

// shortLevel is the name of a level where the message is long: a subset's name is
// cut, so that the whole stays below the 256 characters that kubectl shows. The
// field tells which level it is.
func shortLevel(name string) string { return withoutMiddle(name, 36) }

// originates reports whether tls is what a rule for a host outside the mesh has.
func originates(tls *networking.ClientTLSSettings) bool {
	return tls.GetMode() == networking.ClientTLSSettings_SIMPLE || tls.GetMode() == networking.ClientTLSSettings_MUTUAL
}
