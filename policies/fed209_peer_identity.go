package policies

import (
	"slices"

	networking "istio.io/api/networking/v1alpha3"

	"fedmesh.io/fedmesh/policies/mesh"
)

/*
FED209 peer-identity: the peer that a DestinationRule expects behind a federated
host is a workload of the federation.

Restricted fields of a DestinationRule whose host is federated, or a wildcard
whose fixed part is a suffix or under one, where tls decides on a port (as in
FED201) and its mode is not DISABLE, which looks at no certificate:

	spec.trafficPolicy.tls.subjectAltNames[*]
	spec.trafficPolicy.portLevelSettings[*].tls.subjectAltNames[*]
	spec.subsets[*].trafficPolicy.tls.subjectAltNames[*]
	spec.subsets[*].trafficPolicy.portLevelSettings[*].tls.subjectAltNames[*]

Forbidden values, of those that begin with spiffe://: the same as in FED112.

Allowed: none, which leaves it to the ServiceEntry; every SPIFFE ID in a trust
domain of a member; DNS names and other URIs. Where the mode is not ISTIO_MUTUAL,
FED201 speaks of the level and this rule does not.
*/
func rulePeerIdentity() Rule {
	return Rule{
		ID:      "FED209",
		Name:    "peer-identity",
		Summary: "the peer that a DestinationRule expects behind a federated host is a workload of the federation",
		Action:  Deny,
		Applies: []mesh.Kind{mesh.DestinationRule},
		Reads:   []mesh.Kind{mesh.ServiceEntry},
		Doc: Doc{
			Why: "The `subjectAltNames` of TLS settings replace those of the ServiceEntry, and Envoy compares them byte by byte " +
				"with the URI of the peer's certificate. A name that no certificate can have fails every handshake.",
			Bad: `apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: httpbin-bar, namespace: foo}
spec:
  host: httpbin.bar.global
  trafficPolicy:
    tls: {mode: ISTIO_MUTUAL, subjectAltNames: [spiffe://cluster.local/ns/bar/sa/httpbin]}
---
apiVersion: fedmesh.io/v1alpha1
kind: Federation
metadata: {name: default}
spec:
  localMember: cluster-1
  members:
  - {name: cluster-1, network: network-1, trustDomain: foo.com, gateways: [{address: 34.136.67.85}]}
  - {name: cluster-2, network: network-2, trustDomain: bar.com, gateways: [{address: 34.122.11.2}]}
`,
			Good: `apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: httpbin-bar, namespace: foo}
spec:
  host: httpbin.bar.global
  trafficPolicy:
    tls: {mode: ISTIO_MUTUAL, subjectAltNames: [spiffe://bar.com/ns/bar/sa/httpbin]}
---
apiVersion: fedmesh.io/v1alpha1
kind: Federation
metadata: {name: default}
spec:
  localMember: cluster-1
  members:
  - {name: cluster-1, network: network-1, trustDomain: foo.com, gateways: [{address: 34.136.67.85}]}
  - {name: cluster-2, network: network-2, trustDomain: bar.com, gateways: [{address: 34.122.11.2}]}
`,
			Fix: "List the SPIFFE IDs of the workloads behind the host, in the trust domain of their member, or leave it to the ServiceEntry.",
		},
		Check: checkRulePeerIdentity,
	}
}

func checkRulePeerIdentity(review Review, view *mesh.View) []Finding {
	rule := federatedRule(review, view)
	if rule == nil {
		return nil
	}
	// Most rules name no peer, or one of the federation, and need no entries looked
	// at.
	found := map[string][]Finding{} // by level
	levels := slices.DeleteFunc(tlsLevels(rule), func(level tlsLevel) bool {
		if level.tls.GetMode() == networking.ClientTLSSettings_DISABLE {
			return true
		}
		findings := foreignIdentities(level.path.Child("subjectAltNames"), level.tls.GetSubjectAltNames(), view.Federation())
		found[level.path.String()] = findings
		return len(findings) == 0
	})
	if len(levels) == 0 {
		return nil
	}
	reached := destinationsOf(review, view, levels)
	var findings []Finding
	for _, level := range levels {
		if !level.decides(reached.ports) {
			continue
		}
		for _, finding := range found[level.path.String()] {
			// Paths of levels differ in indices only, which fingerprints leave out.
			finding.Value = level.name + ": " + finding.Value
			findings = append(findings, finding)
		}
	}
	return findings
}
