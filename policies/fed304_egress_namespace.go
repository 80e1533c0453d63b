package policies

import (
	"strings"

	"fedmesh.io/fedmesh/policies/mesh"
)

/*
FED304 egress-namespace: a Sidecar imports federated hosts from where they are.

Restricted fields of a Sidecar, of the form namespace/host where the host is
federated, wildcards under a suffix included:

	spec.egress[*].hosts[*]

Forbidden values: a namespace, "." being the Sidecar's own, in which no
ServiceEntry defines the host, or for a wildcard a host that it stands for, or
only entries that are not exported to the Sidecar's namespace.

Allowed: the namespace "*"; exclusions, whose namespace begins with "~"; the host
"*" and hosts that are not federated.

The namespace is that of the ServiceEntry, not the one that the host is named
after. In the root namespace a Sidecar without workloadSelector holds for every
namespace: there "." is the namespace of each client, and an entry is exported to
it when it is exported to anybody.

All of this is a warning at admission, where the entry may be yet to come. Where
the whole set is visible, an entry that can be seen in another namespace makes it
a denial.
*/
func egressNamespace() Rule {
	return Rule{
		ID:      "FED304",
		Name:    "egress-namespace",
		Summary: "a Sidecar imports federated hosts from a namespace that has them",
		Action:  Warn,
		Applies: []mesh.Kind{mesh.Sidecar},
		Reads:   []mesh.Kind{mesh.ServiceEntry},
		Doc: Doc{
			Why: "Istio looks for the host among the ServiceEntries of the namespace that is named, and `bar` in " +
				"`httpbin.bar.global` is not that namespace but the workload's in the other cluster. Where it finds none the line " +
				"imports nothing, without a word: pods have no cluster, no route and no DNS answer for the host.",
			Bad: `apiVersion: networking.istio.io/v1
kind: Sidecar
metadata: {name: default, namespace: clients}
spec:
  egress: [{hosts: ["./*", "istio-system/*", "bar/httpbin.bar.global"]}]
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
kind: Sidecar
metadata: {name: default, namespace: clients}
spec:
  egress: [{hosts: ["./*", "istio-system/*", "foo/httpbin.bar.global"]}]
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
			Fix: "Name the namespace of the ServiceEntry in front of the host; the message says which, where there is one.",
		},
		Check: checkEgressNamespace,
	}
}

func checkEgressNamespace(review Review, view *mesh.View) []Finding {
	scope := newImportScope(review.Object, view.Federation())
	// A host, a wildcard above all, is often listed for many namespaces, and its
	// entries are gone through once for all of them.
	asked := map[string]*imports{}
	forEachImport(review.Object, view.Federation(), func(_, _ int, namespace, host string) {
		if asked[host] == nil {
			asked[host] = &imports{from: map[string]*source{}}
		}
		asked[host].from[scope.within(namespace)] = &source{}
	})
	for host, imports := range asked {
		imports.resolve(scope, host, view)
	}

	var findings []Finding
	forEachImport(review.Object, view.Federation(), func(i, j int, namespace, host string) {
		finding, found := asked[host].finding(scope, namespace, host)
		if !found {
			return
		}
		finding.Field = spec().Child("egress").Index(i).Child("hosts").Index(j)
		finding.Value = review.Object.Sidecar.GetEgress()[i].GetHosts()[j]
		findings = append(findings, finding)
	})
	return findings
}

// forEachImport calls yield for each host that the rule is about, with its
// indices.
func forEachImport(sidecar *mesh.Object, federation *mesh.Federation, yield func(i, j int, namespace, host string)) {
	for i, listener := range sidecar.Sidecar.GetEgress() {
		for j, text := range listener.GetHosts() {
			namespace, host := mesh.CutNamespace(text)
			if namespace != "" && namespace != "*" && !strings.HasPrefix(namespace, "~") && federation.Federated(host) {
				yield(i, j, namespace, host)
			}
		}
	}
}

// importScope is whom a Sidecar imports for.
type importScope struct {
	// namespace is the Sidecar's own.
	namespace string
	// meshWide is whether it holds for the pods of every namespace.
	meshWide bool
}

func newImportScope(sidecar *mesh.Object, federation *mesh.Federation) importScope {
	return importScope{
		namespace: sidecar.Namespace,
		meshWide:  sidecar.Namespace == federation.Spec.RootNamespace && sidecar.Sidecar.GetWorkloadSelector() == nil,
	}
}

// anyNamespace stands for the clients' own, which can be each. No namespace has
// this name.
const anyNamespace = "."

// within is where entries are looked for when namespace is written.
func (s importScope) within(namespace string) string {
	if namespace == "." && !s.meshWide {
		return s.namespace
	}
	return namespace
}

// sees reports whether entry is exported to where the Sidecar holds.
func (s importScope) sees(entry *mesh.Entry) bool {
	return entry.VisibleIn(s.namespace) || s.meshWide && visibleSomewhere(entry)
}

// imports is what a Sidecar has to know of the entries for one host.
type imports struct {
	// from are the namespaces that it imports the host from.
	from map[string]*source
	// elsewhere is the oldest entry that it sees, in whatever namespace, and
	// unseen the oldest of all.
	elsewhere, unseen *mesh.Entry
}

// source is what is known of a namespace.
type source struct {
	// works is whether an entry there is seen.
	works bool
	// hidden is the oldest entry there, where none is seen.
	hidden *mesh.Entry
}

// resolve goes through the entries for host until each namespace is known to
// work. Only where one does not, and messages name entries, that is all of them.
func (m *imports) resolve(scope importScope, host string, view *mesh.View) {
	host = mesh.CanonicalHost(host)
	left := len(m.from)
	for entry := range view.EachEntry(host) {
		seen := scope.sees(entry)
		within := [...]*source{m.from[entry.Ref.Namespace], m.from[anyNamespace]}
		for _, source := range within {
			if source != nil && seen && !source.works {
				source.works = true
				left--
			}
		}
		if left == 0 {
			return
		}
		// A wildcard can cover external hosts; those are not what was meant.
		// Few entries are older than all before them, so that comes first.
		federated := func() bool { return definesFederated(entry, host, view.Federation()) }
		oldest := func(known **mesh.Entry) {
			if (*known == nil || entry.Before(*known)) && federated() {
				*known = entry
			}
		}
		oldest(&m.unseen)
		if seen {
			oldest(&m.elsewhere)
		}
		for _, source := range within {
			if source != nil && !source.works {
				oldest(&source.hidden)
			}
		}
	}
}

// finding returns a finding, without field and value, when namespace/host
// imports nothing.
func (m *imports) finding(scope importScope, namespace, host string) (Finding, bool) {
	source := m.from[scope.within(namespace)]
	if source.works {
		return Finding{}, false
	}
	own := namespace == "."
	if own {
		namespace = scope.namespace
	}
	clients := Quote(scope.namespace)
	if scope.meshWide {
		clients = "the clients' namespace"
	}
	at := func(entry *mesh.Entry) string {
		return "write " + Quote(entry.Ref.Namespace+"/"+mesh.CanonicalHost(host))
	}
	finding := Finding{Message: "imports nothing, " + Quote(namespace) + " has no ServiceEntry for it"}
	switch {
	case source.hidden != nil:
		finding.Message = "imports nothing, " + quoteRef(source.hidden.Ref) + " is not exported here"
		finding.Fix = "export it to " + clients
		finding.Related = []mesh.Ref{source.hidden.Ref}
		if m.elsewhere != nil {
			finding.Fix = at(m.elsewhere)
			finding.Related = append(finding.Related, m.elsewhere.Ref)
		}
	case m.elsewhere != nil:
		finding.Offline = Deny
		finding.Fix = at(m.elsewhere)
		finding.Related = []mesh.Ref{m.elsewhere.Ref}
	case m.unseen != nil:
		finding.Fix = at(m.unseen) + " and export that entry here"
		finding.Related = []mesh.Ref{m.unseen.Ref}
	default:
		finding.Message = "no ServiceEntry for " + Quote(host) + " (it may come in the same apply)"
		finding.Fix = "create one in " + Quote(namespace)
		if own {
			finding.Fix = "create one in " + clients
		}
	}
	return finding, true
}
