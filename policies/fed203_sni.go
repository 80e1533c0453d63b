package policies

import (
	"slices"
	"strconv"
	"strings"

	"k8s.io/apimachinery/pkg/util/validation"

	"fedmesh.io/fedmesh/policies/mesh"
)

/*
FED203 sni: the SNI of a federated host is one that a gateway knows.

Restricted fields of a DestinationRule whose host is federated, or a wildcard
whose fixed part is a suffix or under one, where tls has mode ISTIO_MUTUAL and
decides on a port (as in FED201):

	spec.trafficPolicy.tls.sni
	spec.trafficPolicy.portLevelSettings[*].tls.sni
	spec.subsets[*].trafficPolicy.tls.sni
	spec.subsets[*].trafficPolicy.portLevelSettings[*].tls.sni

Forbidden values: a federated host, such as the rule's own. Anything else that is
not of the form below is a warning.

Allowed: none, which is what Istio makes of port, subset and host;
outbound_.<port>_.<subset>_.<fqdn>, which reaches a service of the other side by
another name. Rules for ordinary hosts, those of an egress gateway among them,
may name any SNI.
*/
func sni() Rule {
	return Rule{
		ID:      "FED203",
		Name:    "sni",
		Summary: "mutual TLS to a federated host leaves the SNI to Istio or has the form that gateways match",
		Action:  Deny,
		Applies: []mesh.Kind{mesh.DestinationRule},
		Reads:   []mesh.Kind{mesh.ServiceEntry},
		Doc: Doc{
			Why: "An `AUTO_PASSTHROUGH` gateway has one filter chain for each port and subset of a service, and finds it by the SNI " +
				"`outbound_.<port>_.<subset>_.<fqdn>`. A rule's `sni` is sent as it stands, for every port and subset, and for a " +
				"plain host name there is no chain: the gateway closes the connection.",
			Bad: `apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: httpbin-bar, namespace: foo}
spec:
  host: httpbin.bar.global
  trafficPolicy:
    tls: {mode: ISTIO_MUTUAL, sni: httpbin.bar.global}
`,
			Good: `apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: httpbin-bar, namespace: foo}
spec:
  host: httpbin.bar.global
  trafficPolicy:
    tls: {mode: ISTIO_MUTUAL}
`,
			Fix: "Remove `sni`: Istio makes the right one for each port and subset.",
		},
		Check: checkSNI,
	}
}

func checkSNI(review Review, view *mesh.View) []Finding {
	rule := federatedRule(review, view)
	if rule == nil {
		return nil
	}
	// Most rules name no SNI, and need no entries looked at.
	levels := slices.DeleteFunc(tlsLevels(rule), func(l tlsLevel) bool {
		return !l.mutual() || l.tls.GetSni() == "" || isClusterSNI(l.tls.GetSni())
	})
	if len(levels) == 0 {
		return nil
	}
	found := destinationsOf(review, view, levels)
	var findings []Finding
	for _, level := range levels {
		if !level.decides(found.ports) {
			continue
		}
		sni := level.tls.GetSni()
		finding := Finding{
			Field: level.path.Child("sni"),
			// Paths of levels differ in indices only, which fingerprints leave out.
			Value:   level.name + ": " + sni,
			Message: "no gateway matches SNI " + Quote(sni),
			Fix:     "remove it",
		}
		if !isHost(sni) || !view.Federation().Federated(sni) {
			finding.Action = Warn
			finding.Fix = "remove it or write outbound_.<port>_.<subset>_.<fqdn>"
		}
		findings = append(findings, finding)
	}
	return findings
}

// isHost reports whether text can be the name of a host. What looks like a
// garbled SNI of a cluster is none, though it ends in a suffix.
func isHost(text string) bool {
	return len(validation.IsDNS1123Subdomain(strings.TrimPrefix(mesh.CanonicalHost(text), "*."))) == 0
}

// isClusterSNI reports whether sni has the form that Istio gives a cluster's,
// outbound_.<port>_.<subset>_.<fqdn>; without subset that part is empty (istio
// pilot/pkg/model/service.go, BuildDNSSrvSubsetKey).
func isClusterSNI(sni string) bool {
	parts := strings.SplitN(sni, "_.", 4)
	if len(parts) != 4 || parts[0] != "outbound" {
		return false
	}
	port, err := strconv.ParseUint(parts[1], 10, 16)
	return err == nil && port > 0 &&
		strings.Contains(parts[3], ".") && len(validation.IsDNS1123Subdomain(parts[3])) == 0
}
