package mesh

import (
	"cmp"
	"slices"
	"strings"
	"time"
)

// Exemption is what the Index keeps of a FederationExemption.
type Exemption struct {
	Meta
	// ExpiresAt is when it ends.
	ExpiresAt time.Time

	rules   []string
	targets []exemptionTarget
}

// exemptionTarget names objects of one kind: one of them, or all those whose names
// begin like that.
type exemptionTarget struct {
	kind   string
	name   string
	prefix bool
}

func newExemption(object *Object) *Exemption {
	spec := object.Exemption
	exemption := &Exemption{Meta: newMeta(object), ExpiresAt: spec.ExpiresAt.Time, rules: slices.Clone(spec.Rules)}
	exemption.Revision = ""
	for _, target := range spec.Targets {
		name, prefix := strings.CutSuffix(target.Name, "*")
		exemption.targets = append(exemption.targets, exemptionTarget{kind: target.Kind, name: name, prefix: prefix})
	}
	return exemption
}

// exempts reports whether the exemption is about a rule and an object.
func (e *Exemption) exempts(rule string, ref Ref) bool {
	return slices.Contains(e.rules, rule) && slices.ContainsFunc(e.targets, func(target exemptionTarget) bool {
		return target.kind == ref.Kind.String() && (target.name == ref.Name || target.prefix && strings.HasPrefix(ref.Name, target.name))
	})
}

// Exemptions are those of an Index, at one time.
type Exemptions struct {
	index *Index
	now   time.Time
}

// ExemptionsAt returns the exemptions as they are at now: the Index may change
// meanwhile.
func (x *Index) ExemptionsAt(now time.Time) Exemptions { return Exemptions{index: x, now: now} }

// From returns the exemption of an object from a rule that ends last, and whether it
// still holds; nil when there is none.
func (e Exemptions) From(rule string, ref Ref) (exemption *Exemption, holds bool) {
	if e.index == nil {
		return nil, false
	}
	e.index.lock.RLock()
	defer e.index.lock.RUnlock()
	for _, candidate := range e.index.exemptions[ref.Namespace] {
		if candidate.exempts(rule, ref) && (exemption == nil || later(candidate, exemption)) {
			exemption = candidate
		}
	}
	return exemption, exemption != nil && e.now.Before(exemption.ExpiresAt)
}

// Exempt reports whether an object is exempt from a rule.
func (e Exemptions) Exempt(rule string, ref Ref) bool {
	_, holds := e.From(rule, ref)
	return holds
}

func later(a, b *Exemption) bool {
	return cmp.Or(a.ExpiresAt.Compare(b.ExpiresAt), b.Ref.Compare(a.Ref)) > 0
}

// AllExemptions returns all FederationExemptions, ordered by Ref. As with Entries, rules
// do not get them.
func (x *Index) AllExemptions() []*Exemption {
	x.lock.RLock()
	defer x.lock.RUnlock()
	var all []*Exemption
	for _, named := range x.exemptions {
		for _, exemption := range named {
			all = append(all, exemption)
		}
	}
	slices.SortFunc(all, func(a, b *Exemption) int { return a.Ref.Compare(b.Ref) })
	return all
}
