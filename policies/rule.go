package policies

import (
	"fedmesh.io/fedmesh/policies/api/v1alpha1"
	"fedmesh.io/fedmesh/policies/mesh"
)

// Action is what a finding leads to.
type Action = v1alpha1.RuleAction

// What a finding leads to, from the strictest to the mildest.
const (
	Deny  = v1alpha1.RuleDeny
	Warn  = v1alpha1.RuleWarn
	Audit = v1alpha1.RuleAudit
	Off   = v1alpha1.RuleOff
)

// Rule is one rule of the catalogue. Its ID never changes meaning.
type Rule struct {
	// ID such as FED105, and a short name such as vip-conflict.
	ID, Name string
	// Summary says in one line what is a finding.
	Summary string
	// Action that findings lead to unless they or the Federation say otherwise.
	Action Action
	// FinalCheck says that findings lead to what the Federation's pods.finalCheck
	// and the label of the namespace say, in the place of Action.
	FinalCheck bool
	// Exclusive says that findings are about other objects, those in Related,
	// that hold what only one object may hold. As the Index lags behind, admission
	// confirms them with the API server before they deny.
	Exclusive bool
	// Deletions says that the rule is about what the deletion of an object leaves
	// behind, too.
	Deletions bool
	// Applies lists the kinds of objects that the rule is about.
	Applies []mesh.Kind
	// Reads lists the kinds of other objects that it asks the View about.
	Reads []mesh.Kind
	// Doc is what a user is told about the rule.
	Doc Doc
	// Check returns the findings on the review's object. The object is never
	// nil, is of a kind in Applies, and has its specification decoded.
	Check func(Review, *mesh.View) []Finding
}

// Doc is what a user is told about a rule. Markdown; Bad and Good are YAML
// documents, the object first and what it is judged against after it.
type Doc struct {
	// Why says what happens in Istio when the rule is broken.
	Why string
	// Bad has a finding of this rule, Good is Bad mended.
	Bad, Good string
	// Fix is the one step that mends it.
	Fix string
}
