package mesh

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// indexOfRules holds DestinationRules, each written as "namespace/name fields". The
// first is the oldest.
func indexOfRules(t *testing.T, rules ...string) *Index {
	t.Helper()
	index := NewIndex()
	for i, text := range rules {
		index.Put(NewRecord(ruleObject(t, i, text)))
	}
	return index
}

func ruleObject(t *testing.T, age int, text string) *Object {
	t.Helper()
	name, fields, _ := strings.Cut(text, " ")
	namespace, name, _ := strings.Cut(name, "/")
	object := decode(t, DestinationRule, fmt.Sprintf("metadata: {creationTimestamp: 2026-01-01T00:00:%02dZ}\nspec: {%s}", age, fields))
	object.Namespace, object.Name = namespace, name
	return object
}

// TestRuleFor: the rule that Istio picks for the clients of a namespace, for the host
// httpbin.bar.global of an entry in namespace owner. The root namespace is
// istio-system.
func TestRuleFor(t *testing.T) {
	const (
		exact    = "host: httpbin.bar.global"
		suffix   = "host: '*.global'"
		all      = "host: '*'"
		policy   = ", trafficPolicy: {tls: {mode: ISTIO_MUTUAL}}"
		private  = ", exportTo: ['.']"
		byName   = ", exportTo: [client]"
		nowhere  = ", exportTo: ['~']"
		public   = ", exportTo: ['*']"
		selector = ", workloadSelector: {matchLabels: {app: a}}"
	)
	type picks map[string]string // by the client's namespace
	for name, test := range map[string]struct {
		rules []string
		want  picks
	}{
		"none":         {nil, picks{"client": ""}},
		"other host":   {[]string{"client/a host: reviews.bar.global", "client/b host: '*.foo.global'", "client/c host: bar.global"}, picks{"client": ""}},
		"client first": {[]string{"istio-system/a " + exact, "owner/a " + exact, "client/a " + exact}, picks{"client": "client/a", "owner": "owner/a", "other": "owner/a"}},
		"then owner":   {[]string{"istio-system/a " + exact, "owner/a " + exact}, picks{"client": "owner/a"}},
		"then root":    {[]string{"istio-system/a " + exact, "other/a " + exact}, picks{"client": "istio-system/a", "other": "other/a"}},
		"nobody's":     {[]string{"policies/a " + suffix}, picks{"client": "", "owner": "", "policies": "policies/a"}},
		"order of namespaces before hosts": {
			[]string{"istio-system/a " + exact, "owner/a " + suffix, "client/a " + all},
			picks{"client": "client/a", "owner": "owner/a", "other": "owner/a"},
		},
		"exact before wildcards": {
			[]string{"client/a " + all, "client/b " + suffix, "client/c host: '*.bar.global'", "client/d " + exact}, picks{"client": "client/d"},
		},
		"longer wildcard":  {[]string{"client/a " + all, "client/c host: '*.bar.global'", "client/b " + suffix}, picks{"client": "client/c"}},
		"any wildcard":     {[]string{"client/a " + all}, picks{"client": "client/a"}},
		"other spelling":   {[]string{"client/a host: HTTPBIN.bar.global."}, picks{"client": "client/a"}},
		"private of owner": {[]string{"owner/a " + exact + private}, picks{"client": "", "owner": "owner/a"}},
		"private by name":  {[]string{"owner/a " + exact + ", exportTo: [owner]"}, picks{"client": "", "owner": "owner/a"}},
		"private of root":  {[]string{"istio-system/a " + suffix + private}, picks{"client": "", "istio-system": "istio-system/a"}},
		"public in words":  {[]string{"owner/a " + exact + public}, picks{"client": "owner/a", "other": "owner/a"}},
		"exported by name": {[]string{"owner/a " + exact + byName}, picks{"client": "owner/a", "owner": "", "other": ""}},
		"exported by name, root": {
			[]string{"istio-system/a " + suffix + byName}, picks{"client": "istio-system/a", "other": "", "istio-system": ""},
		},
		"own and by name":  {[]string{"owner/a " + exact + ", exportTo: ['.', client]"}, picks{"client": "owner/a", "owner": "owner/a", "other": ""}},
		"exported nowhere": {[]string{"owner/a " + exact + nowhere, "client/a " + exact + nowhere}, picks{"client": "", "owner": ""}},
		"away from the client's": {
			// Not even for the namespace that it is in.
			[]string{"client/a " + exact + ", exportTo: [other]", "istio-system/a " + suffix}, picks{"client": "istio-system/a", "other": "istio-system/a"},
		},
		"what is not exported hides wildcards": {
			[]string{"istio-system/a " + suffix, "istio-system/b " + exact + byName}, picks{"client": "istio-system/b", "other": ""},
		},
		"exported nowhere hides wildcards, too": {
			[]string{"istio-system/a " + suffix, "istio-system/b " + exact + nowhere}, picks{"client": ""},
		},
		"what is private hides nothing from others": {
			[]string{"istio-system/a " + suffix, "istio-system/b " + exact + private}, picks{"client": "istio-system/a", "istio-system": "istio-system/b"},
		},
		"private by name hides nothing, either": {
			[]string{"istio-system/a " + suffix, "istio-system/b " + exact + ", exportTo: [istio-system]"}, picks{"client": "istio-system/a", "istio-system": "istio-system/b"},
		},
		"hidden in the owner's namespace, found in root": {
			[]string{"istio-system/a " + suffix, "owner/b " + suffix, "owner/c " + exact + byName}, picks{"client": "owner/c", "other": "istio-system/a"},
		},
		"clients of root take what is private there first": {
			[]string{"istio-system/a " + exact, "istio-system/b " + suffix + private, "owner/a " + exact},
			picks{"istio-system": "istio-system/b", "client": "owner/a"},
		},
		"clients of root take the owner's before root's": {
			[]string{"istio-system/a " + exact, "owner/a " + suffix}, picks{"istio-system": "owner/a"},
		},
		"clients of root take root's at last": {[]string{"istio-system/a " + suffix}, picks{"istio-system": "istio-system/a"}},
		"owner is root":                       {[]string{"owner/a " + suffix}, picks{"client": "owner/a"}},
		"selective": {
			[]string{"client/a " + exact + selector, "istio-system/a " + suffix}, picks{"client": "istio-system/a"},
		},
		"selective hides nothing": {[]string{"client/a " + exact + selector, "client/b " + suffix}, picks{"client": "client/b"}},
		"of two the oldest":       {[]string{"client/b " + exact + policy, "client/a " + exact + policy}, picks{"client": "client/b"}},
		"the one with a policy":   {[]string{"client/a " + exact + ", subsets: [{name: v1}]", "client/b " + exact + policy}, picks{"client": "client/b"}},
		"the first with a policy": {
			[]string{"client/a " + exact, "client/b " + exact + policy, "client/c " + exact + policy}, picks{"client": "client/b"},
		},
		"a policy for another host": {[]string{"client/a " + exact, "client/b " + suffix + policy}, picks{"client": "client/a"}},
		"merged with one that is exported further": {
			[]string{"client/a " + exact + private, "client/b " + exact + policy + ", exportTo: ['.', other]"}, picks{"client": "client/b"},
		},
		"the last of what cannot be merged": {
			[]string{"client/a " + exact + policy, "client/b " + exact + public + policy}, picks{"client": "client/b"},
		},
		"not merged with one that is exported less far": {
			[]string{"client/a " + exact + ", exportTo: ['.', other]", "client/b " + exact + policy + private}, picks{"client": "client/b"},
		},
		"merged and apart as well": {
			// b is merged into a, then kept by itself since it does not go with c.
			[]string{"client/a " + exact, "client/c " + exact + public + policy, "client/b " + exact + policy}, picks{"client": "client/b"},
		},
		"a later one apart has no policy": {
			[]string{"client/a " + exact + policy, "client/b " + exact + public}, picks{"client": "client/b"},
		},
		"of two the one that is exported": {
			[]string{"owner/a " + exact + byName + policy, "owner/b " + exact + ", exportTo: [other]" + policy}, picks{"client": "owner/a", "other": "owner/b", "third": ""},
		},
		"no policy of what is exported to others": {
			[]string{"owner/a " + exact + byName, "owner/b " + exact + ", exportTo: [other]" + policy}, picks{"client": "owner/a", "other": "owner/b"},
		},
		"merged, and exported as the first is": {
			[]string{"owner/a " + exact + byName, "owner/b " + exact + ", exportTo: [client, other]" + policy}, picks{"client": "owner/b", "other": ""},
		},
	} {
		t.Run(name, func(t *testing.T) {
			view := NewView(indexOfRules(t, test.rules...), federation(t, nil), decode(t, ServiceEntry, `{metadata: {name: asker, namespace: owner}}`))
			got := picks{}
			for client := range test.want {
				got[client] = ""
				if rule := view.RuleFor("httpbin.bar.global", "owner", client); rule != nil {
					got[client] = rule.Ref.Namespace + "/" + rule.Ref.Name
				}
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("picks differ (-want +got):\n%s", diff)
			}
			if reads := view.Reads(); reads != KindSet(DestinationRule) {
				t.Errorf("read %v; want DestinationRules", reads.List())
			}
		})
	}
}

// TestRuleForWildcard: an entry can have a wildcard for a host.
func TestRuleForWildcard(t *testing.T) {
	index := indexOfRules(t, "client/a host: httpbin.bar.global", "client/b host: '*.global'", "client/c host: '*.bar.global'", "other/a host: '*'", "third/a host: bar.global")
	view := NewView(index, federation(t, nil), decode(t, ServiceEntry, `{}`))
	for client, want := range map[string]string{"client": "c", "other": "a", "third": ""} {
		got := ""
		if rule := view.RuleFor("*.bar.global", "owner", client); rule != nil {
			got = rule.Ref.Name
		}
		if got != want {
			t.Errorf("in %s got %q; want %q", client, got, want)
		}
	}
}

// TestRuleForRevisions: rules of another revision are not there.
func TestRuleForRevisions(t *testing.T) {
	index := NewIndex()
	for revision, name := range map[string]string{"canary": "a", "stable": "b", "": "c"} {
		object := ruleObject(t, 0, "client/"+name+" host: httpbin.bar.global")
		object.Revision = revision
		index.Put(NewRecord(object))
	}
	for revision, want := range map[string]string{"canary": "a", "stable": "b", "unknown": "c"} {
		asker := decode(t, ServiceEntry, `{metadata: {labels: {istio.io/rev: `+revision+`}}}`)
		if got := NewView(index, federation(t, nil), asker).RuleFor("httpbin.bar.global", "owner", "client"); got.Ref.Name != want {
			t.Errorf("revision %s: got %s; want %s", revision, got.Ref, want)
		}
	}
}

// TestRulesCovering: the most specific rule comes first, of several for one host the
// oldest.
func TestRulesCovering(t *testing.T) {
	index := indexOfRules(t, "x/g host: '*'", "x/f host: '*'", "a/e host: '*.global'", "a/d host: '*.bar.global'", "b/c host: httpbin.bar.global", "a/b host: httpbin.bar.global",
		"a/no host: bar.global", "a/none host: '*.httpbin.bar.global'")
	view := NewView(index, federation(t, nil), decode(t, ServiceEntry, `{}`))
	rules := view.RulesCovering("Httpbin.bar.global.")
	if diff := cmp.Diff([]string{"c", "b", "d", "e", "g", "f"}, ruleNames(rules)); diff != "" {
		t.Errorf("rules differ (-want +got):\n%s", diff)
	}

	for name, test := range map[string]struct {
		rule string
		age  int
		want []string
	}{
		"exact, new":    {"a/new host: httpbin.bar.global", 50, []string{"c", "b", "new", "d", "e", "g", "f"}},
		"exact, old":    {"a/new host: httpbin.bar.global", 0, []string{"new", "c", "b", "d", "e", "g", "f"}},
		"wildcard, new": {"a/new host: '*.bar.global'", 50, []string{"c", "b", "d", "new", "e", "g", "f"}},
		"all, between":  {"a/new host: '*'", 0, []string{"c", "b", "d", "e", "new", "g", "f"}},
		"not stored":    {"a/new host: '*'", -1, []string{"c", "b", "d", "e", "g", "f", "new"}},
	} {
		t.Run(name, func(t *testing.T) {
			object := ruleObject(t, max(test.age, 0), test.rule)
			if test.age < 0 {
				object = decode(t, DestinationRule, `{metadata: {name: new, namespace: a}, spec: {host: "*"}}`)
			}
			if diff := cmp.Diff(test.want, ruleNames(InsertRule(rules, NewTrafficRule(object)))); diff != "" {
				t.Errorf("rules differ (-want +got):\n%s", diff)
			}
			if len(rules) != 6 {
				t.Errorf("the rules that were given changed")
			}
		})
	}
}

// TestEachRule: what is gone through is what RulesUnder lists; whoever leaves early,
// by a panic even, leaves the Index unlocked.
func TestEachRule(t *testing.T) {
	index := indexOfRules(t, "a/a host: httpbin.bar.global", "b/b host: '*.global'", "a/c host: '*'", "a/d host: global", "a/e host: a.bar.global")
	view := NewView(index, federation(t, nil), ruleObject(t, 0, "a/e host: a.bar.global"))
	rules := view.EachRule("*.Global")
	if got := view.Reads(); got != KindSet(DestinationRule) {
		t.Errorf("Reads() = %v; want DestinationRule", got.List())
	}
	seen := slices.Collect(rules)
	oldestFirst(seen)
	if diff := cmp.Diff([]string{"a", "b"}, ruleNames(seen)); diff != "" {
		t.Errorf("went through other rules (-want +got):\n%s", diff)
	}
	count := 0
	for range rules {
		count++
		break
	}
	func() {
		defer func() { _ = recover() }()
		for range rules {
			count++
			panic("a rule is broken")
		}
	}()
	if count != 2 {
		t.Errorf("went through %d rules; want 1 twice", count)
	}
	if !index.lock.TryLock() {
		t.Fatal("the Index is still locked")
	}
	index.lock.Unlock()
}

func ruleNames(rules []*TrafficRule) []string {
	var names []string
	for _, rule := range rules {
		names = append(names, rule.Ref.Name)
	}
	return names
}

// TestRuleMutualTLS: the settings of a port replace those of the top level.
func TestRuleMutualTLS(t *testing.T) {
	for text, want := range map[string][2]bool{ // port 8000, port 9000
		"host: a": {false, false},
		"trafficPolicy: {tls: {mode: ISTIO_MUTUAL}}":                                                                                                                 {true, true},
		"trafficPolicy: {tls: {mode: SIMPLE}}":                                                                                                                       {false, false},
		"trafficPolicy: {tls: {sni: x}}":                                                                                                                             {false, false},
		"trafficPolicy: {tls: {mode: ISTIO_MUTUAL}, portLevelSettings: [{port: {number: 8000}}]}":                                                                    {false, true},
		"trafficPolicy: {portLevelSettings: [{port: {number: 8000}, tls: {mode: ISTIO_MUTUAL}}]}":                                                                    {true, false},
		"trafficPolicy: {tls: {mode: ISTIO_MUTUAL}, portLevelSettings: [{port: {number: 8000}, tls: {mode: DISABLE}}]}":                                              {false, true},
		"trafficPolicy: {portLevelSettings: [{port: {number: 8000}, tls: {mode: ISTIO_MUTUAL}}, {port: {number: 8000}}]}":                                            {true, false},
		"subsets: [{name: v1, trafficPolicy: {tls: {mode: ISTIO_MUTUAL}}}]":                                                                                          {false, false},
		"trafficPolicy: {tls: {mode: ISTIO_MUTUAL}}, subsets: [{name: v1, trafficPolicy: {tls: {mode: DISABLE}}}]":                                                   {true, true},
		"trafficPolicy: {tls: {mode: ISTIO_MUTUAL}, portLevelSettings: [{tls: {mode: DISABLE}}]}":                                                                    {true, true},
		"trafficPolicy: {tls: {mode: DISABLE}, portLevelSettings: [{port: {number: 9000}, tls: {mode: ISTIO_MUTUAL}}, {port: {number: 8000}, tls: {mode: MUTUAL}}]}": {false, true},
	} {
		rule := NewTrafficRule(decode(t, DestinationRule, "spec: {"+text+"}"))
		if got := [2]bool{rule.MutualTLS(8000), rule.MutualTLS(9000)}; got != want {
			t.Errorf("%s: got %v; want %v", text, got, want)
		}
	}
}
