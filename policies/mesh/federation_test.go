package mesh

import (
	"net/netip"
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"

	"fedmesh.io/fedmesh/policies/api/v1alpha1"
)

// TestCompileErrors: each names the field, the value and what is wanted.
func TestCompileErrors(t *testing.T) {
	tests := map[string]struct {
		change func(*v1alpha1.FederationSpec)
		want   []string
	}{
		"local member": {
			func(s *v1alpha1.FederationSpec) { s.LocalMember = "cluster-3" },
			[]string{`spec.localMember: Invalid value: "cluster-3": must be the name of one of members: cluster-1, cluster-2`},
		},
		"member twice": {
			func(s *v1alpha1.FederationSpec) { s.Members[1].Name = "cluster-1" },
			[]string{`spec.members[1].name: Duplicate value: "cluster-1"`},
		},
		"range": {
			func(s *v1alpha1.FederationSpec) { s.VIPs.CIDRs = []string{"240.0.0.0/4", "240.0.0.1"} },
			[]string{`spec.vips.cidrs[1]: Invalid value: "240.0.0.1": must be an IP prefix such as 240.0.0.0/4`},
		},
		"bits beyond the prefix": {
			func(s *v1alpha1.FederationSpec) { s.VIPs.Reserved = []string{"10.244.1.7/16"} },
			[]string{`spec.vips.reserved[0]: Invalid value: "10.244.1.7/16": has bits beyond its prefix; write 10.244.0.0/16`},
		},
		"mapped range": {
			func(s *v1alpha1.FederationSpec) { s.VIPs.AutoRanges = []string{"::ffff:240.240.0.0/112"} },
			[]string{`spec.vips.autoRanges[0]: Invalid value: "::ffff:240.240.0.0/112": must not be IPv4-mapped IPv6; write it as IPv4`},
		},
		"selector": {
			func(s *v1alpha1.FederationSpec) {
				s.Rules = []v1alpha1.RuleSetting{{ID: "FED105", Action: v1alpha1.RuleWarn, NamespaceSelector: &metav1.LabelSelector{
					MatchExpressions: []metav1.LabelSelectorRequirement{{Key: "tier", Operator: "Is"}},
				}}}
			},
			[]string{`spec.rules[0].namespaceSelector: Invalid value: "`, `"Is" is not a valid label selector operator`},
		},
		"all at once": {
			func(s *v1alpha1.FederationSpec) {
				s.LocalMember, s.VIPs.CIDRs, s.VIPs.Reserved = "x", []string{"a"}, []string{"b"}
			},
			[]string{"spec.localMember", "spec.vips.cidrs[0]", "spec.vips.reserved[0]"},
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			spec := twoMembers()
			test.change(&spec)
			federation, errs := Compile(spec)
			if federation != nil || len(errs) == 0 {
				t.Fatalf("Compile gave %v, %v; want errors only", federation, errs)
			}
			got := errs.ToAggregate().Error()
			for _, want := range test.want {
				if !strings.Contains(got, want) {
					t.Errorf("Compile: got %s; want %s in it", got, want)
				}
			}
		})
	}
}

func TestCompileKeepsItsInput(t *testing.T) {
	spec := twoMembers()
	federation, errs := Compile(spec)
	if errs != nil {
		t.Fatal(errs.ToAggregate())
	}
	if spec.RootNamespace != "" || spec.Members[0].Gateways[0].Port != 0 {
		t.Errorf("Compile filled its defaults into the caller's specification: %+v", spec)
	}
	if federation.Local.Name != "cluster-1" || federation.Spec.Members[1].Gateways[0].Port != 15443 || federation.Spec.Hosts.Suffixes[0] != "global" {
		t.Errorf("Compile: got %+v; want defaults filled in", federation.Spec)
	}
}

func TestFederated(t *testing.T) {
	federation := federation(t, func(s *v1alpha1.FederationSpec) {
		s.Hosts.Suffixes = []string{"deep.global", "mesh.example.com", "global"}
		s.Hosts.External = []string{"*.safe.global", "www.one.global"}
	})
	tests := []struct{ host, suffix string }{ // an empty suffix: not federated
		{"httpbin.bar.global", "global"},
		{"HTTPBIN.bar.Global.", "global"},
		{"global", "global"},
		{".global", "global"},
		{"a..global", "global"},
		{"*.global", "global"},
		{"*.bar.global", "global"},
		{"httpbin.bar.mesh.example.com", "mesh.example.com"},
		{"httpbin.deep.global", "deep.global"},
		{"deep.global", "deep.global"},
		{"safe.global", "global"},
		{"unsafe.global", "global"},
		{"a.www.one.global", "global"},

		{"", ""}, {"*", ""}, {".", ""}, {"*.", ""},
		{"*.com", ""}, {"*.local", ""}, {"example.com", ""}, {"httpbin.bar", ""},
		{"aglobal", ""}, {"*global", ""}, {"global.com", ""}, {"globa", ""},
		{"app.safe.global", ""}, {"APP.safe.global.", ""}, {"a.b.safe.global", ""},
		{"*.safe.global", ""}, {"*.a.safe.global", ""},
		{"www.one.global", ""}, {"*.www.one.global", ""},
	}
	for _, test := range tests {
		if got := federation.Federated(test.host); got != (test.suffix != "") {
			t.Errorf("Federated(%q) = %t; want %t", test.host, got, !got)
		}
		if got := federation.Suffix(test.host); got != test.suffix {
			t.Errorf("Suffix(%q) = %q; want %q", test.host, got, test.suffix)
		}
	}
}

func TestInRanges(t *testing.T) {
	tests := []struct {
		cidrs []string
		addr  string
		want  bool
	}{
		{nil, "240.0.0.2", true}, // the default, 240.0.0.0/4
		{nil, "239.255.255.255", false},
		{nil, "fd00::1", true},
		{[]string{}, "10.0.0.1", true},
		{[]string{"fd00::/8"}, "10.0.0.1", true},
		{[]string{"fd00::/8"}, "fe00::1", false},
		{[]string{"10.0.0.0/8", "100.64.0.0/10"}, "100.127.255.255", true},
		{[]string{"10.0.0.0/8", "100.64.0.0/10"}, "100.128.0.0", false},
	}
	for _, test := range tests {
		federation := federation(t, func(s *v1alpha1.FederationSpec) { s.VIPs.CIDRs = test.cidrs })
		if got := federation.InRanges(netip.MustParseAddr(test.addr)); got != test.want {
			t.Errorf("InRanges(%s) with cidrs %q = %t; want %t", test.addr, test.cidrs, got, test.want)
		}
	}
	if !Undeclared().InRanges(netip.MustParseAddr("10.0.0.1")) {
		t.Errorf("Undeclared restricts addresses to ranges; want none, nobody said which")
	}
}

func TestReservedOf(t *testing.T) {
	for _, test := range []struct {
		reserved  []string
		four, six bool
	}{
		{nil, false, false},
		{[]string{"10.244.0.0/16"}, true, false},
		{[]string{"fd00::/8"}, false, true},
		{[]string{"10.244.0.0/16", "fd00::/8"}, true, true},
	} {
		federation := federation(t, func(s *v1alpha1.FederationSpec) { s.VIPs.Reserved = test.reserved })
		four, six := federation.ReservedOf(netip.MustParseAddr("192.0.2.1")), federation.ReservedOf(netip.MustParseAddr("2001:db8::1"))
		if four != test.four || six != test.six {
			t.Errorf("reserved %q: IPv4 %t and IPv6 %t; want %t and %t", test.reserved, four, six, test.four, test.six)
		}
	}
}

func TestAction(t *testing.T) {
	legacy := &metav1.LabelSelector{MatchLabels: map[string]string{"tier": "legacy"}}
	federation := federation(t, func(s *v1alpha1.FederationSpec) {
		s.Rules = []v1alpha1.RuleSetting{
			{ID: "FED105", Action: v1alpha1.RuleWarn},
			{ID: "FED105", Action: v1alpha1.RuleOff, NamespaceSelector: legacy},
			{ID: "FED106", Action: v1alpha1.RuleOff, NamespaceSelector: legacy},
			{ID: "FED106", Action: v1alpha1.RuleAudit},
			{ID: "FED107", Action: v1alpha1.RuleOff, NamespaceSelector: &metav1.LabelSelector{}},
		}
	})
	tests := []struct {
		rule      string
		namespace labels.Set
		want      v1alpha1.RuleAction
	}{
		{"FED101", nil, v1alpha1.RuleDeny},
		{"FED105", nil, v1alpha1.RuleWarn},
		{"FED105", labels.Set{"tier": "legacy"}, v1alpha1.RuleOff},
		{"FED105", labels.Set{"tier": "new"}, v1alpha1.RuleWarn},
		{"FED106", labels.Set{"tier": "legacy"}, v1alpha1.RuleAudit}, // the last that fits
		{"FED107", nil, v1alpha1.RuleOff},                            // an empty selector is every namespace
	}
	for _, test := range tests {
		if got := federation.Action(test.rule, v1alpha1.RuleDeny, test.namespace); got != test.want {
			t.Errorf("Action(%s) in a namespace with %v = %s; want %s", test.rule, test.namespace, got, test.want)
		}
	}
	for given, want := range map[v1alpha1.RuleAction]v1alpha1.RuleAction{
		v1alpha1.RuleDeny: v1alpha1.RuleWarn, v1alpha1.RuleWarn: v1alpha1.RuleWarn, v1alpha1.RuleAudit: v1alpha1.RuleAudit,
	} {
		if got := Undeclared().Action("FED101", given, nil); got != want {
			t.Errorf("Action of %s while undeclared = %s; want %s", given, got, want)
		}
	}
}
