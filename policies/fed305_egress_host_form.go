package policies

import (
	"strings"

	"fedmesh.io/fedmesh/policies/mesh"
)

/*
FED305 egress-host-form: a Sidecar writes federated hosts as they are defined.

Restricted fields of a Sidecar, of the form namespace/host where the host is
federated, wildcards under a suffix included:

	spec.egress[*].hosts[*]

Warned about: an upper-case letter or a trailing dot in the host. Istio compares
byte by byte (istio pilot/pkg/model/sidecar.go, hostClassification).

Allowed: every other form of the host, and every form of one that is not federated.
Exclusions, whose namespace begins with "~", are not looked at. What is not a host
name at all Istio refuses.
*/
func egressHostForm() Rule {
	return Rule{
		ID:      "FED305",
		Name:    "egress-host-form",
		Summary: "a Sidecar writes federated hosts in lower case and without a trailing dot",
		Action:  Warn,
		Applies: []mesh.Kind{mesh.Sidecar},
		Doc: Doc{
			Why: "Istio compares the hosts that a Sidecar lists with those of ServiceEntries byte by byte. A line that is spelled " +
				"otherwise imports nothing, without a word: pods have no cluster, no route and no DNS answer for the host.",
			Bad: `apiVersion: networking.istio.io/v1
kind: Sidecar
metadata: {name: default, namespace: clients}
spec:
  egress: [{hosts: ["./*", "istio-system/*", "*/HTTPBin.bar.global"]}]
`,
			Good: `apiVersion: networking.istio.io/v1
kind: Sidecar
metadata: {name: default, namespace: clients}
spec:
  egress: [{hosts: ["./*", "istio-system/*", "*/httpbin.bar.global"]}]
`,
			Fix: "Write the host in lower case and without a trailing dot.",
		},
		Check: checkEgressHostForm,
	}
}

func checkEgressHostForm(review Review, view *mesh.View) []Finding {
	var findings []Finding
	for i, listener := range review.Object.Sidecar.GetEgress() {
		for j, text := range listener.GetHosts() {
			namespace, host := mesh.CutNamespace(text)
			canonical := mesh.CanonicalHost(host)
			if host == canonical || strings.HasPrefix(namespace, "~") || !view.Federation().Federated(host) {
				continue
			}
			found := "an upper-case letter"
			if strings.HasSuffix(host, ".") {
				found = "a trailing dot"
			}
			findings = append(findings, Finding{
				Field:   spec().Child("egress").Index(i).Child("hosts").Index(j),
				Value:   text,
				Message: quote(host) + " has " + found + " and imports nothing",
				Fix:     "write " + quote(canonical),
			})
		}
	}
	return findings
}
