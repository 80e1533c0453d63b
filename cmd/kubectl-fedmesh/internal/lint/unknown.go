package lint

import (
	"fedmesh.io/fedmesh/cmd/kubectl-fedmesh/internal/configuration"
	"fedmesh.io/fedmesh/cmd/kubectl-fedmesh/internal/schema"
	"fedmesh.io/fedmesh/policies"
	"fedmesh.io/fedmesh/policies/fleet"
)

// Catalogue returns all rules of the command line in the order of their IDs: those of
// admission, and those that only the command line can have.
func Catalogue() []policies.Rule {
	rules := append([]policies.Rule{schema.Rule()}, policies.Catalogue()...)
	for _, rule := range fleet.Catalogue() {
		rules = append(rules, rule.Rule)
	}
	return rules
}

// unknownFields are the findings of the rule about fields that a schema does not have.
// What was read from a cluster has none: its API server may know newer ones.
func (l loaded) unknownFields(object configuration.Object) []policies.Finding {
	if !object.Document.Written() {
		return nil
	}
	findings := l.schemas.Findings(object.Object, object.Document.APIVersion, object.Document.JSON)
	for i := range findings {
		finding := &findings[i]
		finding.Action = l.Federation.Action(finding.Rule, finding.Action, l.Index.NamespaceLabels(object.Namespace))
		switch exemption, holds := l.exemptions.From(finding.Rule, finding.Ref); {
		case finding.Action == policies.Off:
			return nil
		case holds:
			finding.Action, finding.Exemption = policies.Audit, exemption.Ref.Name
		}
	}
	return findings
}
