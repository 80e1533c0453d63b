package istio

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"sigs.k8s.io/controller-runtime/pkg/client"
)

// refusal is what no cluster with Istio can store, why, and why there is a fixture
// of it all the same.
type refusal struct {
	reason string
	// message is part of what the API server answers: the CRD's schema and its CEL
	// rules, or istiod's webhook.
	message  string
	fixtures []string
}

// refusedByIstio are all fixtures that Istio refuses. Those in fail are forms of a
// mistake that fedmesh would refuse too and never gets to see; every rule has other
// forms, which Istio accepts.
var refusedByIstio = []refusal{
	{
		reason:  "objects that a rule must not stumble over",
		message: "Required value",
		fixtures: []string{
			"FED101/pass/no_hosts.yaml", "FED101/pass/no_spec.yaml", "FED101/pass/null_spec.yaml", "FED120/pass/no_spec.yaml",
		},
	},
	{
		reason:  "objects that a rule must not stumble over",
		message: "empty domain name not allowed",
		fixtures: []string{
			"FED201/pass/no_spec.yaml", "FED202/pass/no_spec.yaml", "FED203/pass/no_spec.yaml", "FED205/pass/no_spec.yaml",
			"FED206/pass/no_spec.yaml", "FED207/pass/no_spec.yaml", "FED208/pass/no_spec.yaml", "FED209/pass/no_spec.yaml",
		},
	},
	{
		reason:   "objects that a rule must not stumble over",
		message:  "sidecar: empty configuration provided",
		fixtures: []string{"FED301/pass/no_spec.yaml", "FED302/pass/no_spec.yaml", "FED304/pass/no_spec.yaml"},
	},
	{
		reason:   "objects that a rule must not stumble over",
		message:  "gateway must have at least one server",
		fixtures: []string{"FED401/pass/no_spec.yaml"},
	},
	{
		reason:   "objects that a rule must not stumble over",
		message:  "http, tcp or tls must be provided in virtual service",
		fixtures: []string{"FED403/pass/no_spec.yaml", "FED404/pass/no_spec.yaml"},
	},
	{
		reason:   "objects that a rule must not stumble over",
		message:  "exportTo ~ (none) is not allowed",
		fixtures: []string{"FED206/pass/nowhere.yaml", "FED207/pass/rule_nowhere.yaml"},
	},
	{
		reason:  "objects that a rule must not stumble over",
		message: "Envoy filter",
		fixtures: []string{
			"FED406/pass/invalid_version.yaml", "FED406/pass/similar_name.yaml", "FED406/pass/type_elsewhere.yaml", "FED406/fail/sub_filter.yaml",
		},
	},
	{
		reason:   "objects that a rule must not stumble over",
		message:  "not supported with CUSTOM action",
		fixtures: []string{"FED502/pass/custom.yaml"},
	},
	{
		reason:   "objects that a rule must not stumble over",
		message:  "DENY action without `rules` is meaningless",
		fixtures: []string{"FED504/pass/deny_nothing.yaml"},
	},
	{
		reason:   "a name that is as long as can be, and longer",
		message:  "valid DNS 1123 label is allowed as exportTo entry",
		fixtures: []string{"FED116/fail/long.yaml"},
	},
	{
		reason:   "what is no name is Istio's to refuse",
		message:  "is not a valid FQDN or an IP address",
		fixtures: []string{"FED111/pass/placeholder.yaml"},
	},
	{
		reason:   "what is no name is Istio's to refuse",
		message:  "domain name",
		fixtures: []string{"FED205/pass/placeholder.yaml", "FED403/pass/placeholder.yaml", "FED404/pass/placeholder.yaml"},
	},
	{
		reason:   "what is no address is Istio's to refuse",
		message:  "CIDR addresses are allowed only for NONE/STATIC resolution types",
		fixtures: []string{"FED102/pass/unparsable_address.yaml", "FED103/pass/unparsable.yaml", "FED104/pass/unparsable.yaml"},
	},
	{
		reason:   "what is no address is Istio's to refuse",
		message:  "${VIP} is not a valid IP",
		fixtures: []string{"FED105/pass/unparsable.yaml"},
	},
	{
		reason:  "Istio looks at every label by itself",
		message: "domain name",
		fixtures: []string{
			"FED101/pass/empty_label.yaml", "FED101/pass/empty_label_any_pattern.yaml", "FED101/pass/label_begins_with_dash.yaml",
			"FED101/pass/label_too_long.yaml", "FED101/pass/underscore.yaml",
		},
	},
	{
		reason:   "Istio has this resolution for wildcards only, which FED101 refuses",
		message:  "host must be wildcarded for resolution mode DYNAMIC_DNS",
		fixtures: []string{"FED108/pass/dynamic_dns.yaml"},
	},
	{
		reason:   "versions of Istio whose CRD has no CEL rules accept it",
		message:  "NONE mode cannot set endpoints",
		fixtures: []string{"FED108/fail/omitted_with_endpoints.yaml"},
	},
}

// refusals are the messages of refusedByIstio by fixture.
func refusals() map[string]string {
	messages := map[string]string{}
	for _, refusal := range refusedByIstio {
		for _, fixture := range refusal.fixtures {
			messages[fixture] = refusal.message
		}
	}
	return messages
}

// testAcceptedByIstio: what a rule refuses, istiod accepts, or the rule would add
// nothing; what a rule lets pass, istiod accepts too, or the fixture would show
// what cannot happen. Nothing is stored.
func testAcceptedByIstio(t *testing.T, c *cluster) {
	refused, accepted := refusals(), map[string]bool{}
	fixtures := append(loadFixtures(t, "fail"), loadFixtures(t, "pass")...)
	for _, f := range fixtures {
		c.makeNamespaces(t, f.object)
	}
	for _, f := range fixtures {
		err := c.api.Create(t.Context(), f.object.DeepCopy(), client.DryRunAll)
		message, expected := refused[f.name]
		delete(refused, f.name)
		switch {
		case expected && (err == nil || !strings.Contains(err.Error(), message)):
			t.Errorf("%s: got %v; want Istio to refuse it with %q, as the list says", f.name, err, message)
		case !expected && err != nil:
			t.Errorf("%s: got %v; want Istio to accept it", f.name, err)
		case err == nil && strings.Contains(f.name, "/fail/"):
			rule, _, _ := strings.Cut(f.name, "/")
			accepted[rule] = true
		}
	}
	for _, f := range fixtures {
		if rule, _, _ := strings.Cut(f.name, "/"); !accepted[rule] {
			t.Errorf("%s: Istio refuses all that this rule finds, which is no rule then", rule)
			accepted[rule] = true
		}
	}
	for _, name := range slices.Sorted(maps.Keys(refused)) {
		t.Errorf("%s is listed as refused by Istio, and there is no such fixture", name)
	}
}
