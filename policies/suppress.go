package policies

import (
	"slices"
	"strings"

	"fedmesh.io/fedmesh/policies/mesh"
	"fedmesh.io/fedmesh/policies/pods"
)

// suppression says that one mistake is one finding: where both rules found the
// same thing, only the finding of by is reported.
type suppression struct {
	by   string
	over []string
	// same reports whether first, a finding of by, and second speak of the same
	// mistake.
	same func(first, second Finding) bool
}

// suppressions lists them in the order in which they are applied. A finding
// that was suppressed suppresses nothing.
func suppressions() []suppression {
	return []suppression{
		{by: "FED101", over: []string{"FED102", "FED108"}, same: wildcardHost},
		{by: "FED103", over: []string{"FED104", "FED105"}, same: deniedAddress},
		{by: "FED106", over: []string{"FED105"}, same: sharedHolder},
		{by: "FED201", over: []string{"FED203", "FED209"}, same: sameLevel},
		{by: "FED302", over: []string{"FED303"}, same: anything},
		{by: "FED401", over: []string{"FED405"}, same: sameField},
		{by: "FED502", over: []string{"FED503"}, same: sameField},
		{by: "FED511", over: []string{"FED512"}, same: deniedName},
		{by: hostPathID, over: []string{workloadSocketID}, same: missingSocket},
	}
}

// wildcardHost: an entry for a wildcard can have neither address nor resolution
// that would mend it.
func wildcardHost(first, _ Finding) bool { return mesh.IsWildcard(first.Value) }

// deniedAddress: an address that cannot be used need not be in range or free.
func deniedAddress(first, second Finding) bool {
	return first.Action == Deny && first.Field.String() == second.Field.String()
}

// sharedHolder: an entry that defines the same host is reported for the host,
// not once more for its address. An entry that takes the host over takes no
// address over that has other hosts too.
func sharedHolder(first, second Finding) bool {
	return first.Action == Deny && slices.ContainsFunc(second.Related, func(ref mesh.Ref) bool { return slices.Contains(first.Related, ref) })
}

// sameLevel: what TLS settings say beside the mode does not matter where the
// mode is wrong.
func sameLevel(first, second Finding) bool {
	return strings.HasPrefix(second.Field.String(), first.Field.String())
}

// anything: a selector that matches every pod overlaps with all others.
func anything(_, _ Finding) bool { return true }

// sameField: a host that covers everything covers it in every namespace, and a
// client that nobody knows is let in by no name.
func sameField(first, second Finding) bool { return first.Field.String() == second.Field.String() }

// deniedName: a name that the certificate must not have need not be its only one. A
// warning stands for no denial.
func deniedName(first, second Finding) bool {
	return first.Action == Deny && sameField(first, second) && first.Value == second.Value
}

// missingSocket: where a socket from the node is forbidden, there is none. A second
// container for it is another mistake.
func missingSocket(_, second Finding) bool { return second.Value != pods.ProxyContainer }

// suppress takes out the findings that another one stands for. One that was
// there before does not stand for a new one: that would let it pass.
func suppress(findings []Finding) []Finding {
	if len(findings) < 2 {
		return findings
	}
	for _, suppression := range suppressions() {
		findings = slices.DeleteFunc(slices.Clone(findings), func(second Finding) bool {
			return slices.Contains(suppression.over, second.Rule) &&
				slices.ContainsFunc(findings, func(first Finding) bool {
					return first.Rule == suppression.by && (second.Known || !first.Known) && suppression.same(first, second)
				})
		})
	}
	return findings
}
