package policies

import (
	"fmt"
	"runtime/debug"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"fedmesh.io/fedmesh/policies/mesh"
)

// Evaluator runs the rules over objects. It is never changed once it is made
// and is safe for use by several goroutines.
type Evaluator struct {
	rules  []Rule
	byKind map[mesh.Kind][]int // indices into rules
}

// Outcome is what the rules say about an object.
type Outcome struct {
	// Findings in the order of the catalogue, each with the action that it
	// leads to. One that is Known or Excused leads to a warning at most.
	Findings []Finding
	// Failures of rules that panicked. Nobody can say what they would have
	// found.
	Failures []Failure
}

// Failure is a rule that panicked.
type Failure struct {
	Rule   string
	Action Action
	// Reason is what the rule panicked with, and Stack is where: for a log, not
	// for an answer.
	Reason, Stack string
}

// Denied returns the findings that refuse the object.
func (o Outcome) Denied() []Finding { return o.with(Deny) }

// Warned returns the findings that the user is warned about.
func (o Outcome) Warned() []Finding { return o.with(Warn) }

// Contested returns the other objects that the object is denied for, because
// they hold what only one may hold: the findings of Exclusive rules hang on
// these. Each comes once, in the order of their names.
func (o Outcome) Contested() []mesh.Ref {
	var refs []mesh.Ref
	for _, finding := range o.Findings {
		if finding.Exclusive && finding.Action == Deny {
			refs = append(refs, finding.Related...)
		}
	}
	slices.SortFunc(refs, mesh.Ref.Compare)
	return slices.Compact(refs)
}

func (o Outcome) with(action Action) []Finding {
	var findings []Finding
	for _, finding := range o.Findings {
		if finding.Action == action {
			findings = append(findings, finding)
		}
	}
	return findings
}

// NewEvaluator checks the table of rules and prepares it: IDs are unique and in
// order, and nothing that a user or a rule's caller relies on is missing.
func NewEvaluator(rules []Rule) (*Evaluator, error) {
	evaluator := &Evaluator{rules: slices.Clone(rules), byKind: map[mesh.Kind][]int{}}
	for i, rule := range rules {
		switch {
		case i > 0 && rules[i-1].ID >= rule.ID:
			return nil, fmt.Errorf("rule %s stands behind %s; rules are listed once each and by ID", rule.ID, rules[i-1].ID)
		case rule.ID == "" || rule.Name == "" || rule.Summary == "" || rule.Check == nil || len(rule.Applies) == 0:
			return nil, fmt.Errorf("rule %q lacks an ID, a name, a summary, a check or kinds to apply to", rule.ID)
		case rule.Action != Deny && rule.Action != Warn && rule.Action != Audit:
			return nil, fmt.Errorf("rule %s has action %q; want Deny, Warn or Audit", rule.ID, rule.Action)
		}
		for _, kind := range rule.Applies {
			evaluator.byKind[kind] = append(evaluator.byKind[kind], i)
		}
	}
	return evaluator, nil
}

// Rules returns the rules in the order of their IDs. They must not be changed.
func (e *Evaluator) Rules() []Rule { return e.rules }

// AppliesTo reports whether any rule is about objects of kind.
func (e *Evaluator) AppliesTo(kind mesh.Kind) bool { return len(e.byKind[kind]) > 0 }

// AppliesToDeletionOf reports whether any rule is about deleting objects of kind.
func (e *Evaluator) AppliesToDeletionOf(kind mesh.Kind) bool {
	return slices.ContainsFunc(e.byKind[kind], func(i int) bool { return e.rules[i].Deletions })
}

// Knows reports whether there is a rule with this ID.
func (e *Evaluator) Knows(id string) bool { return e.rule(id) != nil }

// Action returns what a finding of the rule with this ID leads to on an object of a
// namespace with these labels, as the Federation has it: Off for a rule that there
// is not. It lets admission report what it found by other means than the rule.
func (e *Evaluator) Action(id string, namespace labels.Set, federation *mesh.Federation) Action {
	rule := e.rule(id)
	if rule == nil {
		return Off
	}
	return settled(rule, rule.Action, namespace, federation)
}

// rule returns the rule with this ID, and nil when there is none.
func (e *Evaluator) rule(id string) *Rule {
	i, known := slices.BinarySearchFunc(e.rules, id, func(r Rule, id string) int { return strings.Compare(r.ID, id) })
	if !known {
		return nil
	}
	return &e.rules[i]
}

// Evaluate runs the rules that apply to the review's object. Where it replaces
// another, an unchanged specification has no findings, and of a changed one only
// what the old object did not have is enforced; the rest are warnings, so that
// an object older than its rules can be mended step by step. The order in which
// objects are deleted is the user's: a deletion has warnings at most.
func (e *Evaluator) Evaluate(review Review, index *mesh.Index, federation *mesh.Federation) Outcome {
	if review.Old != nil && mesh.SameSpec(review.Old, review.Object) {
		return Outcome{}
	}
	view := mesh.NewView(index, federation, review.Object).Prefer(review.Live)
	outcome := e.check(review, view)
	if review.Old != nil && len(outcome.Findings) > 0 {
		old := e.check(Review{Object: review.Old, Unlisted: review.Unlisted}, mesh.NewView(index, federation, review.Old).Prefer(review.Live))
		markKnown(outcome.Findings, old.Findings)
	}
	// What is suppressed hangs on what the rules themselves say, not on what the
	// Federation makes of it.
	outcome.Findings = suppress(outcome.Findings)
	for i := range outcome.Findings {
		finding := &outcome.Findings[i]
		finding.Action = settledIn(view, e.rule(finding.Rule), finding.Action, review)
		if (finding.Known || finding.Excused || review.Deleted) && finding.Action == Deny {
			finding.Action = Warn
		}
		exempt(finding, review.Exemptions)
	}
	return outcome
}

// exempt makes a finding one for the audit where there is an exemption from it, and
// notes one that has ended.
func exempt(finding *Finding, exemptions mesh.Exemptions) {
	if finding.Action != Deny && finding.Action != Warn {
		return
	}
	switch exemption, holds := exemptions.From(finding.Rule, finding.Ref); {
	case holds:
		finding.Action, finding.Exemption = Audit, exemption.Ref.Name
	case exemption != nil:
		finding.Expired = exemption
	}
}

// check runs the rules over one object as it is. The findings have the actions
// that the rules themselves give them.
func (e *Evaluator) check(review Review, view *mesh.View) Outcome {
	var outcome Outcome
	for _, i := range e.byKind[review.Object.Kind] {
		rule := &e.rules[i]
		if review.Deleted && !rule.Deletions || slices.ContainsFunc(rule.Reads, review.Unlisted.Has) {
			continue
		}
		findings, failure := contain(rule, review, view)
		if failure != nil {
			failure.Action = settledIn(view, rule, rule.Action, review)
			outcome.Failures = append(outcome.Failures, *failure)
			continue
		}
		for _, finding := range findings {
			if finding.Action == "" {
				finding.Action = rule.Action
			}
			if review.Whole && finding.Offline != "" {
				finding.Action = finding.Offline
			}
			if settledIn(view, rule, finding.Action, review) == Off {
				continue
			}
			finding.Rule = rule.ID
			finding.Exclusive = rule.Exclusive
			finding.Ref = review.Object.Ref
			outcome.Findings = append(outcome.Findings, finding)
		}
	}
	return outcome
}

// settled applies the Federation's settings to what a finding of a rule would
// lead to by itself. One for the rule's ID wins over everything.
func settled(rule *Rule, action Action, namespace labels.Set, federation *mesh.Federation) Action {
	if rule.FinalCheck {
		action = federation.FinalCheck(namespace)
	}
	return federation.Action(rule.ID, action, namespace)
}

// settledIn is settled for the object of a review.
func settledIn(view *mesh.View, rule *Rule, action Action, review Review) Action {
	return settled(rule, action, view.NamespaceLabels(review.Object.Namespace), view.Federation())
}

// contain runs one rule and turns a panic into a failure: one broken rule must
// not take the others with it.
func contain(rule *Rule, review Review, view *mesh.View) (findings []Finding, failure *Failure) {
	defer func() {
		if reason := recover(); reason != nil {
			findings, failure = nil, &Failure{Rule: rule.ID, Reason: fmt.Sprint(reason), Stack: string(debug.Stack())}
		}
	}()
	return rule.Check(review, view), nil
}

// markKnown marks the findings that old had as well: as many of one fingerprint
// as it had. Both are what the rules found before anything was suppressed.
func markKnown(findings, old []Finding) {
	had := map[string][]Finding{} // by fingerprint
	for _, finding := range old {
		had[finding.Fingerprint()] = append(had[finding.Fingerprint()], finding)
	}
	for i := range findings {
		fingerprint := findings[i].Fingerprint()
		candidates := had[fingerprint]
		j := slices.IndexFunc(candidates, func(before Finding) bool { return excuses(before, findings[i]) })
		if j >= 0 {
			had[fingerprint] = slices.Delete(candidates, j, j+1)
			findings[i].Known = true
		}
	}
}

// excuses reports whether a finding that was there before is the same as now. A
// conflict is one with somebody: to have it with one more object is new.
func excuses(before, now Finding) bool {
	if !now.Exclusive {
		return true
	}
	return !slices.ContainsFunc(now.Related, func(ref mesh.Ref) bool { return !slices.Contains(before.Related, ref) })
}

// spec is the path that every rule's fields begin with.
func spec() *field.Path { return field.NewPath("spec") }
