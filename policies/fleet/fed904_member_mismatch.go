package fleet

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/util/validation/field"

	"fedmesh.io/fedmesh/policies"
	"fedmesh.io/fedmesh/policies/api/v1alpha1"
	"fedmesh.io/fedmesh/policies/mesh"
)

/*
FED904 member-mismatch: the Federations of all clusters say the same of a member.

Restricted fields of a Federation:

	spec.members[*].network
	spec.members[*].trustDomain
	spec.members[*].gateways

Forbidden: another value than the Federation has that is the member's own, the one
with this localMember; where that one is not given, than the first that describes the
member. Gateways are compared as a set of addresses and ports.

Noted for the audit, in the first cluster: two members with one network or one trust
domain. Flat networks and shared roots of trust are legitimate.

Allowed: members that only some clusters describe; differing aliases.
*/
func memberMismatch() Rule {
	return Rule{
		Rule: policies.Rule{
			ID:      "FED904",
			Name:    "member-mismatch",
			Summary: "the Federations of all clusters say the same of a member",
			Action:  policies.Deny,
			Applies: []mesh.Kind{mesh.FederationKind},
			Doc: policies.Doc{
				Why: "Every cluster judges the others by what its own Federation says of them: where it has an old gateway or " +
					"another trust domain, it refuses entries that are right and lets pass what cannot work.",
				Bad:  memberExample("bar.com", "old.bar.com"),
				Good: memberExample("bar.com", "bar.com"),
				Fix:  "Describe the member as its own Federation does; one file for all clusters, with localMember patched, keeps it so.",
			},
		},
		Check: checkMemberMismatch,
	}
}

func memberExample(own, others string) string {
	second := federationOf("cluster-2")
	return "# cluster: cluster-1\n" + strings.Replace(federationOf("cluster-1"), "trustDomain: bar.com", "trustDomain: "+others, 1) +
		"# cluster: cluster-2\n" + strings.Replace(second, "trustDomain: bar.com", "trustDomain: "+own, 1)
}

func checkMemberMismatch(fleet *Fleet) []Finding {
	var findings []Finding
	var declared []*cluster
	for _, cluster := range fleet.clusters {
		if cluster.Federation.Declared {
			declared = append(declared, cluster)
		}
	}
	if len(declared) < 2 {
		return nil
	}
	for _, cluster := range declared {
		for i, member := range cluster.Federation.Spec.Members {
			path := field.NewPath("spec", "members").Index(i)
			if described, by := fleet.describe(declared, member.Name); by != cluster {
				findings = append(findings, differences(cluster, path, member, described, by)...)
			}
		}
	}
	return append(findings, shared(declared[0])...)
}

// describe returns a member as the cluster that it is describes itself or, where that
// is not given, the first that does; and which one that is.
func (f *Fleet) describe(declared []*cluster, name string) (v1alpha1.Member, *cluster) {
	order := declared
	if own := f.byMember[name]; own != nil {
		order = append([]*cluster{own}, declared...)
	}
	for _, by := range order {
		for _, member := range by.Federation.Spec.Members {
			if member.Name == name {
				return member, by
			}
		}
	}
	return v1alpha1.Member{}, nil
}

// differences are those between what a cluster says of a member and what by says.
func differences(in *cluster, path *field.Path, got, want v1alpha1.Member, by *cluster) []Finding {
	var findings []Finding
	for _, compared := range []struct {
		name, got, want string
	}{
		{"network", got.Network, want.Network},
		{"trustDomain", got.TrustDomain, want.TrustDomain},
		{"gateways", gateways(got), gateways(want)},
	} {
		if compared.got == compared.want {
			continue
		}
		findings = append(findings, federationFinding(in, policies.Finding{
			Field: path.Child(compared.name),
			Value: compared.got,
			Message: fmt.Sprintf("%s of %s: %s here, %s in %s", compared.name, policies.Quote(got.Name),
				policies.Quote(compared.got), policies.Quote(compared.want), by.label()),
			Fix: "describe the member the same in all clusters",
		}))
	}
	return findings
}

// gateways are the gateways of a member in a form that can be compared.
func gateways(member v1alpha1.Member) string {
	var texts []string
	for _, gateway := range member.Gateways {
		texts = append(texts, fmt.Sprintf("%s:%d", mesh.CanonicalHost(gateway.Address), gateway.Port))
	}
	slices.Sort(texts)
	return cmp.Or(strings.Join(slices.Compact(texts), " "), "none")
}

// shared are the findings on members that have a network or trust domain in common.
func shared(in *cluster) []Finding {
	var findings []Finding
	members := in.Federation.Spec.Members
	for i, member := range members {
		for _, compared := range []struct {
			name, value string
			of          func(v1alpha1.Member) string
		}{
			{"network", member.Network, func(m v1alpha1.Member) string { return m.Network }},
			{"trustDomain", member.TrustDomain, func(m v1alpha1.Member) string { return m.TrustDomain }},
		} {
			j := slices.IndexFunc(members[:i], func(other v1alpha1.Member) bool { return compared.of(other) == compared.value })
			if j < 0 {
				continue
			}
			findings = append(findings, federationFinding(in, policies.Finding{
				Action:  policies.Audit,
				Field:   field.NewPath("spec", "members").Index(i).Child(compared.name),
				Value:   compared.value,
				Message: fmt.Sprintf("%s is that of %s as well", policies.Quote(compared.value), policies.Quote(members[j].Name)),
				Fix:     "nothing is wrong if they really share it",
			}))
		}
	}
	return findings
}

// federationFinding is a finding on the Federation of a cluster.
func federationFinding(in *cluster, finding policies.Finding) Finding {
	return Finding{Cluster: in.number, Object: in.declaration, Finding: finding}
}

// label is what messages call the cluster.
func (c *cluster) label() string { return cmp.Or(c.Name, c.member) }
