package policies

import (
	"slices"
	"strings"

	"fedmesh.io/fedmesh/policies/api/v1alpha1"
	"fedmesh.io/fedmesh/policies/mesh"
)

/*
FED101 host-form: a federated host is spelled as everybody else spells it.

Restricted fields of a ServiceEntry with a federated host:

	spec.hosts[*], the federated ones

Forbidden values, whatever hosts.pattern says:

  - a wildcard (*.global, *.bar.global)
  - a suffix of hosts.suffixes itself (global)
  - an upper-case letter or a trailing dot

Forbidden with hosts.pattern NameNamespace: fewer or more labels than
<name>.<namespace>.<suffix> for one of hosts.suffixes. What is no label, such as an
empty one, Istio refuses by itself (pkg/config/validation/agent/validation.go,
ValidateWildcardDomain).

Allowed: every other host; with hosts.pattern Any also names of any number of
labels (stage.greeting.global, greeting.global). Hosts that are not federated
are not looked at.
*/
func hostForm() Rule {
	return Rule{
		ID:      "FED101",
		Name:    "host-form",
		Summary: "a federated host is spelled as everybody else spells it",
		Action:  Deny,
		Applies: []mesh.Kind{mesh.ServiceEntry},
		Doc: Doc{
			Why: "Istio compares host names byte by byte. A host in another spelling misses the mesh-wide DestinationRule, " +
				"the gateway's server and every Sidecar that imports it: its clients send plaintext to port 15443.",
			Bad: `apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: httpbin-bar, namespace: foo}
spec:
  hosts: [Httpbin.bar.global]
  addresses: [240.0.0.2]
  location: MESH_INTERNAL
  resolution: DNS
  ports: [{number: 8000, name: http, protocol: HTTP}]
  endpoints: [{address: gateway.bar.com, ports: {http: 15443}}]
`,
			Good: `apiVersion: networking.istio.io/v1
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
			Fix: "Write the host in lower case as `<name>.<namespace>.<suffix>`, or declare `hosts.pattern: Any` where names have another form.",
		},
		Check: checkHostForm,
	}
}

func checkHostForm(review Review, view *mesh.View) []Finding {
	entry, hosts := federatedEntry(review, view)
	var findings []Finding
	for _, i := range hosts {
		host := entry.GetHosts()[i]
		if wrong, fix := hostFault(host, view.Federation()); wrong != "" {
			findings = append(findings, Finding{
				Field:   spec().Child("hosts").Index(i),
				Value:   host,
				Message: Quote(host) + " " + wrong,
				Fix:     fix,
			})
		}
	}
	return findings
}

// hostFault says what is wrong with the form of a federated host and how it is
// mended. What cannot be mended by respelling comes first, so that the spelling
// that a message asks for is one that passes.
func hostFault(host string, federation *mesh.Federation) (wrong, fix string) {
	canonical := mesh.CanonicalHost(host)
	hosts := federation.Spec.Hosts
	form := "<name>.<namespace>." + Quote(federation.Suffix(host))
	if hosts.Pattern == v1alpha1.HostPatternAny {
		form = "<name>." + Quote(federation.Suffix(host))
	}
	switch {
	case mesh.IsWildcard(canonical):
		return "is a wildcard, which DNS cannot answer with an address", "list each host by its name"
	case slices.Contains(hosts.Suffixes, canonical):
		return "is the suffix itself, not a host below it", "write " + form
	case hosts.Pattern != v1alpha1.HostPatternAny && !twoLabels(canonical, hosts.Suffixes):
		return "is not " + form, "rename it, or declare hosts.pattern: Any in the Federation"
	case canonical != strings.TrimSuffix(host, "."):
		return "has an upper-case letter, and Istio compares byte by byte", "write " + Quote(canonical)
	case canonical != host:
		return "has a trailing dot, and Istio compares byte by byte", "write " + Quote(canonical)
	}
	return "", ""
}

// twoLabels reports whether a canonical host is <name>.<namespace>.<suffix> for
// one of suffixes, whatever form the labels have.
func twoLabels(host string, suffixes []string) bool {
	return slices.ContainsFunc(suffixes, func(suffix string) bool {
		_, namespace, ok := cutSuffix(host, suffix)
		return ok && !strings.Contains(namespace, ".")
	})
}

func cutSuffix(host, suffix string) (name, namespace string, ok bool) {
	names, under := strings.CutSuffix(host, "."+suffix)
	name, namespace, two := strings.Cut(names, ".")
	return name, namespace, under && two
}
