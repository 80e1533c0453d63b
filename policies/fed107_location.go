package policies

import (
	"strings"

	networking "istio.io/api/networking/v1alpha3"

	"fedmesh.io/fedmesh/policies/mesh"
)

/*
FED107 location: a federated host is part of the mesh.

Restricted fields of a ServiceEntry with a federated host:

	spec.location

Forbidden values:

  - MESH_EXTERNAL, which is also what an omitted location means

Warned about: the same in an entry without addresses, endpoints and
workloadSelector. That is an egress entry for a name of the public domain that a
suffix happens to be; it belongs into hosts.external, and no other rule about
ServiceEntries speaks of it.

Allowed values:

  - MESH_INTERNAL
*/
func location() Rule {
	return Rule{
		ID:      "FED107",
		Name:    "location",
		Summary: "a federated host is part of the mesh",
		Action:  Deny,
		Applies: []mesh.Kind{mesh.ServiceEntry},
		Doc: Doc{
			Why: "For a host outside of the mesh automatic mutual TLS never applies, and no AUTO_PASSTHROUGH gateway ever " +
				"exposes it. `location` is MESH_EXTERNAL unless it is set.",
			Bad: `apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: httpbin-bar, namespace: foo}
spec:
  hosts: [httpbin.bar.global]
  addresses: [240.0.0.2]
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
			Fix: "Set `location: MESH_INTERNAL`, or, if the host is a public one, name it in `hosts.external` of the Federation.",
		},
		Check: checkLocation,
	}
}

func checkLocation(review Review, view *mesh.View) []Finding {
	entry := review.Object.ServiceEntry
	hosts := federatedHosts(entry, view.Federation())
	switch {
	case len(hosts) == 0 || entry.GetLocation() == networking.ServiceEntry_MESH_INTERNAL:
		return nil
	case mesh.PublicEgress(entry):
		return []Finding{egressFinding(entry, hosts, view.Federation())}
	}
	return []Finding{{
		Field:   spec().Child("location"),
		Value:   entry.GetLocation().String(),
		Message: written(review.Object, "location", "MESH_EXTERNAL") + ": no mutual TLS, and no gateway exposes the host",
		Fix:     "set MESH_INTERNAL, or name a public host in hosts.external of the Federation",
	}}
}

// egressFinding speaks of the hosts: with an egress entry it is not the location
// that is wrong, but what the Federation says of them.
func egressFinding(entry *networking.ServiceEntry, indices []int, federation *mesh.Federation) Finding {
	var hosts []string
	fix := "name it in hosts.external of the Federation"
	for _, i := range indices {
		host := mesh.CanonicalHost(entry.GetHosts()[i])
		hosts = append(hosts, host)
		if host == "*."+federation.Suffix(host) {
			fix = "list the hosts that are meant, and name those in hosts.external of the Federation"
		}
	}
	return Finding{
		Action:  Warn,
		Field:   spec().Child("hosts"),
		Value:   strings.Join(hosts, ","),
		Message: AndMore(hosts) + ": external and without an address, as a public host is",
		Fix:     fix,
	}
}
