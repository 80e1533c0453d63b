package output

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"fedmesh.io/fedmesh/cmd/kubectl-fedmesh/internal/documents"
	"fedmesh.io/fedmesh/cmd/kubectl-fedmesh/internal/lint"
	"fedmesh.io/fedmesh/policies"
	"fedmesh.io/fedmesh/policies/mesh"
)

var update = flag.Bool("update", false, "write testdata anew")

// usual is a report with something of everything: several findings of one object,
// two that are alike, standard input, clusters from files and live, characters that
// mean something in JSON, XML and URIs.
func usual() lint.Report {
	entry := mesh.Ref{Kind: mesh.ServiceEntry, Namespace: "foo", Name: "httpbin-bar"}
	sidecar := mesh.Ref{Kind: mesh.Sidecar, Namespace: "foo", Name: "default"}
	addresses := field.NewPath("spec", "addresses")
	finding := func(action policies.Action, rule string, ref mesh.Ref, path *field.Path, value, message, fix string) policies.Finding {
		return policies.Finding{Action: action, Rule: rule, Ref: ref, Field: path, Value: value, Message: message, Fix: fix}
	}
	return lint.Report{
		Objects: 6, Known: 2, Declared: true,
		Judged: []lint.Judged{
			{File: "cluster-1/a b.yaml", Ref: entry},
			{File: "cluster-1/a b.yaml", Ref: sidecar},
			{File: "cluster-1/a b.yaml", Ref: sidecar}, // twice in one file
			{File: "-", Ref: entry},
			{Cluster: "west", File: "./shared/entry.yaml", Ref: entry},
			{Cluster: "east", File: "east", Ref: entry},
		},
		Findings: []lint.Finding{
			{Finding: finding(policies.Deny, "FED105", entry, addresses.Index(0), "240.0.0.2", `240.0.0.2 belongs to <"a"> & b`, "choose another"), File: "cluster-1/a b.yaml", Line: 7},
			{Finding: finding(policies.Deny, "FED105", entry, addresses.Index(1), "240.0.0.2", "240.0.0.2 belongs to a", ""), File: "cluster-1/a b.yaml", Line: 8},
			{Finding: finding(policies.Audit, "FED107", entry, field.NewPath("spec", "location"), "", "omitted", "set it"), File: "cluster-1/a b.yaml", Line: 5},
			{Finding: finding(policies.Warn, "FED101", entry, field.NewPath("spec", "hosts").Index(0), "a", "is no host", "name one"), File: "-", Line: 30},
			{Finding: finding(policies.Deny, "FED105", entry, addresses.Index(0), "240.0.0.2", "240.0.0.2 belongs to a", ""), Cluster: "west", File: "./shared/entry.yaml", Line: 7},
			{Finding: finding(policies.Deny, "FED105", entry, addresses.Index(0), "240.0.0.2", "240.0.0.2 belongs to a", ""), Cluster: "east", File: "east"},
		},
		Problems: []documents.Problem{
			{File: "cluster-1/broken.yaml", Line: 3, Message: "this is no YAML: \x01"},
			{File: "missing", Message: "cannot read it: no such file or directory"},
		},
	}
}

// TestGolden: what the forms look like. The rules within SARIF are looked at
// elsewhere, so that a new rule does not change this. Where the form of SARIF
// changes, hold a whole report against the schema of the standard
// (https://github.com/oasis-tcs/sarif-spec, sarif-schema-2.1.0.json).
func TestGolden(t *testing.T) {
	for name, write := range map[string]func(*bytes.Buffer) error{
		"report.txt":          func(out *bytes.Buffer) error { return Text(out, usual(), false) },
		"report_coloured.txt": func(out *bytes.Buffer) error { return Text(out, usual(), true) },
		"report.json":         func(out *bytes.Buffer) error { return JSON(out, usual()) },
		"report.junit.xml": func(out *bytes.Buffer) error {
			return JUnit(out, usual(), func(action policies.Action) bool { return action == policies.Deny })
		},
		"report.sarif": func(out *bytes.Buffer) error {
			var whole bytes.Buffer
			if err := SARIF(&whole, usual()); err != nil {
				return err
			}
			var log sarifLog
			if err := json.Unmarshal(whole.Bytes(), &log); err != nil {
				return err
			}
			log.Runs[0].Tool.Driver.Rules = nil
			for i, result := range log.Runs[0].Results {
				if result.RuleIndex < 0 || lint.Catalogue()[result.RuleIndex].ID != result.RuleID {
					t.Errorf("results[%d]: got index %d for rule %s, want its own", i, result.RuleIndex, result.RuleID)
				}
				log.Runs[0].Results[i].RuleIndex = 0
			}
			return writeJSON(out, log)
		},
	} {
		t.Run(name, func(t *testing.T) {
			var got bytes.Buffer
			if err := write(&got); err != nil {
				t.Fatal(err)
			}
			path := filepath.Join("testdata", name)
			if *update {
				if err := os.WriteFile(path, got.Bytes(), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(string(want), got.String()); diff != "" {
				t.Errorf("the report differs; -update writes testdata anew (-want +got):\n%s", diff)
			}
		})
	}
}

// TestSARIFRules: what GitHub wants of a rule (required texts, their lengths).
func TestSARIFRules(t *testing.T) {
	var out bytes.Buffer
	if err := SARIF(&out, lint.Report{}); err != nil {
		t.Fatal(err)
	}
	var log sarifLog
	if err := json.Unmarshal(out.Bytes(), &log); err != nil {
		t.Fatal(err)
	}
	rules := log.Runs[0].Tool.Driver.Rules
	if got, want := len(rules), len(lint.Catalogue()); got != want {
		t.Fatalf("got %d rules, want %d", got, want)
	}
	for i, rule := range rules {
		want := lint.Catalogue()[i]
		if rule.ID != want.ID || rule.Name != want.Name || rule.DefaultConfiguration.Level == "" {
			t.Errorf("rules[%d]: got %s %s, level %q; want %s %s and a level", i, rule.ID, rule.Name, rule.DefaultConfiguration.Level, want.ID, want.Name)
		}
		for what, text := range map[string]string{"shortDescription": rule.ShortDescription.Text, "fullDescription": rule.FullDescription.Text} {
			if len(text) == 0 || len(text) > 1024 {
				t.Errorf("%s: %s has %d characters, want 1 to 1024", rule.ID, what, len(text))
			}
		}
		for _, part := range []string{want.Doc.Why, want.Doc.Fix, "```yaml\n" + want.Doc.Bad + "```", "```yaml\n" + want.Doc.Good + "```"} {
			if !strings.Contains(rule.Help.Markdown, part) {
				t.Errorf("%s: help lacks %q", rule.ID, part)
			}
		}
		if len(rule.Properties.Tags) == 0 || len(rule.Properties.Tags) > 20 {
			t.Errorf("%s: got %d tags, want 1 to 20", rule.ID, len(rule.Properties.Tags))
		}
	}
	if size, limit := out.Len(), 1<<20; size > limit {
		t.Errorf("the rules take %d bytes, want %d at most: GitHub takes 10 MB", size, limit)
	}
}

func TestLevel(t *testing.T) {
	for action, want := range map[policies.Action]string{
		policies.Deny: "error", policies.Warn: "warning", policies.Audit: "note", policies.Off: "none",
	} {
		if got := level(action); got != want {
			t.Errorf("level of %s: got %s, want %s", action, got, want)
		}
	}
}

func TestURI(t *testing.T) {
	here, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]string{
		"a/b.yaml":                      "a/b.yaml",
		"./a//b.yaml":                   "a/b.yaml",
		"../a.yaml":                     "../a.yaml",
		"a b#c?.yaml":                   "a%20b%23c%3F.yaml",
		"c:d.yaml":                      "./c:d.yaml",
		"-":                             "-",
		filepath.Join(here, "a/b.yaml"): "a/b.yaml",
		filepath.Dir(here) + "/a b":     "file://" + filepath.Dir(here) + "/a%20b",
	} {
		if got := uri(path); got != want {
			t.Errorf("URI of %s: got %s, want %s", path, got, want)
		}
	}
}
