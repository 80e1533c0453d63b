package policies

import "fedmesh.io/fedmesh/policies/mesh"

/*
FED205 host-spelling: a DestinationRule writes a federated host as it is defined.

Restricted fields of a DestinationRule:

	spec.host

Warned about:

  - a federated host, or a wildcard under a suffix, with an upper-case letter or a
    trailing dot
  - the name of a federated host without its suffix, such as httpbin.bar, where a
    ServiceEntry that the rule can be picked for (see reaches) defines the host with
    the suffix, no entry defines it without, and there is no Service httpbin in
    namespace bar

Allowed: every other host, with or without a dot, whether anything has that name or
not; a name without suffix where no Service at all is known, as in many files.
*/
func ruleHostSpelling() Rule {
	return Rule{
		ID:      "FED205",
		Name:    "host-spelling",
		Summary: "a DestinationRule writes federated hosts in lower case, without a trailing dot and with their suffix",
		Action:  Warn,
		Applies: []mesh.Kind{mesh.DestinationRule},
		Reads:   []mesh.Kind{mesh.ServiceEntry, mesh.Service},
		Doc: Doc{
			Why: "Istio compares the host of a DestinationRule with those of services byte by byte, and takes every name with a " +
				"dot in it for a whole one. A rule for `httpbin.bar` or `HTTPBin.bar.global` is accepted and is for no host at all; " +
				"what it says of TLS, pools and subsets is not applied.",
			Bad: `apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: httpbin-bar, namespace: foo}
spec:
  host: HTTPBin.bar.global
  trafficPolicy: {tls: {mode: ISTIO_MUTUAL}}
`,
			Good: `apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: httpbin-bar, namespace: foo}
spec:
  host: httpbin.bar.global
  trafficPolicy: {tls: {mode: ISTIO_MUTUAL}}
`,
			Fix: "Write the host in lower case, without a trailing dot and with the suffix.",
		},
		Check: checkRuleHostSpelling,
	}
}

func checkRuleHostSpelling(review Review, view *mesh.View) []Finding {
	sees := func(entry *mesh.Entry) bool {
		return reaches(review.Object, entry, view.Federation().Spec.RootNamespace)
	}
	finding, found := misspelledHost(spec().Child("host"), review.Object.DestinationRule.GetHost(), "matches nothing", view, sees)
	if !found {
		return nil
	}
	return []Finding{finding}
}
