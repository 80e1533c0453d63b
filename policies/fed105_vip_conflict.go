package policies

import (
	networking "istio.io/api/networking/v1alpha3"

	"fedmesh.io/fedmesh/policies/mesh"
)

/*
FED105 vip-conflict: a virtual address belongs to one host.

Restricted fields of a ServiceEntry with a federated host:

	spec.addresses[*]

Forbidden values: an address that a host holds which this entry does not define:

  - an address in spec.addresses or status.addresses of another entry, federated
    or not
  - a cluster IP of a Service
  - the address of an IPAddress object that stands for something else

Addresses are compared as Istio's listeners tell them apart: IPv4-mapped IPv6
unmapped, /32 and /128 stripped. Ranges wider than one address are FED103's.

Allowed: an entry for the same hosts (FED106 speaks of those), another host of
the same entry (FED117). Disjoint exportTo is no excuse: an address is reserved
for the cluster.

An ordinary entry is never reported, only the federated one.

At admission the API server confirms that the other object still holds the
address before that denies. Claims (webhook/claims) make the rule hold between
requests at the same moment as well, and are stricter in one thing: two entries
may share an address only when their sets of hosts are equal.
*/
func vipConflict() Rule {
	return Rule{
		ID:        "FED105",
		Name:      "vip-conflict",
		Summary:   "a virtual address belongs to one host",
		Action:    Deny,
		Exclusive: true,
		Applies:   []mesh.Kind{mesh.ServiceEntry},
		Reads:     []mesh.Kind{mesh.ServiceEntry, mesh.Service, mesh.IPAddress, mesh.ServiceCIDR},
		Doc: Doc{
			Why: "A sidecar has one listener for an address and port. For TCP, TLS and protocols that Istio detects, " +
				"every connection goes to the older entry, whichever host was asked for; for HTTP, requests by address go to either, by chance.",
			Bad: `apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: reviews-bar, namespace: foo}
spec:
  hosts: [reviews.bar.global]
  addresses: [240.0.0.2]
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
metadata: {name: reviews-bar, namespace: foo}
spec:
  hosts: [reviews.bar.global]
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
			Fix: "Give the host an address of its own; the message names a free one.",
		},
		Check: checkVIPConflict,
	}
}

func checkVIPConflict(review Review, view *mesh.View) []Finding {
	entry, _ := federatedEntry(review, view)
	own := canonicalHosts(entry)
	var findings []Finding
	for i, text := range entry.GetAddresses() {
		address, ok := mesh.ParseAddress(text)
		if !ok || !address.Single() {
			continue
		}
		holder, conflict := foreignHolder(view.HoldersOf(address.Addr), own)
		if !conflict {
			continue
		}
		findings = append(findings, Finding{
			Field:   spec().Child("addresses").Index(i),
			Value:   address.Addr.String(),
			Message: address.Addr.String() + " already belongs to " + describeHolder(holder, own),
			Fix:     nextFree(view, address.Addr),
			Related: []mesh.Ref{holder.Ref},
		})
	}
	return findings
}

// canonicalHosts is the set of hosts that entry defines.
func canonicalHosts(entry *networking.ServiceEntry) map[string]bool {
	hosts := make(map[string]bool, len(entry.GetHosts()))
	for _, host := range entry.GetHosts() {
		hosts[mesh.CanonicalHost(host)] = true
	}
	return hosts
}

// foreignHolder returns the oldest of holders that holds its address for a host
// that is not among own: it is the one that Istio serves. One that defines none
// of own goes before one that does, for which FED106 may stand.
func foreignHolder(holders []*mesh.Holder, own map[string]bool) (*mesh.Holder, bool) {
	var found *mesh.Holder
	for _, holder := range holders {
		undefined := hostsNotIn(own, holder.Hosts)
		if len(undefined) == len(holder.Hosts) {
			return holder, true
		}
		if len(undefined) > 0 && found == nil {
			found = holder
		}
	}
	return found, found != nil
}

// describeHolder names the hosts that make the address another's and the object
// that holds it.
func describeHolder(holder *mesh.Holder, own map[string]bool) string {
	if len(holder.Hosts) == 0 {
		return quoteRef(holder.Ref)
	}
	return AndMore(hostsNotIn(own, holder.Hosts)) + " (" + quoteRef(holder.Ref) + ")"
}

// hostsNotIn returns those of hosts that are not among own.
func hostsNotIn(own map[string]bool, hosts []string) []string {
	var missing []string
	for _, host := range hosts {
		if !own[host] {
			missing = append(missing, host)
		}
	}
	return missing
}
