package policies

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// usualEntry is the YAML of a federated ServiceEntry without findings, changed
// by lines such as "addresses: [240.0.0.3]". A line with nothing behind the colon
// takes the field out.
func usualEntry(changes ...string) string {
	lines := []string{
		"hosts: [httpbin.bar.global]",
		"addresses: [240.0.0.2]",
		"location: MESH_INTERNAL",
		"resolution: DNS",
		"ports: [{number: 8000, name: http, protocol: HTTP}]",
		"endpoints: [{address: 34.122.11.2, ports: {http: 15443}}]",
		"subjectAltNames: [spiffe://bar.com/ns/bar/sa/httpbin]",
	}
	for _, change := range changes {
		name, value, _ := strings.Cut(change, ":")
		kept := lines[:0:0]
		for _, line := range lines {
			if !strings.HasPrefix(line, name+":") {
				kept = append(kept, line)
			}
		}
		if lines = kept; value != "" {
			lines = append(lines, change)
		}
	}
	return "apiVersion: networking.istio.io/v1\nkind: ServiceEntry\nmetadata: {name: httpbin-bar, namespace: foo}\nspec:\n  " +
		strings.Join(lines, "\n  ") + "\n"
}

// with puts further documents behind an object.
func with(documents ...string) string { return strings.Join(documents, "---\n") }

const undeclaredYAML = "apiVersion: fedmesh.io/v1alpha1\nkind: Federation\nmetadata: {name: none}\nspec: {localMember: '', members: []}\n"

// federationYAML is a Federation of one member with further fields.
func federationYAML(fields string) string {
	return "apiVersion: fedmesh.io/v1alpha1\nkind: Federation\nmetadata: {name: default}\nspec:\n" +
		"  localMember: a\n  members: [{name: a, network: a, trustDomain: bar.com}]\n  " + fields + "\n"
}

// otherEntry is the YAML of another entry, in another namespace.
func otherEntry(name, fields string) string {
	return "apiVersion: networking.istio.io/v1\nkind: ServiceEntry\nmetadata: {name: " + name + ", namespace: other}\nspec: {" + fields + "}\n"
}

// updateTest is the replacement of one object by another, and what comes of it.
type updateTest struct {
	name, old, object string
	want              []string // action, rule and field
}

func runUpdates(t *testing.T, tests []updateTest) {
	t.Helper()
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if diff := cmp.Diff(test.want, summaries(outcomeOfUpdate(t, test.old, test.object))); diff != "" {
				t.Errorf("findings differ (-want +got):\n%s", diff)
			}
		})
	}
}

// TestMessagesFit: a warning is cut off behind 256 characters, whatever the names
// in it are.
func TestMessagesFit(t *testing.T) {
	label := strings.Repeat("a", 63)
	long := strings.Repeat(label+".", 3) + strings.Repeat("b", 50) // as long as a host under .global can be
	name := strings.Repeat("n", 253)
	holder := strings.Replace(otherEntry(name, "hosts: ["+long+"x.global, "+long+"y.global], addresses: [240.0.0.2]"), "namespace: other", "namespace: "+label, 1)
	again := otherEntry(name, "hosts: ["+long+".global]")
	for _, text := range []string{
		with(usualEntry("hosts: ["+long+".global]"), holder, again),
		with(replaces(name, usualEntry("hosts: ["+long+".global]")), strings.Replace(again, "namespace: other", "namespace: foo", 1)),
		with(replaces(name, sidecarHead+"  egress: []\n"), strings.Replace(sidecarHead, "name: federation", "name: "+name, 1)),
		with(usualEntry("hosts: ['*."+long[2:]+".global', "+long+".GLOBAL, "+long+".global, "+long+".global.]"), again),
		usualEntry("hosts: ["+strings.ToUpper(label)+"."+label+".global]", "addresses:", "resolution:", "location:", "endpoints:"),
		usualEntry("hosts: ["+strings.ToUpper(label)+"."+label+".global]", "addresses:", "location:"),
		usualEntry("addresses: ['2001:0db8:1111:2222:3333:4444:255.255.255.255/127', '::ffff:240.100.100.100/128']", "endpoints:"),
		with(usualEntry("hosts: ["+label+"]"), federationYAML("hosts: {suffixes: ["+label+"]}")),
		with(usualEntry("addresses: ['2001:db8:1111:2222:3333:4444:5555:6666']"), federationYAML("vips: {cidrs: ['2001:db8:1111:2222:3333:4444:5555:6660/128', '10.0.0.0/8', '2001:db8:1111:2222:3333:4444:5555:6661/128']}")),
		"apiVersion: networking.istio.io/v1\nkind: ServiceEntry\nmetadata: {name: x, namespace: foo}\nspec: {hosts: [" + long + ".global]}\n",
	} {
		fixture, err := parseFixture("long names", []byte(text))
		if err != nil {
			t.Fatal(err)
		}
		findings := fixture.findings(t, Catalogue())
		if len(findings) == 0 {
			t.Errorf("no finding on %s; want some to measure", text)
		}
		for _, line := range findings {
			_, line, _ := strings.Cut(line, " ") // the action
			if len(line) > 256 {
				t.Errorf("%d characters; want 256 at most: %s", len(line), line)
			}
		}
	}
	for _, fixture := range loadFixtures(t, "testdata/FED*/fail/*.yaml") {
		for _, line := range fixture.want {
			if _, line, _ := strings.Cut(line, " "); len(line) > 256 || strings.Contains(line, "\n") {
				t.Errorf("%s: %d characters in %q; want one line of 256 at most", fixture.path, len(line), line)
			}
		}
	}
}

func TestQuote(t *testing.T) {
	for name, want := range map[string]string{
		"":                              "",
		"httpbin.bar.global":            "httpbin.bar.global",
		strings.Repeat("x", 63):         strings.Repeat("x", 63),
		strings.Repeat("x", 64):         strings.Repeat("x", 30) + "..." + strings.Repeat("x", 30),
		strings.Repeat("ä", 64):         strings.Repeat("ä", 15) + "..." + strings.Repeat("ä", 15),
		"x" + strings.Repeat("ä", 64):   "x" + strings.Repeat("ä", 14) + "..." + strings.Repeat("ä", 15),
		strings.Repeat("ä", 64) + "xyz": strings.Repeat("ä", 15) + "..." + strings.Repeat("ä", 13) + "xyz",
	} {
		if got := Quote(name); got != want {
			t.Errorf("Quote(%q) = %q; want %q", name, got, want)
		}
	}
}
