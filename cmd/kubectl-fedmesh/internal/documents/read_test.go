package documents

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// write writes files, given by their paths below dir.
func write(t *testing.T, dir string, files map[string]string) {
	t.Helper()
	for name, text := range files {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// read is the summary of paths, with the directory cut out.
func read(dir, stdin string, paths ...string) (lines []string) {
	for _, line := range summary(Read(paths, strings.NewReader(stdin), nil)) {
		lines = append(lines, strings.ReplaceAll(line, dir, "DIR"))
	}
	return lines
}

func TestRead(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, map[string]string{
		"b.yaml":     "{apiVersion: v1, kind: B, metadata: {name: b}}",
		"a/a.json":   `{"apiVersion": "v1", "kind": "A", "metadata": {"name": "a"}}`,
		"a/note.txt": "not a manifest",
		"empty/x":    "",
	})
	got := read(dir, "{apiVersion: v1, kind: S, metadata: {name: s}}",
		dir, "-", filepath.Join(dir, "a/note.txt"), filepath.Join(dir, "empty"), filepath.Join(dir, "missing"))
	want := []string{
		"DIR/a/a.json:1: A", "DIR/b.yaml:1: B", "-:1: S",
		"DIR/a/note.txt:1: this is no Kubernetes object: want a mapping with apiVersion and kind",
		`DIR/empty: there is no manifest in it: want files [".yaml" ".yml" ".json"]`,
		"DIR/missing: cannot read it: no such file or directory",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("documents and problems differ (-want +got):\n%s", diff)
	}
}

// TestBesideManifests: what lies in a directory of manifests and is none is passed
// over, and is an error when it is named. What is no YAML is an error everywhere, and
// so is an object that was meant to be one.
func TestBesideManifests(t *testing.T) {
	const missing = ":1: apiVersion or kind is missing"
	for name, test := range map[string]struct {
		text  string
		below string // of the directory
		named string
	}{
		"values.yaml":                {"replicas: 1\nkind:\n  a: b\nitems: 3\n", "", ":1: this is no Kubernetes object: want a mapping with apiVersion and kind"},
		"Chart.yaml":                 {"apiVersion: v2\nname: chart\n", "", missing},
		"kustomization.yaml":         {"resources: [a.yaml]\n", "", missing},
		"kustomization.yml":          {"apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\n", ":1: Kustomization", ":1: Kustomization"},
		".github/workflows/a.yml":    {"on: push\njobs: {a: {if: '${{ x }}'}}\n", "", missing},
		"docker-compose.yaml":        {"version: '3'\nservices: {}\n", "", missing},
		"list.yaml":                  {"- a\n- b\n", "", ":1: this is no Kubernetes object: want a mapping with apiVersion and kind"},
		"package.json":               {"{\"name\": \"a\"}", "", missing},
		"empty.yaml":                 {"# nothing\n", "", ""},
		"no-kind.yaml":               {"apiVersion: v1\nmetadata: {name: a}\n", missing, missing},
		"no-version.yaml":            {"kind: A\nspec: {}\n", missing, missing},
		"templates/a.yaml":           {"{{ if }}\na: b\n", ":1: this is a Helm template, not YAML: lint what \"helm template\" makes of it", ":1: this is a Helm template, not YAML: lint what \"helm template\" makes of it"},
		"broken.yaml":                {"a: [", ":1: this is no YAML: did not find expected node content", ":1: this is no YAML: did not find expected node content"},
		"a/.git/b.yaml":              {"{apiVersion: v1, kind: B}", "", ":1: B"},
		".github/manifests/pod.yaml": {"{apiVersion: v1, kind: C}", ":1: C", ":1: C"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			path := filepath.Join(dir, name)
			write(t, dir, map[string]string{name: test.text, "z.yaml": "{apiVersion: v1, kind: Z}"})
			lines := func(line string, more ...string) []string {
				if line == "" {
					return more
				}
				if strings.HasSuffix(line, "missing") || strings.Contains(line, "this is") { // documents come first
					return append(more, "DIR/"+name+line)
				}
				return append([]string{"DIR/" + name + line}, more...)
			}
			if diff := cmp.Diff(lines(test.below, "DIR/z.yaml:1: Z"), read(dir, "", dir)); diff != "" {
				t.Errorf("of the directory, documents and problems differ (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(lines(test.named), read(dir, "", path)); diff != "" {
				t.Errorf("of the file, documents and problems differ (-want +got):\n%s", diff)
			}
		})
	}
}

// TestDirectories: links are followed where they are named, and a directory without
// an object is no clean one.
func TestDirectories(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, map[string]string{
		"real/a.yaml":        "{apiVersion: v1, kind: A}",
		"real/.git/b.yaml":   "{apiVersion: v1, kind: B}",
		"linked/c.yaml":      "{apiVersion: v1, kind: C}",
		"values/values.yaml": "a: b",
	})
	for link, target := range map[string]string{"named": "real", "linked/inner": "../real", "linked/d.yaml": "../real/a.yaml", "linked/gone.yaml": "nowhere"} {
		if err := os.Symlink(target, filepath.Join(dir, link)); err != nil {
			t.Fatal(err)
		}
	}
	for path, want := range map[string][]string{
		"real":      {"DIR/real/a.yaml:1: A"},
		"real/":     {"DIR/real/a.yaml:1: A"},
		"real/.git": {"DIR/real/.git/b.yaml:1: B"},
		"named":     {"DIR/named/a.yaml:1: A"},
		"linked":    {"DIR/linked/c.yaml:1: C", "DIR/linked/d.yaml:1: A", "DIR/linked/gone.yaml: cannot read it: no such file or directory"},
		"values":    {"DIR/values: there is no Kubernetes object in it: want manifests with apiVersion and kind"},
	} {
		if diff := cmp.Diff(want, read(dir, "", dir+"/"+path)); diff != "" {
			t.Errorf("%s: documents and problems differ (-want +got):\n%s", path, diff)
		}
	}
	t.Chdir(filepath.Join(dir, "real"))
	for path, want := range map[string]string{".": "a.yaml", "./": "a.yaml", "../real/.": "../real/a.yaml", "../named": "../named/a.yaml"} {
		if diff := cmp.Diff([]string{want + ":1: A"}, read(dir, "", path)); diff != "" {
			t.Errorf("%s: documents and problems differ (-want +got):\n%s", path, diff)
		}
	}
}
