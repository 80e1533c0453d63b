package policies

import (
	"bytes"
	"io/fs"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

const modulePath = "fedmesh.io/fedmesh"

// layers lists the module's layers, each with the packages below it. A package
// may import packages of its own layer and of those before it, never of those
// behind it.
func layers() []string {
	return []string{
		"policies/api",
		"policies/pods",
		"policies/mesh",
		"policies",
		"webhook",
		"cmd",
	}
}

// forbidden lists, for a layer, what its packages must not import themselves: a
// package and what lies below it. What libraries drag along is not asked.
func forbidden() map[string][]string {
	impure := []string{
		"sigs.k8s.io/controller-runtime", "k8s.io/client-go",
		"context", "os", "net/http",
		"k8s.io/utils/clock",
		"log", "github.com/go-logr", "go.uber.org/zap", "k8s.io/klog",
		"github.com/prometheus", "k8s.io/component-base/metrics",
		"math/rand",
	}
	return map[string][]string{
		"policies/pods": append(slices.Clone(impure), "time"),
		"policies/mesh": impure, // it has times of creation, and reads no clock
		"policies":      append(slices.Clone(impure), "time"),
	}
}

// TestImports: arrows between packages run one way, and what is pure stays so.
func TestImports(t *testing.T) {
	known := false
	for path, imports := range listImports(t) {
		for _, imported := range imports {
			if problem := judgeImport(path, imported); problem != "" {
				t.Errorf("%s imports %s: %s", path, imported, problem)
			}
		}
		known = known || layerOf(path) == "policies"
	}
	if !known {
		t.Error("package policies is not among the packages listed; the test sees nothing")
	}
}

// TestJudgeImport: the test above would find what it looks for.
func TestJudgeImport(t *testing.T) {
	for _, test := range []struct {
		path, imported string
		allowed        bool
	}{
		{"policies", "fedmesh.io/fedmesh/policies/mesh", true},
		{"policies", "fedmesh.io/fedmesh/policies/api/v1alpha1", true},
		{"policies/mesh", "fedmesh.io/fedmesh/policies/api/v1alpha1", true},
		{"policies/mesh", "fedmesh.io/fedmesh/policies/pods", true},
		{"policies", "fedmesh.io/fedmesh/policies/pods", true},
		{"policies/mesh", "time", true},
		{"policies", "net/netip", true},
		{"webhook", "fedmesh.io/fedmesh/policies", true},
		{"webhook/feed", "fedmesh.io/fedmesh/webhook", true},
		{"webhook", "sigs.k8s.io/controller-runtime/pkg/manager", true},
		{"cmd/fedmesh-webhook", "fedmesh.io/fedmesh/webhook", true},
		{"policies/mesh", "fedmesh.io/fedmesh/policies", false},
		{"policies/api/v1alpha1", "fedmesh.io/fedmesh/policies/mesh", false},
		{"policies/pods", "fedmesh.io/fedmesh/policies/mesh", false},
		{"policies/pods", "fedmesh.io/fedmesh/policies", false},
		{"policies/pods", "os", false},
		{"policies/pods", "time", false},
		{"policies", "fedmesh.io/fedmesh/webhook/feed", false},
		{"webhook", "fedmesh.io/fedmesh/cmd/fedmesh-webhook", false},
		{"policies", "sigs.k8s.io/controller-runtime/pkg/client", false},
		{"policies", "context", false},
		{"policies", "net/http", false},
		{"policies", "log/slog", false},
		{"policies", "time", false},
		{"policies/mesh", "os", false},
		{"policies", "fedmesh.io/fedmesh/test/playground", false},
	} {
		if problem := judgeImport(modulePath+"/"+test.path, test.imported); (problem == "") != test.allowed {
			t.Errorf("%s imports %s: got %q; want it allowed: %t", test.path, test.imported, problem, test.allowed)
		}
	}
}

// judgeImport says what is wrong with an import, and nothing when it is right.
func judgeImport(path, imported string) string {
	layer := layerOf(path)
	if layer == "" {
		return "" // tests and tools may import what they like
	}
	for _, prefix := range forbidden()[layer] {
		if within(imported, prefix) {
			return "layer " + layer + " must not import " + prefix
		}
	}
	if !within(imported, modulePath) {
		return ""
	}
	other := layerOf(imported)
	if other == "" {
		return "it belongs to no layer"
	}
	if slices.Index(layers(), other) > slices.Index(layers(), layer) {
		return "layer " + other + " lies above " + layer
	}
	return ""
}

// layerOf returns the layer of a package of this module, the innermost where
// several fit.
func layerOf(path string) string {
	var found string
	for _, layer := range layers() {
		if within(path, modulePath+"/"+layer) && len(layer) > len(found) {
			found = layer
		}
	}
	return found
}

// within reports whether path is a package or lies below it.
func within(path, parent string) bool {
	return path == parent || strings.HasPrefix(path, parent+"/")
}

// listImports returns what each package of the module imports itself, outside
// tests.
func listImports(t *testing.T) map[string][]string {
	t.Helper()
	// What another program reads does not keep a cached result from being used;
	// what this one reads does.
	for _, layer := range layers() {
		_ = filepath.WalkDir(filepath.Join("..", layer), func(string, fs.DirEntry, error) error { return nil })
	}
	var stderr bytes.Buffer
	command := exec.Command("go", "list", "-e", "-f", `{{.ImportPath}}{{range .Imports}} {{.}}{{end}}`, modulePath+"/...")
	command.Stderr = &stderr
	output, err := command.Output()
	if err != nil {
		t.Fatalf("go list: %v\n%s", err, stderr.String())
	}
	imports := map[string][]string{}
	for line := range strings.Lines(string(output)) {
		fields := strings.Fields(line)
		imports[fields[0]] = fields[1:]
	}
	return imports
}
