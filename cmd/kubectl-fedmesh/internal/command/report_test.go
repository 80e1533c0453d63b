package command

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"fedmesh.io/fedmesh/cmd/kubectl-fedmesh/internal/lint"
	"fedmesh.io/fedmesh/cmd/kubectl-fedmesh/internal/progress"
)

// TestBaseline: what was there is left out and fails nothing, what is new is reported.
func TestBaseline(t *testing.T) {
	const other = "../../../../test/playground/manifests/refused/gateway-exposes-all.yaml"
	baseline := filepath.Join(t.TempDir(), "baseline.json")
	_, report, _ := run("", "lint", "--output=json", federation, refused)
	if err := os.WriteFile(baseline, []byte(report), 0o600); err != nil {
		t.Fatal(err)
	}
	known := strings.Count(report, `"fingerprint":`)
	if known == 0 {
		t.Fatalf("got no findings to begin with:\n%s", report)
	}
	code, stdout, stderr := run("", "lint", "--fail-on=warn", "--baseline="+baseline, federation, refused)
	want := fmt.Sprintf("1 objects, 0 to deny, 0 to warn of, 0 for the audit, 0 unreadable, %d of the baseline left out\n", known)
	if code != ExitClean || stdout != want || stderr != "" {
		t.Errorf("the same again: got exit code %d, %q, %q; want %d, %q and nothing", code, stdout, stderr, ExitClean, want)
	}
	_, stdout, _ = run("", "lint", "--output=json", "--baseline="+baseline, federation, refused)
	if want := fmt.Sprintf(`"known": %d`, known); !strings.Contains(stdout, want) || !strings.Contains(stdout, `"findings": []`) {
		t.Errorf("as JSON: got %s, want no findings and %s", stdout, want)
	}
	code, stdout, _ = run("", "lint", "--baseline="+baseline, federation, refused, other)
	if code != ExitFindings || !strings.Contains(stdout, other) || strings.Contains(stdout, refused) {
		t.Errorf("with something new: got exit code %d, %q; want %d, and findings in %s alone", code, stdout, ExitFindings, other)
	}
}

// TestThreshold: the threshold decides what is a failed test, as for the exit code.
func TestThreshold(t *testing.T) {
	const warns = "{apiVersion: networking.istio.io/v1, kind: ServiceEntry, metadata: {name: a}, spec: {hosts: [a.b.global]}}"
	for failOn, want := range map[string]int{"deny": 0, "warn": 1, "never": 0} {
		_, stdout, _ := run(warns, "lint", "--output=junit", "--fail-on="+failOn, "-")
		var got struct {
			Tests    int `xml:"tests,attr"`
			Failures int `xml:"failures,attr"`
		}
		if err := xml.Unmarshal([]byte(stdout), &got); err != nil {
			t.Fatal(err)
		}
		if got.Tests != 1 || got.Failures != want {
			t.Errorf("--fail-on=%s: got %d tests, %d failures; want 1, %d\n%s", failOn, got.Tests, got.Failures, want, stdout)
		}
	}
}

// TestSARIF: findings point into the files of the command line.
func TestSARIF(t *testing.T) {
	_, stdout, _ := run("", "lint", "--output=sarif", federation, refused)
	var log struct {
		Runs []struct {
			Results []struct {
				RuleID    string
				Locations []struct {
					PhysicalLocation struct {
						ArtifactLocation struct{ URI string }
						Region           struct{ StartLine int }
					}
				}
			}
		}
	}
	if err := json.Unmarshal([]byte(stdout), &log); err != nil {
		t.Fatal(err)
	}
	if len(log.Runs) != 1 || len(log.Runs[0].Results) == 0 || len(log.Runs[0].Results[0].Locations) != 1 {
		t.Fatalf("got %s, want a run with results that have a location", stdout)
	}
	result := log.Runs[0].Results[0]
	place := result.Locations[0].PhysicalLocation
	if result.RuleID != "FED103" || place.ArtifactLocation.URI != refused || place.Region.StartLine != 7 {
		t.Errorf("got %s in %s, line %d; want FED103 in %s, line 7", result.RuleID, place.ArtifactLocation.URI, place.Region.StartLine, refused)
	}
}

// TestColour: only where it is asked for, unless there is a terminal; and in text
// alone.
func TestColour(t *testing.T) {
	t.Setenv("NO_COLOR", "1")
	const red = "\x1b[31mDeny\x1b[0m"
	for _, test := range []struct {
		args []string
		want bool
	}{
		{nil, false},
		{[]string{"--color=auto"}, false},
		{[]string{"--color=never"}, false},
		{[]string{"--color=always"}, true}, // the flag wins
		{[]string{"--color=always", "--output=json"}, false},
		{[]string{"--color=always", "--output=junit"}, false},
	} {
		_, stdout, _ := run("", append([]string{"lint", federation, refused}, test.args...)...)
		if got := strings.Contains(stdout, red); got != test.want {
			t.Errorf("%v: got colours %t, want %t\n%q", test.args, got, test.want, stdout)
		}
		if !test.want && strings.Contains(stdout, "\x1b") {
			t.Errorf("%v: got an escape code, want none\n%q", test.args, stdout)
		}
	}
}

// TestNoTerminal: a file is no terminal, nor is what is no file.
func TestNoTerminal(t *testing.T) {
	file, err := os.Create(filepath.Join(t.TempDir(), "out"))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	t.Setenv("TERM", "xterm")
	if terminal(file) || terminal(&strings.Builder{}) {
		t.Error("got a terminal, want none")
	}
	if startProgress(file) != nil {
		t.Error("got progress on a file, want none")
	}
}

// TestCompletion: the protocol that kubectl_complete-fedmesh passes on.
func TestCompletion(t *testing.T) {
	for _, test := range []struct {
		args []string
		want string
	}{
		{[]string{"lint", "--output", ""}, "text\njson\nsarif\njunit\n:4\n"},
		{[]string{"lint", "--fail-on", ""}, "deny\nwarn\nnever\n:4\n"},
		{[]string{"lint", "--color", ""}, "auto\nalways\nnever\n:4\n"},
		{[]string{"lint", "--baseline", ""}, ":0\n"}, // files
		{[]string{"lint", ""}, ":0\n"},
	} {
		code, stdout, _ := run("", append([]string{"__complete"}, test.args...)...)
		if diff := cmp.Diff(test.want, stdout); diff != "" || code != ExitClean {
			t.Errorf("%q: exit code %d; completions differ (-want +got):\n%s", test.args, code, diff)
		}
	}
}

// TestTerminal: on a terminal there are colours and progress, unless it cannot or
// somebody does not want them.
func TestTerminal(t *testing.T) {
	file, err := os.OpenFile("/dev/ptmx", os.O_RDWR, 0)
	if err != nil {
		t.Skipf("there are no pseudo-terminals here: %v", err)
	}
	defer file.Close()
	for _, test := range []struct {
		term, noColour            string
		wantColour, wantsProgress bool
	}{
		{"xterm", "", true, true},
		{"xterm", "1", false, true},
		{"dumb", "", false, false},
	} {
		t.Setenv("TERM", test.term)
		t.Setenv("NO_COLOR", test.noColour)
		shown := startProgress(file)
		shown.Stop()
		if got := coloured("auto", file); got != test.wantColour || (shown != nil) != test.wantsProgress {
			t.Errorf("TERM=%s NO_COLOR=%s: got colours %t, progress %t; want %t, %t",
				test.term, test.noColour, got, shown != nil, test.wantColour, test.wantsProgress)
		}
	}
}

// TestProgress: what is read and judged is counted on the way.
func TestProgress(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out bytes.Buffer
		shown := progress.Start(&out)
		clusters, _, err := readAll(newLint(), []source{{name: "a", paths: []string{federation, refused}}, {name: "b", paths: []string{accepted}}}, shown)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := lint.Run(clusters, "default"); err != nil {
			t.Fatal(err)
		}
		time.Sleep(2 * time.Second)
		shown.Stop()
		if got, want := out.String(), "read 3 documents, judged 2 objects"; !strings.Contains(got, want) {
			t.Errorf("got %q, want %q", got, want)
		}
	})
}
