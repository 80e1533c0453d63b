package mesh

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"fedmesh.io/fedmesh/policies/api/v1alpha1"
)

// fourMembers have in common what members can have in common: a and b a network, b
// and c a gateway's address, c and d an alias and a trust domain.
func fourMembers(spec *v1alpha1.FederationSpec) {
	spec.LocalMember = "a"
	spec.Members = []v1alpha1.Member{
		{Name: "a", Network: "flat", TrustDomain: "a.com", Gateways: []v1alpha1.Gateway{{Address: "34.1.1.1"}}},
		{Name: "b", Network: "flat", TrustDomain: "b.com", TrustDomainAliases: []string{"old-b.com", "b.com"}, Gateways: []v1alpha1.Gateway{
			{Address: "Gateways.Example.com.", Port: 32443}, {Address: "2001:DB8::0:1"},
		}},
		{Name: "c", Network: "c", TrustDomain: "c.com", TrustDomainAliases: []string{"d.com"}, Gateways: []v1alpha1.Gateway{
			{Address: "gateways.example.com", Port: 31443}, {Address: "gateways.example.com", Port: 32443}, {Address: "::ffff:34.3.3.3"},
		}},
		{Name: "d", Network: "c", TrustDomain: "d.com"},
	}
}

func names(members []*v1alpha1.Member) []string {
	var names []string
	for _, member := range members {
		names = append(names, member.Name)
	}
	return names
}

func TestMembersOfTrustDomain(t *testing.T) {
	federation := federation(t, fourMembers)
	for domain, want := range map[string][]string{
		"a.com": {"a"}, "b.com": {"b"}, "old-b.com": {"b"}, "c.com": {"c"}, "d.com": {"c", "d"},
		"A.com": nil, "a.com.": nil, "com": nil, "": nil, "cluster.local": nil,
	} {
		if diff := cmp.Diff(want, names(federation.MembersOfTrustDomain(domain))); diff != "" {
			t.Errorf("MembersOfTrustDomain(%q) (-want +got):\n%s", domain, diff)
		}
	}
}

func TestGateways(t *testing.T) {
	federation := federation(t, fourMembers)
	for address, want := range map[string]struct {
		members []string
		ports   []uint32
	}{
		"34.1.1.1":               {[]string{"a"}, []uint32{15443}},
		"::ffff:34.1.1.1":        {[]string{"a"}, []uint32{15443}},
		"gateways.example.com":   {[]string{"b", "c"}, []uint32{15443, 31443, 32443}},
		"GATEWAYS.example.com.":  {[]string{"b", "c"}, []uint32{15443, 31443, 32443}},
		"2001:db8::1":            {[]string{"b"}, []uint32{15443, 32443}},
		"2001:db8:0:0::1":        {[]string{"b"}, []uint32{15443, 32443}},
		"34.3.3.3":               {[]string{"c"}, []uint32{15443, 31443, 32443}},
		"34.1.1.2":               {},
		"34.1.1.1:15443":         {},
		"a.gateways.example.com": {},
		"unix:///34.1.1.1":       {},
		"":                       {},
	} {
		if diff := cmp.Diff(want.members, names(federation.MembersAt(address))); diff != "" {
			t.Errorf("MembersAt(%q) (-want +got):\n%s", address, diff)
		}
		if diff := cmp.Diff(want.ports, federation.GatewayPorts(address)); diff != "" {
			t.Errorf("GatewayPorts(%q) (-want +got):\n%s", address, diff)
		}
	}
}

func TestOthersOfNetwork(t *testing.T) {
	federation := federation(t, fourMembers)
	for network, want := range map[string][]string{"flat": nil, "c": {"c", "d"}, "C": nil, "unknown": nil, "": nil} {
		if diff := cmp.Diff(want, names(federation.OthersOfNetwork(network))); diff != "" {
			t.Errorf("OthersOfNetwork(%q) (-want +got):\n%s", network, diff)
		}
	}
}

// TestNoMembers: without a Federation nothing is a member's.
func TestNoMembers(t *testing.T) {
	federation := Undeclared()
	if got := federation.MembersOfTrustDomain(""); got != nil {
		t.Errorf("MembersOfTrustDomain: got %v; want none", got)
	}
	if members, ports := federation.MembersAt(""), federation.GatewayPorts(""); members != nil || ports != nil {
		t.Errorf("gateways: got %v, %v; want none", members, ports)
	}
	if got := federation.OthersOfNetwork(""); got != nil {
		t.Errorf("OthersOfNetwork: got %v; want none", got)
	}
}
