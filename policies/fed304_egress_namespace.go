package policies

import (
	"slices"
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
	var findings []Finding
	defining := map[string][]*mesh.Entry{} // a wildcard is often listed for many namespaces
	for i, listener := range review.Object.Sidecar.GetEgress() {
		for j, text := range listener.GetHosts() {
			namespace, host := mesh.CutNamespace(text)
			if namespace == "" || namespace == "*" || strings.HasPrefix(namespace, "~") || !view.Federation().Federated(host) {
				continue
			}
			entries, asked := defining[host]
			if !asked {
				entries = view.EntriesOf(host)
				defining[host] = entries
			}
			finding, found := voidImport(review.Object, namespace, host, entries, view.Federation())
			if !found {
				continue
			}
			finding.Field = spec().Child("egress").Index(i).Child("hosts").Index(j)
			finding.Value = text
			findings = append(findings, finding)
		}
	}
	return findings
}

// voidImport returns a finding, without field and value, when namespace/host
// imports none of entries, which define the host. They come oldest first, and so
// does what messages name.
func voidImport(sidecar *mesh.Object, namespace, host string, entries []*mesh.Entry, federation *mesh.Federation) (Finding, bool) {
	meshWide := sidecar.Namespace == federation.Spec.RootNamespace && sidecar.Sidecar.GetWorkloadSelector() == nil
	visible := func(entry *mesh.Entry) bool {
		return entry.VisibleIn(sidecar.Namespace) || meshWide && visibleSomewhere(entry)
	}
	own := namespace == "."
	if own {
		namespace = sidecar.Namespace
	}
	within := func(entry *mesh.Entry) bool {
		// Each client's own namespace can be any.
		return entry.Ref.Namespace == namespace || own && meshWide
	}
	if slices.ContainsFunc(entries, func(entry *mesh.Entry) bool { return within(entry) && visible(entry) }) {
		return Finding{}, false
	}

	// A wildcard can cover external hosts; those are not what was meant.
	federated := func(entry *mesh.Entry) bool { return definesFederated(entry, mesh.CanonicalHost(host), federation) }
	hidden, isHidden := first(entries, func(entry *mesh.Entry) bool { return within(entry) && federated(entry) })
	elsewhere, isElsewhere := first(entries, func(entry *mesh.Entry) bool { return visible(entry) && federated(entry) })
	unseen, isUnseen := first(entries, federated)

	clients := quote(sidecar.Namespace)
	if meshWide {
		clients = "the clients' namespace"
	}
	at := func(entry *mesh.Entry) string {
		return "write " + quote(entry.Ref.Namespace+"/"+mesh.CanonicalHost(host))
	}
	finding := Finding{Message: "imports nothing, " + quote(namespace) + " has no ServiceEntry for it"}
	switch {
	case isHidden:
		finding.Message = "imports nothing, " + quoteRef(hidden.Ref) + " is not exported here"
		finding.Fix = "export it to " + clients
		finding.Related = []mesh.Ref{hidden.Ref}
		if isElsewhere {
			finding.Fix = at(elsewhere)
			finding.Related = append(finding.Related, elsewhere.Ref)
		}
	case isElsewhere:
		finding.Offline = Deny
		finding.Fix = at(elsewhere)
		finding.Related = []mesh.Ref{elsewhere.Ref}
	case isUnseen:
		finding.Fix = at(unseen) + " and export that entry here"
		finding.Related = []mesh.Ref{unseen.Ref}
	default:
		finding.Message = "no ServiceEntry for " + quote(host) + " (it may come in the same apply)"
		finding.Fix = "create one in " + quote(namespace)
		if own {
			finding.Fix = "create one in " + clients
		}
	}
	return finding, true
}

// first returns the first of entries that fits.
func first(entries []*mesh.Entry, fits func(*mesh.Entry) bool) (*mesh.Entry, bool) {
	if i := slices.IndexFunc(entries, fits); i >= 0 {
		return entries[i], true
	}
	return nil, false
}
