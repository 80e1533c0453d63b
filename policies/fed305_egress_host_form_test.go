package policies

import (
	"strings"
	"testing"
)

// TestEgressHostFormUpdates: a line that was wrong before may move, and a further
// one is a finding of its own.
func TestEgressHostFormUpdates(t *testing.T) {
	sidecar := func(hosts string) string { return sidecarHead + "  egress: [{hosts: [" + hosts + "]}]\n" }
	strict := federationYAML("rules: [{id: FED305, action: Deny}]")
	const field = " FED305 spec.egress[0].hosts"
	runUpdates(t, []updateTest{
		{"moved", sidecar("'*/A.bar.global'"), with(sidecar("'./*', '*/A.bar.global'"), strict), []string{"Warn" + field + "[1]"}},
		{"one more", sidecar("'*/A.bar.global'"), with(sidecar("'*/A.bar.global', '*/B.bar.global'"), strict),
			[]string{"Warn" + field + "[0]", "Deny" + field + "[1]"}},
		{"another one", sidecar("'*/A.bar.global'"), with(sidecar("'*/B.bar.global'"), strict), []string{"Deny" + field + "[0]"}},
		{"from another namespace", sidecar("'*/A.bar.global'"), with(sidecar("'foo/A.bar.global'"), usualEntry("hosts: [a.bar.global]"), strict), []string{"Deny" + field + "[0]"}},
		{"mended", sidecar("'*/A.bar.global'"), with(sidecar("'*/a.bar.global'"), strict), nil},
	})
}

// TestEgressHostFormLongestMessage: kubectl cuts warnings off behind 256
// characters.
func TestEgressHostFormLongestMessage(t *testing.T) {
	host := "A" + strings.Repeat("a", 62) + "." + strings.Repeat("b", 63) + ".global"
	sidecar := sidecarHead + "  egress:\n" + strings.Repeat("  - hosts: ['./*']\n", 99) + "  - hosts: [" + strings.Repeat("'./*', ", 99) + "'*/" + host + "']\n"
	fixture, err := parseFixture("longest", []byte(sidecar))
	if err != nil {
		t.Fatal(err)
	}
	lines := fixture.findings(t, Catalogue())
	if len(lines) != 1 {
		t.Fatalf("got %q; want one finding", lines)
	}
	if _, text, _ := strings.Cut(lines[0], " "); len(text) >= 256 {
		t.Errorf("%d characters; want less than 256: %s", len(text), text)
	}
}
