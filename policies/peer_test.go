package policies

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	networking "istio.io/api/networking/v1alpha3"

	"fedmesh.io/fedmesh/policies/api/v1alpha1"
	"fedmesh.io/fedmesh/policies/mesh"
)

func TestForeignIdentities(t *testing.T) {
	for name, foreign := range map[string]bool{
		"spiffe://bar.com/ns/bar/sa/httpbin":     false,
		"spiffe://foo.com/ns/Bar/sa/http_bin.v1": false,
		"spiffe://bar.com/greeting":              false,
		"spiffe://bar.com":                       false,
		"bar.com":                                false,
		"":                                       false,
		"SPIFFE://Bar.com/x":                     false,
		"https://baz.com":                        false,

		"spiffe://baz.com/ns/bar/sa/httpbin":      true,
		"spiffe://bar.com.evil.com/ns/a/sa/b":     true,
		"spiffe://xbar.com/ns/a/sa/b":             true,
		"spiffe://":                               true,
		"spiffe:///":                              true,
		"spiffe://bar.com/":                       true,
		"spiffe://BAR.com/ns/bar/sa/httpbin":      true,
		"spiffe://bar.com/ns//sa/httpbin":         true,
		"spiffe://bar.com/ns/../sa/httpbin":       true,
		"spiffe://bar.com/ns/bar/sa/http%62in":    true,
		"spiffe://user@bar.com/ns/bar/sa/httpbin": true,
		"spiffe://bar.com/ns/bar/sa/httpbin?a=b":  true,
		"spiffe://bar.com/ns/bar/sa/httpbin ":     true,
	} {
		findings := foreignIdentities(spec().Child("subjectAltNames"), []string{name}, usualFederation())
		if (len(findings) == 1) != foreign {
			t.Errorf("%q: got findings %v; want one: %t", name, findings, foreign)
		}
	}
}

// TestDialledPort: the order is Istio's.
func TestDialledPort(t *testing.T) {
	for name, test := range map[string]struct {
		ports   map[string]uint32
		target  uint32
		want    uint32
		written bool
	}{
		"of the endpoint":          {map[string]uint32{"http": 15443}, 9000, 15443, true},
		"of another port":          {map[string]uint32{"tcp": 15443}, 9000, 9000, false},
		"targetPort":               {nil, 9000, 9000, false},
		"number":                   {nil, 0, 8000, false},
		"of the endpoint, but 0":   {map[string]uint32{"http": 0}, 9000, 9000, false},
		"of the endpoint, 0, none": {map[string]uint32{"http": 0}, 0, 8000, false},
	} {
		t.Run(name, func(t *testing.T) {
			endpoint := &networking.WorkloadEntry{Ports: test.ports}
			port := &networking.ServicePort{Name: "http", Number: 8000, TargetPort: test.target}
			if got, written := dialledPort(endpoint, port); got != test.want || written != test.written {
				t.Errorf("got %d, %t; want %d, %t", got, written, test.want, test.written)
			}
		})
	}
}

// TestPeerLongestMessages: a warning is cut off behind 256 characters, whatever the
// names in it are.
func TestPeerLongestMessages(t *testing.T) {
	label := strings.Repeat("a", 63)
	domain := strings.Repeat(label+".", 3) + strings.Repeat("b", 63)
	names := "[spiffe://" + domain + "/ns/a/sa/b, spiffe://A" + domain + "/ns/a/sa/b]"
	federation := "apiVersion: fedmesh.io/v1alpha1\nkind: Federation\nmetadata: {name: default}\nspec:\n  localMember: local\n  members:\n" +
		"  - {name: local, network: local, trustDomain: l" + domain[1:] + "}\n"
	for _, last := range []string{"x", "y", "z"} {
		federation += "  - {name: " + label[1:] + last + ", network: " + label + ", trustDomain: m" + domain[1:] + ", gateways: [" +
			"{address: " + domain[:253] + ", port: 65533}, {address: " + domain[:253] + ", port: 65534}]}\n"
	}
	endpoint := func(fields string) string {
		endpoint := "{address: " + domain[:253] + ", network: " + label + fields + "}"
		return "endpoints: [" + strings.Repeat(endpoint+", ", 10) + endpoint + "]"
	}
	ports := "ports: [" + strings.Repeat("{number: 1, name: x, protocol: TCP}, ", 10) + "{number: 65535, name: " + label + ", protocol: HTTPS}]"
	host := strings.Repeat(label+".", 3) + strings.Repeat("b", 50)
	level := "{mode: ISTIO_MUTUAL, subjectAltNames: " + names + "}"
	want := map[string]bool{"FED110": true, "FED112": true, "FED113": true, "FED114": true, "FED115": true, "FED117": true, "FED209": true}
	for _, text := range []string{
		usualEntry("resolution: STATIC", ports, endpoint(""), "subjectAltNames:"),
		usualEntry("resolution: STATIC", ports, endpoint(", ports: {"+label+": 65535}, serviceAccount: "+label), "subjectAltNames:"),
		usualEntry("subjectAltNames: " + names),
		usualEntry("hosts: [x."+host+".global, y."+host+".global]", ports, "addresses: ['2001:db8:1111:2222:3333:4444:5555:6666']"),
		ruleHead + "  host: httpbin.bar.global\n  subsets:\n" + strings.Repeat("  - {name: v1}\n", 10) +
			"  - {name: " + label + ", trafficPolicy: {portLevelSettings: [{port: {number: 65535}, tls: " + level + "}]}}\n",
	} {
		fixture, err := parseFixture("long names", []byte(with(text, federation)))
		if err != nil {
			t.Fatal(err)
		}
		for _, line := range fixture.findings(t, Catalogue()) {
			_, line, _ := strings.Cut(line, " ") // the action
			delete(want, line[1:7])
			if len(line) > 256 {
				t.Errorf("%d characters; want 256 at most: %s", len(line), line)
			}
		}
	}
	for id := range want {
		t.Errorf("no finding of %s; want one to measure", id)
	}
}

// TestNoMemberInformation: without a Federation the rules about members find
// nothing, whatever an entry says.
func TestNoMemberInformation(t *testing.T) {
	const endpoints = "endpoints: [{address: 34.122.11.2, network: network-2, serviceAccount: a}, {address: '', network: ''}]"
	entry := with(usualEntry("resolution: STATIC", endpoints, "ports: [{number: 8443, name: https, protocol: HTTPS}]", "subjectAltNames:"), undeclaredYAML)
	if got := summaries(evaluate(t, memberRules(), "", entry, "")); len(got) > 0 {
		t.Errorf("got %q; want nothing", got)
	}
	// The same without members in it, which no API server lets through.
	fixture, err := parseFixture("object", []byte(entry))
	if err != nil {
		t.Fatal(err)
	}
	evaluator, err := NewEvaluator(memberRules())
	if err != nil {
		t.Fatal(err)
	}
	outcome := evaluator.Evaluate(Review{Object: fixture.object}, fixture.index, &mesh.Federation{Spec: v1alpha1.FederationSpec{Hosts: v1alpha1.Hosts{Suffixes: []string{"global"}}}})
	if diff := cmp.Diff(Outcome{}, outcome); diff != "" {
		t.Errorf("got (-want +got):\n%s", diff)
	}
}

func memberRules() []Rule {
	return []Rule{endpointPort(), peerIdentity(), endpointIdentity(), endpointNetwork(), portProtocol()}
}
