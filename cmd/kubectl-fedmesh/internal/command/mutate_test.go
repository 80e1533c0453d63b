package command

import (
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "write testdata anew")

const (
	namespaces = "../../../../test/playground/manifests/namespaces.yaml"
	deployment = "../../../../test/playground/manifests/pods/deployment.yaml"
	podsFolder = "../../../../test/playground/manifests/pods"
)

// TestMutateGolden: what is printed of the manifests that "make run" shows.
func TestMutateGolden(t *testing.T) {
	for file, args := range map[string][]string{
		"mutate.yaml": {"-n", "foo", "-f", federation + "," + namespaces, "-f", podsFolder},
		"mutate.json": {"-n", "foo", "--output=json", "--federation", federation, "-f", namespaces, deployment},
		"mutate.diff": {"-n", "foo", "--diff", "-f", federation, "-f", namespaces, "-f", podsFolder, "-f", accepted},
	} {
		t.Run(file, func(t *testing.T) {
			code, got, stderr := run("", append([]string{"mutate"}, args...)...)
			if code != ExitClean {
				t.Fatalf("got exit code %d, standard error %q; want %d", code, stderr, ExitClean)
			}
			path := filepath.Join("testdata", file)
			if *update {
				if err := os.WriteFile(path, []byte(got), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(string(want), got); diff != "" {
				t.Errorf("it differs; with -update it is written anew (-want +got):\n%s", diff)
			}
		})
	}
}

// TestMutateAgain: what is printed is mutated no further.
func TestMutateAgain(t *testing.T) {
	_, first, _ := run("", "mutate", "-f", federation, namespaces, podsFolder)
	code, second, stderr := run(first, "mutate", "-f", federation, namespaces, "-")
	if diff := cmp.Diff(first, second); code != ExitClean || diff != "" {
		t.Errorf("exit code %d, %s (-first +second):\n%s", code, stderr, diff)
	}
	if _, diff, _ := run(first, "mutate", "--diff", "-f", federation, namespaces, "-"); diff != "" {
		t.Errorf("got a diff, want none:\n%s", diff)
	}
}

func TestMutateExitCodes(t *testing.T) {
	const left = "{apiVersion: v1, kind: Pod, metadata: {name: a, namespace: foo}, spec: {hostNetwork: true, containers: [{name: a}]}}"
	for name, test := range map[string]struct {
		args   []string
		stdin  string
		want   int
		stdout string // its beginning
		stderr string
	}{
		"left alone": {[]string{"-f", federation, namespaces, "-"}, left, ExitClean, "apiVersion: v1\nkind: Pod\n", "-:1: Pod foo/a: left alone: it is on the host network\n"},
		"left alone, diff": {[]string{"--diff", "-f", federation, namespaces, "-"}, left, ExitClean, "",
			"-:1: Pod foo/a: left alone: it is on the host network\n"},
		"unreadable": {[]string{"-f", federation, namespaces, deployment, "-"}, "a: [", ExitUnreadable, "apiVersion: apps/v1\n",
			"-:1: this is no YAML: did not find expected node content\nnamespace default is not among the files: taken for one that is opted in and has no other label\n"},
		"no Federation": {[]string{"-f", deployment}, "", ExitUnreadable, "",
			"kubectl fedmesh: there is no Federation among the files, without which fedmesh leaves pods alone: add its file, or --federation FILE\n"},
		"no file": {nil, "", ExitUnreadable, "", "kubectl fedmesh: nothing to mutate: name files, directories or - for standard input with -f\n"},
		"diff of JSON": {[]string{"--diff", "--output=json", "-f", deployment}, "", ExitUnreadable, "",
			"kubectl fedmesh: if any flags in the group [diff output] are set none of the others can be; [diff output] were all set\n"},
		"wrong output": {[]string{"--output=xml", "-f", deployment}, "", ExitUnreadable, "", "kubectl fedmesh: --output=xml: want yaml, json\n"},
	} {
		t.Run(name, func(t *testing.T) {
			code, stdout, stderr := run(test.stdin, append([]string{"mutate"}, test.args...)...)
			if code != test.want || stderr != test.stderr || !strings.HasPrefix(stdout, test.stdout) || test.stdout == "" && stdout != "" {
				t.Errorf("got exit code %d, standard error %q, output\n%s\nwant %d, %q, %q", code, stderr, stdout, test.want, test.stderr, test.stdout)
			}
		})
	}
}

// TestMutateJSON: a List, also of one and of none.
func TestMutateJSON(t *testing.T) {
	for count, args := range [][]string{{federation}, {federation, deployment}} {
		_, text, _ := run("", append([]string{"mutate", "--output=json", "-f"}, args...)...)
		var got struct {
			Kind  string
			Items []any
		}
		if err := json.Unmarshal([]byte(text), &got); err != nil || got.Kind != "List" || got.Items == nil || len(got.Items) != count {
			t.Errorf("got %v, error %v; want a List of %d", got, err, count)
		}
	}
}
