package vip

import (
	"net/netip"
	"slices"

	"fedmesh.io/fedmesh/cmd/kubectl-fedmesh/internal/configuration"
	"fedmesh.io/fedmesh/policies/mesh"
)

// Cluster is the configuration of one cluster, wherever it was read.
type Cluster struct {
	// Name of the cluster; empty where there is one and nobody named it.
	Name string
	configuration.Configuration
}

// Source is where an address is from.
type Source string

// Where addresses are from.
const (
	// Declared: it is in spec.addresses of the ServiceEntry.
	Declared Source = "declared"
	// Allocated: Istio's allocator gave it, in status.addresses.
	Allocated Source = "allocated"
	// Service: it is a cluster IP.
	Service Source = "service"
	// IPAddress: Kubernetes has it for an object that is no Service, and that
	// fedmesh does not know.
	IPAddress Source = "ipaddress"
)

// Holding is an address that an object holds.
type Holding struct {
	Address netip.Addr
	// Hosts that the address belongs to, in canonical form; none for a Service and
	// an IPAddress.
	Hosts   []string
	Ref     mesh.Ref
	Cluster string
	Source  Source
	// Conflicts name the other objects that have it for something else (FED105).
	Conflicts []mesh.Ref
}

// List returns who holds the addresses that federated hosts have and, with every,
// all addresses that lie in vips.cidrs. They are in the order of addresses, then of
// the clusters as they are given, and then the oldest first.
func List(clusters []Cluster, every bool) []Holding {
	var found []Holding
	for _, cluster := range clusters {
		found = append(found, cluster.holdings(every)...)
	}
	slices.SortStableFunc(found, func(a, b Holding) int { return a.Address.Compare(b.Address) })
	return found
}

func (c *Cluster) holdings(every bool) []Holding {
	contested := c.contested()
	// On behalf of nobody: this sees every object.
	view := mesh.NewView(c.Index, c.Federation, &mesh.Object{})
	var found []Holding
	for _, addr := range c.addresses() {
		holders := view.HoldersOf(addr)
		if !(every && c.Federation.InRanges(addr)) && !slices.ContainsFunc(holders, c.federated) {
			continue
		}
		for _, holder := range holders {
			holding := Holding{Address: addr, Hosts: holder.Hosts, Ref: holder.Ref, Cluster: c.Name, Source: c.source(holder, addr)}
			if contested[addr] {
				holding.Conflicts = c.rivals(holders, holder)
			}
			found = append(found, holding)
		}
	}
	return found
}

// addresses are all that objects hold, in order and each once.
func (c *Cluster) addresses() []netip.Addr {
	var texts []string
	for _, object := range c.Objects {
		texts = append(texts, object.ServiceEntry.GetAddresses()...)
		for _, automatic := range object.Automatic {
			texts = append(texts, automatic.GetValue())
		}
		switch object.Kind {
		case mesh.Service:
			texts = append(texts, object.Service.ClusterIPs...)
		case mesh.IPAddress:
			texts = append(texts, object.Name)
		}
	}
	var found []netip.Addr
	for _, text := range texts {
		if address, ok := mesh.ParseAddress(text); ok && address.Single() {
			found = append(found, address.Addr)
		}
	}
	slices.SortFunc(found, netip.Addr.Compare)
	return slices.Compact(found)
}

func (c *Cluster) federated(holder *mesh.Holder) bool {
	return slices.ContainsFunc(holder.Hosts, c.Federation.Federated)
}

func (c *Cluster) source(holder *mesh.Holder, addr netip.Addr) Source {
	switch holder.Ref.Kind {
	case mesh.Service:
		return Service
	case mesh.IPAddress:
		return IPAddress
	}
	if slices.Contains(c.Index.Entry(holder.Ref).Addresses, addr) {
		return Declared
	}
	return Allocated
}

// contested are the addresses that FED105 has findings on.
func (c *Cluster) contested() map[netip.Addr]bool {
	found := map[netip.Addr]bool{}
	for _, object := range c.Objects {
		for _, finding := range check(c.Configuration, object.Object, conflict) {
			if addr, err := netip.ParseAddr(finding.Value); err == nil {
				found[addr] = true
			}
		}
	}
	return found
}

// rivals are the others of holders that have their address for something else. Where
// there are several the rule names one to each; the list names them all.
func (c *Cluster) rivals(holders []*mesh.Holder, of *mesh.Holder) []mesh.Ref {
	var found []mesh.Ref
	for _, other := range holders {
		switch {
		case other == of || !c.federated(of) && !c.federated(other):
		case of.Revision != "" && other.Revision != "" && of.Revision != other.Revision: // no control plane sees both
		case !sameHosts(of.Hosts, other.Hosts):
			found = append(found, other.Ref)
		}
	}
	return found
}

func sameHosts(a, b []string) bool {
	a, b = slices.Sorted(slices.Values(a)), slices.Sorted(slices.Values(b))
	return slices.Equal(a, b)
}
