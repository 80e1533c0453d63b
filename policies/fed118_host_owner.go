package policies

import (
	"slices"
	"strings"

	"fedmesh.io/fedmesh/policies/api/v1alpha1"
	"fedmesh.io/fedmesh/policies/mesh"
)

/*
FED118 host-owner: a namespace defines the federated hosts that are its to define.

Restricted fields of a ServiceEntry with a federated host:

	spec.hosts[*]

The host namespace of a host is its second label: <name>.<namespace>.<suffix>.
hosts.owners of the Federation lists namespaces and the host namespaces that they
may define.

Reported: a federated host whose host namespace is listed, and not with the
namespace of the ServiceEntry; or one of a ServiceEntry whose namespace is listed,
and not with that host namespace.

Allowed: a host namespace that is listed nowhere, in a namespace that is listed
nowhere: hosts.owners does not speak of them. A host whose second label is of the
suffix.
*/
func hostOwner() Rule {
	return Rule{
		ID:      "FED118",
		Name:    "host-owner",
		Summary: "a namespace defines only those federated hosts that hosts.owners lets it define",
		Action:  Audit,
		Applies: []mesh.Kind{mesh.ServiceEntry},
		Doc: Doc{
			Why: "A federated host is one name for the whole mesh, and whoever defines it says where its clients are sent. An " +
				"entry in the namespace of another tenant takes over the traffic for the host, or splits it.",
			Bad: `apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: httpbin-bar, namespace: shop}
spec:
  hosts: [httpbin.bar.global]
  addresses: [240.0.0.2]
  location: MESH_INTERNAL
  resolution: DNS
  ports: [{number: 8000, name: http, protocol: HTTP}]
  endpoints: [{address: 34.122.11.2, ports: {http: 15443}}]
  subjectAltNames: [spiffe://bar.com/ns/bar/sa/httpbin]
---
` + ownersExample,
			Good: `apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: httpbin-bar, namespace: foo}
spec:
  hosts: [httpbin.bar.global]
  addresses: [240.0.0.2]
  location: MESH_INTERNAL
  resolution: DNS
  ports: [{number: 8000, name: http, protocol: HTTP}]
  endpoints: [{address: 34.122.11.2, ports: {http: 15443}}]
  subjectAltNames: [spiffe://bar.com/ns/bar/sa/httpbin]
---
` + ownersExample,
			Fix: "Define the host in a namespace that may, or list this one in `hosts.owners` of the Federation.",
		},
		Check: checkHostOwner,
	}
}

const ownersExample = `apiVersion: fedmesh.io/v1alpha1
kind: Federation
metadata: {name: default}
spec:
  localMember: cluster-1
  members:
  - {name: cluster-1, network: network-1, trustDomain: foo.com, gateways: [{address: 34.136.67.85}]}
  - {name: cluster-2, network: network-2, trustDomain: bar.com, gateways: [{address: 34.122.11.2}]}
  hosts:
    owners: [{namespaces: [foo], hostNamespaces: [bar]}]
`

func checkHostOwner(review Review, view *mesh.View) []Finding {
	owners := view.Federation().Spec.Hosts.Owners
	if len(owners) == 0 {
		return nil
	}
	entry, hosts := federatedEntry(review, view)
	var findings []Finding
	for _, i := range hosts {
		host := entry.GetHosts()[i]
		hostNamespace := hostNamespaceOf(host, view.Federation())
		if hostNamespace == "" || mayDefine(review.Object.Namespace, hostNamespace, owners) {
			continue
		}
		findings = append(findings, Finding{
			Field: spec().Child("hosts").Index(i),
			Value: host,
			Message: "namespace " + Quote(review.Object.Namespace) + " may not define hosts of " + Quote(hostNamespace) +
				" (hosts.owners of the Federation)",
			Fix: "move the entry or list it there",
		})
	}
	return findings
}

// hostNamespaceOf returns the second label of a federated host, and "" where
// that belongs to the suffix already.
func hostNamespaceOf(host string, federation *mesh.Federation) string {
	before, _ := strings.CutSuffix(mesh.CanonicalHost(host), "."+federation.Suffix(host))
	labels := strings.Split(before, ".")
	if len(labels) < 2 {
		return ""
	}
	return labels[1]
}

// mayDefine reports whether owners let namespace define hosts of hostNamespace,
// which they do as well where they list neither.
func mayDefine(namespace, hostNamespace string, owners []v1alpha1.HostOwner) bool {
	listed := false
	for _, owner := range owners {
		from, of := slices.Contains(owner.Namespaces, namespace), slices.Contains(owner.HostNamespaces, hostNamespace)
		if from && of {
			return true
		}
		listed = listed || from || of
	}
	return !listed
}
