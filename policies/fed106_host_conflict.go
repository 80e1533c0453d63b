package policies

import (
	"slices"

	"k8s.io/apimachinery/pkg/util/validation/field"

	"fedmesh.io/fedmesh/policies/mesh"
)

/*
FED106 host-conflict: a federated host is defined once for a client.

Restricted fields of a ServiceEntry with a federated host:

	spec.hosts[*], the federated ones
	spec.exportTo

Forbidden values: a host that another entry defines, or this one a second time,
at the same level:

  - both are public: exportTo has "*" or is absent
  - both are not, and are exported to a namespace in common ("." is the entry's
    own namespace, "~" is none)

Hosts are compared in lower case and without a trailing dot.

Allowed: a public entry beside one that is not (Istio's own way to override a
host for some namespaces), entries that are exported to different namespaces,
entries of another control plane revision.

An entry can take over from another one of its namespace, which it names in the
annotation fedmesh.io/replaces. While that one is the only other that defines the
host at the same level, there is a warning: it is to be deleted. Where there are
further ones, the finding is about those. The entry that is replaced is reported
like any other, because the index does not keep who replaces it.

At admission the API server confirms that the other entries still define the host
before that denies. Claims (webhook/claims) make the rule hold between requests
at the same moment as well, for entries that are public or exported to a single
namespace.
*/
func hostConflict() Rule {
	return Rule{
		ID:        "FED106",
		Name:      "host-conflict",
		Summary:   "a federated host is defined once for a client",
		Action:    Deny,
		Exclusive: true,
		Applies:   []mesh.Kind{mesh.ServiceEntry},
		Reads:     []mesh.Kind{mesh.ServiceEntry},
		Doc: Doc{
			Why: "In one namespace, DNS answers with the addresses of all entries for the host, and connections to those of " +
				"the younger ones are reset. Across namespaces the oldest entry is used and the others are ignored without a word.",
			Bad: `apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: httpbin-again, namespace: foo}
spec:
  hosts: [httpbin.bar.global]
  addresses: [240.0.0.3]
  location: MESH_INTERNAL
  resolution: DNS
  ports: [{number: 8000, name: http, protocol: HTTP}]
  endpoints: [{address: gateway.bar.com, ports: {http: 15443}}]
---
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: httpbin-bar, namespace: foo}
spec:
  hosts: [httpbin.bar.global]
  addresses: [240.0.0.2]
`,
			Good: `apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: httpbin-again, namespace: foo}
spec:
  hosts: [httpbin.bar.global]
  addresses: [240.0.0.3]
  exportTo: ["."]
  location: MESH_INTERNAL
  resolution: DNS
  ports: [{number: 8000, name: http, protocol: HTTP}]
  endpoints: [{address: gateway.bar.com, ports: {http: 15443}}]
---
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: httpbin-bar, namespace: foo}
spec:
  hosts: [httpbin.bar.global]
  addresses: [240.0.0.2]
`,
			Fix: "Keep one entry for the host; where namespaces need one of their own, set its `exportTo` to them. " +
				"To rename an entry, annotate the new one with `fedmesh.io/replaces: <name of the old one>` and then delete the old one.",
		},
		Check: checkHostConflict,
	}
}

func checkHostConflict(review Review, view *mesh.View) []Finding {
	entry, hosts := federatedEntry(review, view)
	own := review.Object.Namespace
	predecessor, _ := review.Object.Predecessor()
	var takenOver, findings []Finding
	first := map[string]*field.Path{} // by canonical host
	for _, i := range hosts {
		host := mesh.CanonicalHost(entry.GetHosts()[i])
		path := spec().Child("hosts").Index(i)
		if before, twice := first[host]; twice {
			if mesh.SameLevel(entry.GetExportTo(), own, entry.GetExportTo(), own) {
				findings = append(findings, Finding{
					Field:   path,
					Value:   host,
					Message: Quote(host) + " is listed already as " + before.String(),
					Fix:     "remove one of the two",
				})
			}
			continue
		}
		first[host] = path

		others := slices.DeleteFunc(view.DefinersOf(host), func(other *mesh.Entry) bool {
			return !mesh.SameLevel(entry.GetExportTo(), own, other.ExportTo, other.Ref.Namespace)
		})
		switch {
		case len(others) == 0:
		case len(others) == 1 && others[0].Ref == predecessor:
			takenOver = append(takenOver, takeover(predecessor, host, Quote(host)+" is taken over from "+quoteRef(predecessor)))
		default:
			findings = append(findings, definedBy(others, review.Object, path, host))
		}
	}
	return append(takenOver, findings...)
}

// definedBy is the finding on a host of object that others, the oldest first,
// define at the same level. One of them can be the predecessor, not the only one.
func definedBy(others []*mesh.Entry, object *mesh.Object, path *field.Path, host string) Finding {
	predecessor, _ := object.Predecessor()
	finding := Finding{
		Field: path,
		Value: host,
		Fix:   "keep one of the two entries for it",
	}
	for _, other := range others {
		if other.Ref != predecessor {
			finding.Related = append(finding.Related, other.Ref)
		}
	}
	finding.Message = Quote(host) + " is defined already by " + quoteRef(finding.Related[0])
	if len(others) > 1 {
		return finding // an object takes over from one other only
	}
	return offerTakeover(finding, object, others[0].Ref, others[0].Created)
}
