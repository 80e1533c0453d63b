package vip

import (
	"slices"

	"fedmesh.io/fedmesh/cmd/kubectl-fedmesh/internal/configuration"
	"fedmesh.io/fedmesh/policies"
	"fedmesh.io/fedmesh/policies/mesh"
)

// Rules on addresses: what one may be, where it may lie, and whose it is.
const (
	unusable = "FED103"
	misplace = "FED104"
	conflict = "FED105"
)

// check returns what rules find on an object, whatever they lead to: an address that
// two hosts have is none to be proposed, also where the Federation only warns of it.
func check(in configuration.Configuration, object *mesh.Object, ids ...string) []policies.Finding {
	var findings []policies.Finding
	for _, rule := range policies.Catalogue() {
		if slices.Contains(ids, rule.ID) && slices.Contains(rule.Applies, object.Kind) {
			review := policies.Review{Object: object, Whole: true}
			findings = append(findings, rule.Check(review, mesh.NewView(in.Index, in.Federation, object))...)
		}
	}
	return findings
}
