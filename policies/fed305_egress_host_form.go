package policies

import (
	"strings"

	"fedmesh.io/fedmesh/policies/mesh"
)

/*
FED305 egress-host-form: a Sidecar writes federated hosts as they are defined.

Restricted fields of a Sidecar, of the form namespace/host:

	spec.egress[*].hosts[*]

Warned about:

  - a federated host, wildcards under a suffix included, with an upper-case letter or
    a trailing dot
  - the name of a federated host without its suffix, where a ServiceEntry that the
    Sidecar sees (as in FED304) defines the host with the suffix; see FED205

Istio compares byte by byte (istio pilot/pkg/model/sidecar.go, hostClassification).

Allowed: every other host. Exclusions, whose namespace begins with "~", are not looked
at. What is not a host name at all Istio refuses.
*/
func egressHostForm() Rule {
	return Rule{
		ID:      "FED305",
		Name:    "egress-host-form",
		Summary: "a Sidecar writes federated hosts in lower case, without a trailing dot and with their suffix",
		Action:  Warn,
		Applies: []mesh.Kind{mesh.Sidecar},
		Reads:   []mesh.Kind{mesh.ServiceEntry, mesh.Service},
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
			Fix: "Write the host in lower case, without a trailing dot and with the suffix.",
		},
		Check: checkEgressHostForm,
	}
}

func checkEgressHostForm(review Review, view *mesh.View) []Finding {
	scope := newImportScope(review.Object, view.Federation())
	var findings []Finding
	for i, listener := range review.Object.Sidecar.GetEgress() {
		for j, text := range listener.GetHosts() {
			namespace, host := mesh.CutNamespace(text)
			if strings.HasPrefix(namespace, "~") {
				continue
			}
			path := spec().Child("egress").Index(i).Child("hosts").Index(j)
			if finding, found := misspelledHost(path, host, "imports nothing", view, scope.sees); found {
				finding.Value = text
				findings = append(findings, finding)
			}
		}
	}
	return findings
}
