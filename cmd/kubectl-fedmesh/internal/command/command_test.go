package command

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const (
	federation = "../../../../manifests/samples/federation.yaml"
	accepted   = "../../../../test/playground/manifests/accepted/service-entry.yaml"
	// imports is a warning at admission, where the entry may come later.
	imports = "../../../../test/playground/manifests/accepted/wrong-namespace.yaml"
	refused = "../../../../test/playground/manifests/refused/vip-multicast.yaml"
)

// run runs a command line.
func run(stdin string, args ...string) (code int, stdout, stderr string) {
	var out, errOut bytes.Buffer
	code = Run(args, strings.NewReader(stdin), &out, &errOut)
	return code, out.String(), errOut.String()
}

func TestExitCodes(t *testing.T) {
	broken := filepath.Join(t.TempDir(), "broken.yaml")
	if err := os.WriteFile(broken, []byte("a: ["), 0o600); err != nil {
		t.Fatal(err)
	}
	const warns = "{apiVersion: networking.istio.io/v1, kind: ServiceEntry, metadata: {name: a}, spec: {hosts: [a.b.global]}}"
	for name, test := range map[string]struct {
		args   []string
		stdin  string
		want   int
		stderr string // part of it
	}{
		"clean":                  {[]string{"lint", federation, accepted}, "", ExitClean, ""},
		"denied offline":         {[]string{"lint", federation, accepted, imports}, "", ExitFindings, ""},
		"denied":                 {[]string{"lint", federation, refused}, "", ExitFindings, ""},
		"denied, never":          {[]string{"lint", "--fail-on=never", federation, refused}, "", ExitClean, ""},
		"no Federation":          {[]string{"lint", refused}, "", ExitClean, ""},
		"no Federation, warn":    {[]string{"lint", "--fail-on=warn", refused}, "", ExitFindings, ""},
		"warned":                 {[]string{"lint", federation, "-"}, warns, ExitClean, ""},
		"warned, warn":           {[]string{"lint", "--fail-on=warn", federation, "-"}, warns, ExitFindings, ""},
		"unreadable":             {[]string{"lint", federation, broken}, "", ExitUnreadable, ""},
		"unreadable and denied":  {[]string{"lint", federation, refused, broken}, "", ExitUnreadable, ""},
		"missing":                {[]string{"lint", broken + ".yml"}, "", ExitUnreadable, ""},
		"no path":                {[]string{"lint"}, "", ExitUnreadable, "nothing to lint: name files, directories or - for standard input, --kustomize DIR, --cluster NAME=PATH or --context NAME"},
		"wrong output":           {[]string{"lint", "--output=xml", federation}, "", ExitUnreadable, "--output=xml: want text, json, sarif, junit"},
		"wrong threshold":        {[]string{"lint", "--fail-on=info", federation}, "", ExitUnreadable, "--fail-on=info: want deny, warn, never"},
		"wrong colour":           {[]string{"lint", "--color=yes", federation}, "", ExitUnreadable, "--color=yes: want auto, always, never"},
		"missing baseline":       {[]string{"lint", "--baseline=" + broken + "l", federation, refused}, "", ExitUnreadable, "l: cannot read it: no such file or directory; make one with"},
		"wrong baseline":         {[]string{"lint", "--baseline=" + broken, federation, refused}, "", ExitUnreadable, "broken.yaml: it is no report of lint in JSON: "},
		"denied, sarif":          {[]string{"lint", "--output=sarif", federation, refused}, "", ExitFindings, ""},
		"denied, junit":          {[]string{"lint", "--output=junit", federation, refused}, "", ExitFindings, ""},
		"unreadable, sarif":      {[]string{"lint", "--output=sarif", federation, broken}, "", ExitUnreadable, ""},
		"unreadable, junit":      {[]string{"lint", "--output=junit", federation, broken}, "", ExitUnreadable, ""},
		"unknown flag":           {[]string{"lint", "--fix"}, "", ExitUnreadable, "unknown flag: --fix"},
		"unknown command":        {[]string{"lynt"}, "", ExitUnreadable, `unknown command "lynt" for "kubectl fedmesh"`},
		"help":                   {nil, "", ExitClean, ""},
		"rules":                  {[]string{"rules"}, "", ExitClean, ""},
		"explain":                {[]string{"explain", "vip-conflict"}, "", ExitClean, ""},
		"explain an unknown one": {[]string{"explain", "FED999"}, "", ExitUnreadable, `there is no rule "FED999": kubectl fedmesh rules lists them`},
	} {
		t.Run(name, func(t *testing.T) {
			code, stdout, stderr := run(test.stdin, test.args...)
			if code != test.want || !strings.Contains(stderr, test.stderr) || test.stderr == "" && stderr != "" {
				t.Errorf("got exit code %d, standard error %q; want %d, %q\n%s", code, stderr, test.want, test.stderr, stdout)
			}
		})
	}
}

func TestText(t *testing.T) {
	_, got, _ := run("a: [", "lint", federation, refused, "-")
	want := `-:1: this is no YAML: did not find expected node content
` + refused + `:7: ServiceEntry foo/vip-multicast: Deny [FED103] spec.addresses[0]: 224.0.0.5 is a multicast address, by which no client reaches the host; next free address: 240.0.0.1
` + refused + `:11: ServiceEntry foo/vip-multicast: Warn [FED119] spec.endpoints[0]: gateways reset what clients send, no DestinationRule has ISTIO_MUTUAL for reviews.bar.global; create one for *.global in istio-system
1 objects, 1 to deny, 1 to warn of, 0 for the audit, 1 unreadable
`
	var kept strings.Builder // findings for the audit come and go with new rules
	for line := range strings.Lines(got) {
		if !strings.Contains(line, " Audit [") {
			kept.WriteString(line)
		}
	}
	got = strings.Replace(kept.String(), "1 for the audit", "0 for the audit", 1)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("the report differs (-want +got):\n%s", diff)
	}
}

// TestExemption: an exempt finding is for the audit, and says by what; one whose
// exemption has ended says that.
func TestExemption(t *testing.T) {
	exemption := func(expiresAt string) string {
		return `{apiVersion: fedmesh.io/v1alpha1, kind: FederationExemption, metadata: {name: legacy, namespace: foo},
spec: {rules: [FED103], targets: [{kind: ServiceEntry, name: "vip*"}], reason: a, expiresAt: "` + expiresAt + `"}}`
	}
	code, got, _ := run(exemption("2999-01-01T00:00:00Z"), "lint", federation, refused, "-")
	if code != ExitClean || !strings.Contains(got, "Audit [FED103]") || !strings.Contains(got, "(exempt by legacy)") {
		t.Errorf("got exit code %d, want 0 and who exempts it\n%s", code, got)
	}
	if _, got, _ := run(exemption("2999-01-01T00:00:00Z"), "lint", "-o", "json", federation, refused, "-"); !strings.Contains(got, `"exemption": "legacy"`) {
		t.Errorf("got %s, want the exemption", got)
	}
	code, got, _ = run(exemption("2020-01-01T00:00:00Z"), "lint", federation, refused, "-")
	if code != ExitFindings || !strings.Contains(got, "Deny [FED103]") || !strings.Contains(got, "(exemption legacy ended on 2020-01-01)") {
		t.Errorf("got exit code %d, want 1 and since when\n%s", code, got)
	}
}

// TestJSON: the form that machines rely on.
func TestJSON(t *testing.T) {
	_, text, _ := run("a: [", "lint", "-o", "json", federation, refused, "-")
	var got struct {
		Findings []map[string]any
		Errors   []map[string]any
		Summary  map[string]any
	}
	if err := json.Unmarshal([]byte(text), &got); err != nil {
		t.Fatal(err)
	}
	if len(got.Findings) == 0 || len(got.Errors) != 1 {
		t.Fatalf("got %d findings and %d errors, want some and 1\n%s", len(got.Findings), len(got.Errors), text)
	}
	want := map[string]any{
		"rule": "FED103", "action": "Deny", "cluster": "", "group": "networking.istio.io", "kind": "ServiceEntry",
		"namespace": "foo", "name": "vip-multicast", "field": "spec.addresses[0]",
		"message": "224.0.0.5 is a multicast address, by which no client reaches the host", "fix": "next free address: 240.0.0.1",
		"file": refused, "line": 7.0, "exemption": "", "fingerprint": "FED103|ServiceEntry foo/vip-multicast|spec.addresses[]|224.0.0.5",
	}
	if diff := cmp.Diff(want, got.Findings[0]); diff != "" {
		t.Errorf("the finding differs (-want +got):\n%s", diff)
	}
	if got.Summary["deny"] != 1.0 || got.Summary["objects"] != 1.0 {
		t.Errorf("got summary %v, want 1 object, 1 to deny", got.Summary)
	}
	if _, empty, _ := run("", "lint", "-o", "json", "-"); !strings.Contains(empty, `"findings": []`) || !strings.Contains(empty, `"errors": []`) {
		t.Errorf("without findings: got %s, want empty lists", empty)
	}
}

// TestDependencies: the program links nothing that runs a server, and no client that
// brings every type of Kubernetes along, which would double its size.
func TestDependencies(t *testing.T) {
	output, err := exec.Command("go", "list", "-deps", "fedmesh.io/fedmesh/cmd/kubectl-fedmesh").Output()
	if err != nil {
		t.Fatal(err)
	}
	for dependency := range strings.Lines(string(output)) {
		for _, heavy := range []string{"sigs.k8s.io/controller-runtime/", "k8s.io/client-go/kubernetes", "fedmesh.io/fedmesh/webhook"} {
			if strings.HasPrefix(dependency, heavy) {
				t.Errorf("the program links %s", strings.TrimSpace(dependency))
			}
		}
	}
}
