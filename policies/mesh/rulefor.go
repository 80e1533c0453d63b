package mesh

import (
	"cmp"
	"iter"
	"slices"
	"strings"
)

// RulesOn returns the DestinationRules for exactly this host; for a wildcard, those
// for the very same wildcard. The oldest comes first.
func (v *View) RulesOn(host string) []*TrafficRule {
	return v.rules(CanonicalHost(host), hostTree[*TrafficRule].of)
}

// RulesUnder returns the DestinationRules for host and, for a wildcard, for
// everything that it stands for, wildcards included. The oldest comes first.
func (v *View) RulesUnder(host string) []*TrafficRule {
	return v.rules(CanonicalHost(host), hostTree[*TrafficRule].under)
}

// RulesIn returns the DestinationRules of a namespace, the oldest first.
func (v *View) RulesIn(namespace string) []*TrafficRule {
	return shownIn(v, DestinationRule, namespace, func(x *Index) byNamespace[*TrafficRule] { return x.rules })
}

// EachRule goes through the rules that RulesUnder returns, in no order that means
// anything. It costs what is gone through. The Index is locked for as long: what is
// done with a rule asks no other question.
func (v *View) EachRule(host string) iter.Seq[*TrafficRule] {
	v.reads |= KindSet(DestinationRule)
	return func(yield func(*TrafficRule) bool) {
		for index := range v.indexes {
			if !v.eachRule(index, host, yield) {
				return
			}
		}
	}
}

func (v *View) eachRule(index *Index, host string, yield func(*TrafficRule) bool) bool {
	index.lock.RLock()
	defer index.lock.RUnlock() // also when a rule panics
	goOn := true
	index.byRuleHost.under(CanonicalHost(host), func(rule *TrafficRule) bool {
		goOn = !v.shows(index, rule.Ref, rule.Revision) || yield(rule)
		return goOn
	})
	return goOn
}

// RulesCovering returns the DestinationRules that are for host, exactly or by a
// wildcard. The most specific comes first, then the oldest.
func (v *View) RulesCovering(host string) []*TrafficRule {
	var rules []*TrafficRule
	for _, pattern := range CoveringPatterns(CanonicalHost(host)) {
		rules = append(rules, v.RulesOn(pattern)...)
	}
	return rules
}

// CoveringPatterns lists the hosts of DestinationRules that stand for host, in
// canonical form: itself, then the wildcards from the longest to "*".
func CoveringPatterns(host string) []string {
	patterns := []string{host}
	for rest := strings.TrimPrefix(host, "*."); ; {
		_, parent, found := strings.Cut(rest, ".")
		if !found {
			break
		}
		patterns = append(patterns, "*."+parent)
		rest = parent
	}
	if host != "*" {
		patterns = append(patterns, "*")
	}
	return patterns
}

func (v *View) rules(host string, find func(hostTree[*TrafficRule], string, func(*TrafficRule) bool)) []*TrafficRule {
	v.reads |= KindSet(DestinationRule)
	var rules []*TrafficRule
	for index := range v.indexes {
		index.lock.RLock()
		find(index.byRuleHost, host, func(rule *TrafficRule) bool {
			if v.shows(index, rule.Ref, rule.Revision) {
				rules = append(rules, rule)
			}
			return true
		})
		index.lock.RUnlock()
	}
	oldestFirst(rules)
	return rules
}

// RuleFor returns the DestinationRule that Istio picks for host, of an entry in
// namespace owner, for the clients of namespace client; nil when there is none. Of
// several for one host in one namespace, which Istio merges, it is the one whose
// top-level policy holds. It passes over rules with a workloadSelector, which are
// for some of the clients only.
//
// Istio looks at the client's namespace first, then at the entry's, then at the root
// namespace, and in each takes the most specific host; when that rule is not
// exported to the client, the namespace has none, however many there are for
// wildcards (istio pilot/pkg/model/push_context.go, destinationRule and
// getExportedDestinationRuleFromNamespace).
func (v *View) RuleFor(host, owner, client string) *TrafficRule {
	return PickRule(v.RulesCovering(host), v.federation.Spec.RootNamespace, owner, client)
}

// PickRule is RuleFor among rules, which are in the order of RulesCovering. It lets
// a rule that asks for many clients look the rules up once, and add the one that it
// is about.
func PickRule(rules []*TrafficRule, root, owner, client string) *TrafficRule {
	local := func(r *TrafficRule) bool { return r.local() && (client != root || !r.exported()) }
	if picked := lastOf(mostSpecific(rules, client, local), func(*TrafficRule) bool { return true }); picked != nil {
		return picked
	}
	shown := func(r *TrafficRule) bool { return r.shownTo(client) }
	for _, namespace := range []string{owner, root} {
		if picked := lastOf(mostSpecific(rules, namespace, (*TrafficRule).exported), shown); picked != nil {
			return picked
		}
	}
	return nil
}

// mostSpecific returns the rules of namespace that count, for the first host that
// has any.
func mostSpecific(rules []*TrafficRule, namespace string, counts func(*TrafficRule) bool) []*TrafficRule {
	var found []*TrafficRule
	for _, rule := range rules {
		if rule.Ref.Namespace != namespace || rule.Selective || !counts(rule) {
			continue
		}
		if len(found) > 0 && rule.Host != found[0].Host {
			break
		}
		found = append(found, rule)
	}
	return found
}

// mergedRule is what Istio makes of some rules for one host in one namespace.
type mergedRule struct {
	first  *TrafficRule // whose exportTo it has
	policy *TrafficRule // whose top-level policy it has; first where none has any
}

// lastOf returns, of rules for one host in one namespace, the one whose policy
// holds for those to whom it is shown; nil when there is none. Rules with the same
// exportTo are merged, and so is a later one with more in it; of what cannot be
// merged the last one holds (istio pilot/pkg/model/destination_rule.go,
// mergeDestinationRule; sidecar.go, SidecarScope.DestinationRule).
func lastOf(rules []*TrafficRule, shown func(*TrafficRule) bool) *TrafficRule {
	var merged []*mergedRule
	for _, rule := range rules {
		apart := true
		for _, into := range merged {
			apart = !rule.MergesInto(into.first)
			if !apart && !into.policy.Policy && rule.Policy {
				into.policy = rule
			}
		}
		if apart {
			merged = append(merged, &mergedRule{first: rule, policy: rule})
		}
	}
	for _, rule := range slices.Backward(merged) {
		if shown(rule.first) {
			return rule.policy
		}
	}
	return nil
}

// MergesInto reports whether Istio merges the rule into first, for the same host:
// exportTo is the same, or has what that of first lists and more.
func (r *TrafficRule) MergesInto(first *TrafficRule) bool {
	if len(first.ExportTo) == 0 {
		return len(r.ExportTo) == 0
	}
	return !slices.ContainsFunc(first.ExportTo, func(name string) bool { return !slices.Contains(r.ExportTo, name) })
}

// NewTrafficRule returns what the Index would keep of a DestinationRule.
func NewTrafficRule(object *Object) *TrafficRule { return newTrafficRule(object) }

// InsertRule returns rules with one more, in the order of RulesCovering.
func InsertRule(rules []*TrafficRule, rule *TrafficRule) []*TrafficRule {
	return slices.SortedStableFunc(slices.Values(append(slices.Clone(rules), rule)), func(a, b *TrafficRule) int {
		return cmp.Or(
			cmp.Compare(specificity(b.Host), specificity(a.Host)),
			cmp.Compare(age(a), age(b)),
			a.Ref.Compare(b.Ref),
		)
	})
}

// specificity orders the patterns that stand for one host: an exact host before a
// wildcard, a longer wildcard before a shorter.
func specificity(host string) int {
	if IsWildcard(host) {
		return len(host)
	}
	return 1 << 10
}

// age orders rules from the oldest to those that are not stored yet.
func age(rule *TrafficRule) int64 {
	if rule.Created == 0 {
		return 1<<63 - 1
	}
	return rule.Created
}
