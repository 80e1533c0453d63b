package main

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"fedmesh.io/fedmesh/test/controlplane"
)

func TestCommandLine(t *testing.T) {
	for _, test := range []struct {
		args []string
		want string
	}{
		{words("get pods --namespace=foo"), "kubectl get pods --namespace=foo"},
		{words("apply -f pods/x.yaml"), "kubectl apply -f test/playground/manifests/pods/x.yaml"},
		{[]string{"patch", `--patch={"a": "b"}`}, `kubectl patch --patch='{"a": "b"}'`},
		{[]string{`--output=jsonpath={.a\.b}`}, `kubectl --output='jsonpath={.a\.b}'`},
		{[]string{"label", "a=it's"}, `kubectl label 'a=it'\''s'`},
		{[]string{""}, "kubectl ''"},
	} {
		if got := (command{args: test.args}).line(); got != test.want {
			t.Errorf("line of %q is %s, want %s", test.args, got, test.want)
		}
	}
}

func TestJudge(t *testing.T) {
	refused := controlplane.KubectlResult{ExitCode: 1, Stderr: "[FED105] spec.addresses[0]: taken\n"}
	for _, test := range []struct {
		name    string
		command command
		want    string
	}{
		{"as it should be", command{exit: 1, want: []string{"[FED105]", "taken"}, not: []string{"FED106"}}, ""},
		{"exit status", command{}, "exit status is 1; want 0"},
		{"missing", command{exit: 1, want: []string{"[FED106]"}}, `"[FED106]" is missing`},
		{"too much", command{exit: 1, not: []string{"taken"}}, `"taken" should not be there`},
	} {
		t.Run(test.name, func(t *testing.T) {
			if got := test.command.judge(refused); got != test.want {
				t.Errorf("judge says %q, want %q", got, test.want)
			}
		})
	}
}

// TestManifests checks that no manifest lies around that nobody is shown, and
// that each says what it is.
func TestManifests(t *testing.T) {
	t.Chdir("../..")
	shown := map[string]bool{manifests + "namespaces.yaml": true}
	for _, section := range sections() {
		for _, step := range section.steps {
			if step.title == "" || step.result == "" || len(step.commands) == 0 {
				t.Errorf("step %q under %q has no title, no result or no commands", step.title, section.title)
			}
			for _, command := range step.commands {
				for _, args := range append([][]string{command.args}, command.rivals...) {
					if at := slices.Index(args, "-f"); at >= 0 {
						shown[args[at+1]] = true
					}
				}
			}
		}
	}
	files, err := filepath.Glob(manifests + "*/*.yaml")
	if err != nil || len(files) == 0 {
		t.Fatalf("no manifests found: %v", err)
	}
	for _, file := range files {
		if !shown[file] {
			t.Errorf("%s is in no step", file)
		}
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if !strings.HasPrefix(string(text), "# ") {
			t.Errorf("%s does not begin with a comment", file)
		}
	}
}

// TestRivals: of commands that run at the same moment exactly one is to succeed,
// and the others are to say why.
func TestRivals(t *testing.T) {
	won := controlplane.KubectlResult{Stdout: "created"}
	lost := controlplane.KubectlResult{Stderr: "[FED105] no", ExitCode: 1}
	broken := controlplane.KubectlResult{Stderr: "no route to host", ExitCode: 1}
	race := command{exit: 1, want: []string{"[FED105]"}}
	for _, test := range []struct {
		name    string
		results []controlplane.KubectlResult
		want    string
	}{
		{"one wins", []controlplane.KubectlResult{lost, won, lost}, ""},
		{"two win", []controlplane.KubectlResult{won, won, lost}, "2 of 3 succeeded; want exactly one"},
		{"none wins", []controlplane.KubectlResult{lost, lost}, "0 of 2 succeeded; want exactly one"},
		{"one fails for another reason", []controlplane.KubectlResult{won, broken}, `"[FED105]" is missing`},
	} {
		if got := race.judgeRivals(test.results); got != test.want {
			t.Errorf("%s: got %q; want %q", test.name, got, test.want)
		}
	}
}
