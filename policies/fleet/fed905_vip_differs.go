package fleet

import (
	"fmt"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/util/validation/field"

	"fedmesh.io/fedmesh/policies"
	"fedmesh.io/fedmesh/policies/mesh"
)

/*
FED905 vip-differs: a host has the same addresses in all clusters.

Noted for the audit is the field of a ServiceEntry with a federated host:

	spec.addresses

where it lists none of the addresses that the host has in the first cluster that gives
it any. Virtual addresses need not agree: each cluster answers its own.

Not looked at: entries without addresses, and those with several federated hosts.
*/
func vipDiffers() Rule {
	return Rule{
		Rule: policies.Rule{
			ID:      "FED905",
			Name:    "vip-differs",
			Summary: "a host has the same addresses in all clusters",
			Action:  policies.Audit,
			Applies: []mesh.Kind{mesh.ServiceEntry},
			Reads:   []mesh.Kind{mesh.ServiceEntry},
			Doc: policies.Doc{
				Why: "Every sidecar is answered by its own cluster, so that addresses may differ. Logs, captures and firewalls are " +
					"easier to read where one host is one address everywhere; `kubectl fedmesh vip next` comes to the same one in " +
					"every cluster.",
				Bad:  addressExample("240.0.0.3"),
				Good: addressExample("240.0.0.2"),
				Fix:  "Give the host the address that it has elsewhere.",
			},
		},
		Check: checkVIPDiffers,
	}
}

func addressExample(second string) string {
	const entry = `---
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: httpbin, namespace: bar}
spec:
  hosts: [httpbin.bar.global]
  addresses: [240.0.0.2]
  location: MESH_INTERNAL
  resolution: STATIC
  ports: [{number: 8000, name: http, protocol: HTTP}]
  workloadSelector: {labels: {app: httpbin}}
`
	return "# cluster: cluster-1\n" + federationOf("cluster-1") + entry +
		"# cluster: cluster-2\n" + federationOf("cluster-2") + strings.Replace(entry, "240.0.0.2", second, 1)
}

func checkVIPDiffers(fleet *Fleet) []Finding {
	type first struct {
		in        *cluster
		addresses []string
	}
	known := map[string]*first{} // by host
	var findings []Finding
	for _, in := range fleet.clusters {
		for _, object := range in.Objects {
			hosts := in.federatedHosts(object)
			addresses := addressesOf(object)
			if len(hosts) != 1 || len(addresses) == 0 {
				continue
			}
			host := hosts[0].name
			before := known[host]
			switch {
			case before == nil:
				known[host] = &first{in, addresses}
				continue
			case before.in == in:
				before.addresses = append(before.addresses, addresses...)
				continue
			case slices.ContainsFunc(addresses, func(address string) bool { return slices.Contains(before.addresses, address) }):
				continue
			}
			findings = append(findings, Finding{
				Cluster: in.number,
				Object:  object,
				Finding: policies.Finding{
					Field:   field.NewPath("spec", "addresses"),
					Value:   strings.Join(addresses, ","),
					Message: fmt.Sprintf("%s is %s here and %s in %s", policies.Quote(host), policies.Quote(addresses[0]), policies.Quote(before.addresses[0]), before.in.label()),
					Fix:     "use one address everywhere, for whoever reads logs",
				},
			})
		}
	}
	return findings
}

// addressesOf returns the single addresses of a ServiceEntry.
func addressesOf(object *mesh.Object) []string {
	var addresses []string
	for _, text := range object.ServiceEntry.GetAddresses() {
		if address, ok := mesh.ParseAddress(text); ok && address.Single() {
			addresses = append(addresses, address.Addr.String())
		}
	}
	return addresses
}
