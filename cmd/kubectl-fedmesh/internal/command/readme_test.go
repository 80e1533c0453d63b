package command

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestReadme runs the sessions of README.md, from a directory that looks like the
// root of the repository, and compares what they print.
func TestReadme(t *testing.T) {
	readme, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	root, err := filepath.Abs("../../../..")
	if err != nil {
		t.Fatal(err)
	}
	t.Chdir(t.TempDir())
	for _, name := range []string{"manifests", "test"} {
		if err := os.Symlink(filepath.Join(root, name), name); err != nil {
			t.Fatal(err)
		}
	}
	sessions := 0
	for _, block := range strings.Split(string(readme), "\n```console\n")[1:] {
		want, _, _ := strings.Cut(block, "```")
		var got strings.Builder
		code := 0
		for line := range strings.Lines(want) {
			if command, found := strings.CutPrefix(strings.TrimSpace(line), "$ "); found {
				sessions++
				got.WriteString("$ " + command + "\n" + session(t, command, &code))
			}
		}
		if diff := cmp.Diff(want, got.String()); diff != "" {
			t.Errorf("README.md shows something else than what is printed (-README +printed):\n%s", diff)
		}
	}
	if sessions == 0 {
		t.Error("got no command in README.md, want some")
	}
}

// session runs one command as far as README.md needs a shell: words in double quotes,
// standard output to a file, the last exit code.
func session(t *testing.T, command string, code *int) (printed string) {
	t.Helper()
	if command == "echo $?" {
		return strconv.Itoa(*code) + "\n"
	}
	command, file, redirected := strings.Cut(command, " > ")
	arguments, found := strings.CutPrefix(command, "kubectl fedmesh ")
	if !found {
		t.Fatalf("README.md: cannot run %q", command)
	}
	args := strings.Fields(arguments)
	for i := range args {
		args[i] = strings.Trim(args[i], `"`)
	}
	var stdout, stderr string
	*code, stdout, stderr = run("", args...)
	if redirected {
		if err := os.WriteFile(file, []byte(stdout), 0o600); err != nil {
			t.Fatal(err)
		}
		stdout = ""
	}
	return stdout + stderr
}
