package baseline

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"fedmesh.io/fedmesh/cmd/kubectl-fedmesh/internal/lint"
	"fedmesh.io/fedmesh/cmd/kubectl-fedmesh/internal/output"
	"fedmesh.io/fedmesh/policies"
	"fedmesh.io/fedmesh/policies/mesh"
)

// finding is one on an address of the list of an entry.
func finding(cluster, entry string, index int, address string) lint.Finding {
	return lint.Finding{
		Finding: policies.Finding{
			Rule: "FED105", Action: policies.Deny, Ref: mesh.Ref{Kind: mesh.ServiceEntry, Namespace: "foo", Name: entry},
			Field: field.NewPath("spec", "addresses").Index(index), Value: address, Message: "at " + cluster,
		},
		Cluster: cluster, File: cluster + ".yaml", Line: index + 1,
	}
}

// saved writes a report with these findings as JSON and reads it as a baseline.
func saved(t *testing.T, findings ...lint.Finding) Baseline {
	t.Helper()
	var out bytes.Buffer
	if err := output.JSON(&out, lint.Report{Findings: findings}); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "baseline.json")
	if err := os.WriteFile(file, out.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	baseline, err := Read(file)
	if err != nil {
		t.Fatal(err)
	}
	return baseline
}

func TestApply(t *testing.T) {
	known := finding("", "a", 0, "240.0.0.1")
	moved := finding("", "a", 7, "240.0.0.1")
	moved.File, moved.Action, moved.Message = "other.yaml", policies.Warn, "in other words"
	for name, test := range map[string]struct {
		baseline, now, want []lint.Finding
	}{
		"nothing":            {nil, nil, nil},
		"new":                {nil, []lint.Finding{known}, []lint.Finding{known}},
		"known":              {[]lint.Finding{known}, []lint.Finding{known}, nil},
		"mended":             {[]lint.Finding{known}, nil, nil},
		"moved and reworded": {[]lint.Finding{known}, []lint.Finding{moved}, nil},
		"one more of them":   {[]lint.Finding{known}, []lint.Finding{known, moved}, []lint.Finding{moved}},
		"two known":          {[]lint.Finding{known, moved}, []lint.Finding{known, moved}, nil},
		"another value":      {[]lint.Finding{known}, []lint.Finding{finding("", "a", 0, "240.0.0.2")}, []lint.Finding{finding("", "a", 0, "240.0.0.2")}},
		"another object":     {[]lint.Finding{known}, []lint.Finding{finding("", "b", 0, "240.0.0.1")}, []lint.Finding{finding("", "b", 0, "240.0.0.1")}},
		"another cluster":    {[]lint.Finding{finding("west", "a", 0, "240.0.0.1")}, []lint.Finding{finding("east", "a", 0, "240.0.0.1")}, []lint.Finding{finding("east", "a", 0, "240.0.0.1")}},
		"same cluster":       {[]lint.Finding{finding("west", "a", 0, "240.0.0.1")}, []lint.Finding{finding("west", "a", 0, "240.0.0.1")}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			baseline := saved(t, test.baseline...)
			for range 2 { // it is not used up
				report := lint.Report{Findings: test.now}
				baseline.Apply(&report)
				if diff := cmp.Diff(places(test.want), places(report.Findings)); diff != "" {
					t.Errorf("findings differ (-want +got):\n%s", diff)
				}
				if got, want := report.Known, len(test.now)-len(test.want); got != want {
					t.Errorf("got %d known, want %d", got, want)
				}
			}
		})
	}
}

// places are the findings with where they are.
func places(findings []lint.Finding) (places []string) {
	for _, finding := range findings {
		places = append(places, finding.File+" "+finding.Fingerprint()+" "+finding.Field.String())
	}
	return places
}

func TestNone(t *testing.T) {
	report := lint.Report{Findings: []lint.Finding{finding("", "a", 0, "240.0.0.1")}}
	Baseline(nil).Apply(&report)
	if len(report.Findings) != 1 || report.Known != 0 {
		t.Errorf("without a baseline: got %d findings, %d known; want 1, 0", len(report.Findings), report.Known)
	}
}

func TestRead(t *testing.T) {
	for name, test := range map[string]struct{ text, want string }{
		"empty":         {"", "it is empty"},
		"text":          {"1 objects, 0 to deny\n", "it is no report of lint in JSON: invalid character"},
		"two of them":   {`{"findings": []} {"findings": []}`, "it is no report of lint in JSON: invalid character"},
		"a list":        {"[]", "it is no report of lint in JSON: json: cannot unmarshal array"},
		"SARIF":         {`{"version": "2.1.0", "runs": []}`, "it is no report of lint in JSON: it has no findings"},
		"null":          {`{"findings": null}`, "it is no report of lint in JSON: it has no findings"},
		"other entries": {`{"findings": [{"rule": "FED105", "fingerprint": "a"}, {"rule": "FED105"}]}`, "findings[1] has no fingerprint"},
	} {
		t.Run(name, func(t *testing.T) {
			file := filepath.Join(t.TempDir(), "old.json")
			if err := os.WriteFile(file, []byte(test.text), 0o600); err != nil {
				t.Fatal(err)
			}
			refused(t, file, test.want)
		})
	}
	t.Run("missing", func(t *testing.T) {
		refused(t, filepath.Join(t.TempDir(), "old.json"), "cannot read it: no such file or directory")
	})
	t.Run("later form", func(t *testing.T) {
		file := filepath.Join(t.TempDir(), "new.json")
		if err := os.WriteFile(file, []byte(`{"findings": [{"fingerprint": "a", "colour": "red"}], "more": 1}`), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := Read(file); err != nil {
			t.Errorf("got %v, want no error: the form only grows", err)
		}
	})
}

// refused checks an error: one line that names the file, the cause and the remedy.
func refused(t *testing.T, file, want string) {
	t.Helper()
	_, err := Read(file)
	if err == nil {
		t.Fatalf("got no error, want %q", want)
	}
	for _, part := range []string{"--baseline=" + file + ": " + want, `make one with "kubectl fedmesh lint --output=json `} {
		if !strings.Contains(err.Error(), part) || strings.Contains(err.Error(), "\n") {
			t.Errorf("got %q, want a line with %q", err, part)
		}
	}
}

// FuzzRead: whatever the file holds, it is a baseline or refused.
func FuzzRead(f *testing.F) {
	for _, seed := range []string{"", "{}", "null", `{"findings": [{"fingerprint": "a"}]}`, `{"findings": [null]}`} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		baseline, err := parse(text)
		if (baseline == nil) == (err == nil) {
			t.Errorf("got baseline %v and error %v, want one of them", baseline, err)
		}
	})
}
