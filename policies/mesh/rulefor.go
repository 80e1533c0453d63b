package mesh

import (
	"cmp"
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

// RulesCovering returns the DestinationRules that are for host, exactly or by a
// wildcard. The most specific comes first, then the oldest.
func (v *View) RulesCovering(host string) []*TrafficRule {
	var rules []*TrafficRule
	for _, pattern := range coveringPatterns(CanonicalHost(host)) {
		rules = append(rules, v.RulesOn(pattern)...)
	}
	return rules
}

// coveringPatterns lists the hosts of DestinationRules that stand for a canonical
// host: itself, then the wildcards from the longest to "*".
func coveringPatterns(host string) []string {
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
// several for one host in one namespace, which Istio merges, it is the oldest. It
// passes over rules with a workloadSelector, which are for some of the clients only.
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
	if rule := mostSpecific(rules, client, local); rule != nil {
		return rule
	}
	for _, namespace := range []string{owner, root} {
		picked := mostSpecific(rules, namespace, (*TrafficRule).exported)
		if picked == nil {
			continue
		}
		for _, rule := range rules {
			if rule.Ref.Namespace == namespace && rule.Host == picked.Host && !rule.Selective && rule.exported() && rule.shownTo(client) {
				return rule
			}
		}
	}
	return nil
}

func mostSpecific(rules []*TrafficRule, namespace string, counts func(*TrafficRule) bool) *TrafficRule {
	for _, rule := range rules {
		if rule.Ref.Namespace == namespace && !rule.Selective && counts(rule) {
			return rule
		}
	}
	return nil
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
