package policies

import (
	"slices"
	"testing"

	"k8s.io/apimachinery/pkg/util/validation/field"

	"fedmesh.io/fedmesh/policies/mesh"
)

// TestSuppress tests each row of the table and its converse: what is near it and
// stays.
func TestSuppress(t *testing.T) {
	ref := func(name string) mesh.Ref {
		return mesh.Ref{Kind: mesh.ServiceEntry, Namespace: "foo", Name: name}
	}
	address := func(i int) *field.Path { return spec().Child("addresses").Index(i) }
	host := func(i int) *field.Path { return spec().Child("hosts").Index(i) }
	policy := spec().Child("trafficPolicy")
	wildcard := Finding{Rule: "FED101", Action: Deny, Field: host(0), Value: "*.bar.global"}
	upperCase := Finding{Rule: "FED101", Action: Deny, Field: host(0), Value: "A.bar.global"}
	noAddress := Finding{Rule: "FED102", Action: Deny, Field: spec().Child("addresses")}
	noResolution := Finding{Rule: "FED108", Action: Deny, Field: spec().Child("resolution"), Value: "NONE"}
	loopback := Finding{Rule: "FED103", Action: Deny, Field: address(1), Value: "127.0.0.2"}
	mapped := Finding{Rule: "FED103", Action: Warn, Field: address(1), Value: "240.0.0.2"}
	outside := func(i int) Finding { return Finding{Rule: "FED104", Action: Deny, Field: address(i)} }
	taken := func(i int, by string) Finding {
		return Finding{Rule: "FED105", Action: Deny, Field: address(i), Related: []mesh.Ref{ref(by)}}
	}
	defined := func(by ...string) Finding {
		finding := Finding{Rule: "FED106", Action: Deny, Field: host(0)}
		for _, name := range by {
			finding.Related = append(finding.Related, ref(name))
		}
		return finding
	}
	takenOver := takeover(ref("a"), "httpbin.bar.global", "")
	takenOver.Rule = "FED106"
	mode := func(path *field.Path) Finding { return Finding{Rule: "FED201", Action: Deny, Field: path.Child("tls")} }
	serverName := func(path *field.Path) Finding {
		return Finding{Rule: "FED203", Action: Deny, Field: path.Child("tls", "sni")}
	}
	peer := func(path *field.Path) Finding {
		return Finding{Rule: "FED209", Action: Deny, Field: path.Child("tls", "subjectAltNames").Index(0)}
	}
	emptySelector := Finding{Rule: "FED302", Action: Deny, Field: spec().Child("workloadSelector"), Value: "{}"}
	overlap := Finding{Rule: "FED303", Action: Warn, Field: spec().Child("workloadSelector", "labels")}
	exposed := Finding{Rule: "FED401", Action: Deny, Field: host(0), Value: "foo/*"}
	namespace := func(i int) Finding { return Finding{Rule: "FED405", Action: Warn, Field: host(i)} }
	forbidden := Finding{Rule: "FED604", Action: Warn, Field: spec().Child("volumes")}
	noSocket := Finding{Rule: "FED601", Action: Warn, Field: spec().Child("volumes").Index(0), Value: "emptyDir"}
	second := Finding{Rule: "FED601", Action: Warn, Field: spec().Child("containers").Index(1), Value: "istio-proxy"}
	foreign := func(i int, name string) Finding {
		return Finding{Rule: "FED511", Action: Deny, Field: spec().Child("uris").Index(i), Value: name}
	}
	unknown := Finding{Rule: "FED511", Action: Warn, Field: spec().Child("uris").Index(1), Value: "spiffe://baz.com"}
	further := func(i int, name string) Finding {
		return Finding{Rule: "FED512", Action: Deny, Field: spec().Child("uris").Index(i), Value: name}
	}
	principal := func(rule string, i int) Finding {
		return Finding{Rule: rule, Action: Warn, Field: spec().Child("rules").Index(0).Child("principals").Index(i)}
	}
	subset := func(i int) *field.Path { return spec().Child("subsets").Index(i).Child("trafficPolicy") }

	for name, test := range map[string]struct {
		findings []Finding
		want     []string // rules that are left
	}{
		"nothing":                 {nil, nil},
		"one":                     {[]Finding{noAddress}, []string{"FED102"}},
		"wildcard over address":   {[]Finding{wildcard, noAddress}, []string{"FED101"}},
		"wildcard over both":      {[]Finding{wildcard, noAddress, noResolution}, []string{"FED101"}},
		"wildcard and the rest":   {[]Finding{wildcard, loopback, defined("a")}, []string{"FED101", "FED103", "FED106"}},
		"another form of host":    {[]Finding{upperCase, noAddress, noResolution}, []string{"FED101", "FED102", "FED108"}},
		"no wildcard":             {[]Finding{noAddress, noResolution}, []string{"FED102", "FED108"}},
		"unusable over range":     {[]Finding{loopback, outside(1)}, []string{"FED103"}},
		"unusable over conflict":  {[]Finding{loopback, taken(1, "a")}, []string{"FED103"}},
		"unusable elsewhere":      {[]Finding{loopback, outside(0), taken(2, "a")}, []string{"FED103", "FED104", "FED105"}},
		"unusable by one digit":   {[]Finding{loopback, outside(11)}, []string{"FED103", "FED104"}},
		"mapped and range":        {[]Finding{mapped, outside(1), taken(1, "a")}, []string{"FED103", "FED104", "FED105"}},
		"range and conflict":      {[]Finding{outside(1), taken(1, "a")}, []string{"FED104", "FED105"}},
		"host over its address":   {[]Finding{taken(0, "a"), defined("a")}, []string{"FED106"}},
		"host over all addresses": {[]Finding{taken(0, "a"), taken(1, "b"), defined("b", "a")}, []string{"FED106"}},
		"host taken over":         {[]Finding{taken(0, "a"), takenOver}, []string{"FED105", "FED106"}},
		"host of another entry":   {[]Finding{taken(0, "a"), defined("b")}, []string{"FED105", "FED106"}},
		"host twice in one entry": {[]Finding{taken(0, "a"), defined()}, []string{"FED105", "FED106"}},
		"mode over server name":   {[]Finding{mode(policy), serverName(policy)}, []string{"FED201"}},
		"mode over another level": {[]Finding{mode(policy), serverName(policy.Child("portLevelSettings").Index(0))}, []string{"FED201", "FED203"}},
		"mode of a subset":        {[]Finding{mode(subset(0)), serverName(policy)}, []string{"FED201", "FED203"}},
		"mode of another subset":  {[]Finding{mode(subset(0)), serverName(subset(1))}, []string{"FED201", "FED203"}},
		"mode and its own subset": {[]Finding{mode(subset(1)), serverName(subset(1))}, []string{"FED201"}},
		"empty over overlap":      {[]Finding{emptySelector, overlap}, []string{"FED302"}},
		"overlap alone":           {[]Finding{overlap, overlap}, []string{"FED303", "FED303"}},
		"exposed over namespace":  {[]Finding{exposed, namespace(0)}, []string{"FED401"}},
		"exposed by another host": {[]Finding{exposed, namespace(1)}, []string{"FED401", "FED405"}},
		"mode over peers":         {[]Finding{mode(policy), peer(policy), peer(policy)}, []string{"FED201"}},
		"mode and other peers":    {[]Finding{mode(subset(0)), peer(policy), peer(subset(1))}, []string{"FED201", "FED209", "FED209"}},
		"server name and peer":    {[]Finding{serverName(policy), peer(policy)}, []string{"FED203", "FED209"}},
		"foreign over further":    {[]Finding{foreign(1, "spiffe://bar.com"), further(1, "spiffe://bar.com")}, []string{"FED511"}},
		"foreign elsewhere":       {[]Finding{foreign(0, "spiffe://bar.com"), further(1, "spiffe://bar.com")}, []string{"FED511", "FED512"}},
		"foreign by another name": {[]Finding{foreign(0, "spiffe://bar.com"), further(0, "spiffe://foo.com")}, []string{"FED511", "FED512"}},
		"unknown and further":     {[]Finding{unknown, further(1, "spiffe://baz.com")}, []string{"FED511", "FED512"}},
		"forbidden over missing":  {[]Finding{noSocket, forbidden}, []string{"FED604"}},
		"forbidden and template":  {[]Finding{noSocket, second, forbidden}, []string{"FED601", "FED604"}},
		"foreign over widened":    {[]Finding{principal("FED502", 0), principal("FED503", 0)}, []string{"FED502"}},
		"foreign and widened":     {[]Finding{principal("FED502", 0), principal("FED503", 1)}, []string{"FED502", "FED503"}},
		"missing alone":           {[]Finding{noSocket, second}, []string{"FED601", "FED601"}},
		"what is suppressed suppresses nothing": {
			// FED105 goes, and would not take anything with it if it could.
			[]Finding{loopback, taken(1, "a"), defined("b")}, []string{"FED103", "FED106"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			given := slices.Clone(test.findings)
			var got []string
			for _, finding := range suppress(test.findings) {
				got = append(got, finding.Rule)
			}
			if !slices.Equal(got, test.want) {
				t.Errorf("left: %v; want %v", got, test.want)
			}
			for i := range given {
				if test.findings[i].Rule != given[i].Rule {
					t.Errorf("the findings that were given changed")
				}
			}
		})
	}
}

// TestSuppressionsAreOfTheCatalogue: a row about a rule that there is not would
// never be noticed.
func TestSuppressionsAreOfTheCatalogue(t *testing.T) {
	known := map[string]bool{}
	for _, rule := range Catalogue() {
		known[rule.ID] = true
	}
	for _, row := range suppressions() {
		for _, id := range append([]string{row.by}, row.over...) {
			if !known[id] {
				t.Errorf("there is no rule %s", id)
			}
		}
	}
}

// TestSuppressionFollowsTheRules: what the Federation makes of a finding does not
// change what it stands for; a rule that is off stands for nothing.
func TestSuppressionFollowsTheRules(t *testing.T) {
	wildcard := usualEntry("hosts: ['*.bar.global']", "addresses:")
	for name, test := range map[string]struct {
		object, context string
		want            []string
	}{
		"milder": {wildcard, federationYAML("rules: [{id: FED101, action: Audit}]"), []string{"Audit FED101 spec.hosts[0]"}},
		"off":    {wildcard, federationYAML("rules: [{id: FED101, action: 'Off'}]"), []string{"Deny FED102 spec.addresses"}},
		"ranges let through": {
			usualEntry("addresses: [10.0.0.0/20]", "resolution: STATIC"),
			with(federationYAML("rules: [{id: FED103, action: 'Off'}]"), otherEntry("x", "hosts: [x.com], addresses: [10.0.0.0]")), nil,
		},
		"undeclared":          {usualEntry("addresses: [127.0.0.2]"), with(undeclaredYAML, otherEntry("x", "hosts: [x.com], addresses: [127.0.0.2]")), []string{"Warn FED103 spec.addresses[0]"}},
		"a warning as deny":   {usualEntry("addresses: ['::ffff:10.0.0.1']"), federationYAML("rules: [{id: FED103, action: Deny}]"), []string{"Deny FED103 spec.addresses[0]", "Deny FED104 spec.addresses[0]"}},
		"a denial as warning": {usualEntry("addresses: [127.0.0.2]"), federationYAML("rules: [{id: FED103, action: Warn}]"), []string{"Warn FED103 spec.addresses[0]"}},
	} {
		t.Run(name, func(t *testing.T) {
			got := summaries(evaluate(t, Catalogue(), "", test.object, test.context))
			if !slices.Equal(got, test.want) {
				t.Errorf("got %q; want %q", got, test.want)
			}
		})
	}
}

// TestSuppressionOfUpdates: a finding that was there before does not let a new
// one pass, and one that was suppressed before is not new.
func TestSuppressionOfUpdates(t *testing.T) {
	other := otherEntry("x", "hosts: [httpbin.bar.global, b.bar.global], addresses: [240.0.0.9]")
	runUpdates(t, []updateTest{
		{"a known host conflict and a new address conflict",
			usualEntry(), with(usualEntry("addresses: [240.0.0.9]"), other),
			[]string{"Deny FED105 spec.addresses[0]", "Warn FED106 spec.hosts[0]"}},
		{"a known wildcard and a new resolution",
			usualEntry("hosts: ['*.bar.global']"), usualEntry("hosts: ['*.bar.global']", "resolution:"),
			[]string{"Warn FED101 spec.hosts[0]", "Deny FED108 spec.resolution"}},
		{"a wildcard mended, what it stood for not yet",
			usualEntry("hosts: ['*.bar.global']", "addresses:", "resolution:"), usualEntry("addresses:", "resolution:"),
			[]string{"Warn FED102 spec.addresses", "Warn FED108 spec.resolution"}},
	})
}
