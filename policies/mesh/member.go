package mesh

import (
	"net/netip"
	"slices"

	"fedmesh.io/fedmesh/policies/api/v1alpha1"
)

// memberIndex finds members by what configuration says of them: a trust domain, a
// network, the address of a gateway. Several members can have any of these in
// common: a root of trust, a flat network, a load balancer in front of them all.
type memberIndex struct {
	byTrustDomain map[string][]*v1alpha1.Member // aliases as well
	byNetwork     map[string][]*v1alpha1.Member
	byGateway     map[string]gatewayAddress // by canonical address
}

// gatewayAddress is what there is to know of an address with gateways.
type gatewayAddress struct {
	members []*v1alpha1.Member
	ports   []uint32 // ascending
}

// newMemberIndex returns an index of members, which it keeps pointers to.
func newMemberIndex(members []v1alpha1.Member) memberIndex {
	index := memberIndex{
		byTrustDomain: map[string][]*v1alpha1.Member{},
		byNetwork:     map[string][]*v1alpha1.Member{},
		byGateway:     map[string]gatewayAddress{},
	}
	for i := range members {
		member := &members[i]
		enter(index.byTrustDomain, member.TrustDomain, member)
		for _, alias := range member.TrustDomainAliases {
			enter(index.byTrustDomain, alias, member)
		}
		enter(index.byNetwork, member.Network, member)
		var ports []uint32
		for _, gateway := range member.Gateways {
			ports = append(ports, uint32(gateway.Port))
		}
		for _, gateway := range member.Gateways {
			key := canonicalAddress(gateway.Address)
			at := index.byGateway[key]
			if !slices.Contains(at.members, member) {
				at.members = append(at.members, member)
				at.ports = append(at.ports, ports...)
				slices.Sort(at.ports)
				at.ports = slices.Compact(at.ports)
			}
			index.byGateway[key] = at
		}
	}
	return index
}

// enter puts member under key, once.
func enter(into map[string][]*v1alpha1.Member, key string, member *v1alpha1.Member) {
	if !slices.Contains(into[key], member) {
		into[key] = append(into[key], member)
	}
}

// canonicalAddress is the form that the addresses of gateways and endpoints are
// compared in, whether they are IP addresses or names.
func canonicalAddress(text string) string {
	if addr, err := netip.ParseAddr(text); err == nil {
		return addr.Unmap().String()
	}
	return CanonicalHost(text)
}

// MembersOfTrustDomain returns the members whose trust domain this is, or that
// list it among their aliases, in the order in which the Federation has them.
// Trust domains are compared byte by byte, as in certificates; those of a
// Federation are in lower case. Without a Federation there are no members.
func (f *Federation) MembersOfTrustDomain(name string) []*v1alpha1.Member {
	return f.members.byTrustDomain[name]
}

// MembersAt returns the members that have a gateway at address, which is an IP
// address or a name in any spelling, in the order in which the Federation has
// them. The local member can be among them.
func (f *Federation) MembersAt(address string) []*v1alpha1.Member {
	return f.members.byGateway[canonicalAddress(address)].members
}

// GatewayPorts returns the ports, in ascending order, that the gateways of the
// members with a gateway at address are dialled on. It is empty where MembersAt
// is.
func (f *Federation) GatewayPorts(address string) []uint32 {
	return f.members.byGateway[canonicalAddress(address)].ports
}

// OthersOfNetwork returns the members that have this network, in the order in
// which the Federation has them, and none when the local member is one of them:
// what is in its network, it reaches without a gateway.
func (f *Federation) OthersOfNetwork(network string) []*v1alpha1.Member {
	members := f.members.byNetwork[network]
	if slices.ContainsFunc(members, func(m *v1alpha1.Member) bool { return m.Name == f.Local.Name }) {
		return nil
	}
	return members
}
