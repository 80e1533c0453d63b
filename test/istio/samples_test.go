package istio

import (
	"encoding/json"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"fedmesh.io/fedmesh/test/controlplane"
)

// TestSamples: Istio's own samples and the data of its tests are ordinary
// configuration, and the command line passes them in silence. What it finds there
// is what Istio's analyzers find in the same files.
func TestSamples(t *testing.T) {
	bin, err := controlplane.FindBinDir()
	if err != nil {
		t.Fatal(err)
	}
	module, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", "istio.io/istio").Output()
	if err != nil {
		t.Fatal(err)
	}
	root := strings.TrimSpace(string(module))
	for _, directory := range []struct {
		path     string
		objects  int // at least so many are judged
		analyzed []string
	}{
		{"samples", 30, nil},
		{"pkg/config/validation/testdata", 20, []string{
			// Objects that their own schemas refuse, _err in each of them.
			"authz-invalid.yaml", "destinationrule-invalid.yaml", "envoyfilter-invalid.yaml",
			"peerauth-invalid.yaml", "serviceentry-invalid.yaml", "workloadentry-invalid.yaml",
		}},
		{"tests/integration", 10, nil},
		{"pkg/config/analysis/analyzers/testdata", 100, []string{
			"sidecar-default-selector.yaml",   // IST0111
			"sidecar-selector.yaml",           // IST0110
			"deprecation.yaml",                // fields that are gone
			"envoy-filter-add-operation.yaml", // fields that never were
		}},
	} {
		t.Run(directory.path, func(t *testing.T) {
			// Some files are templates or no objects at all: the exit code says so.
			output, _ := exec.Command(filepath.Join(bin, "kubectl-fedmesh"), "lint", "--output=json", "--fail-on=never",
				sampleFederation, filepath.Join(root, directory.path)).Output()
			var report struct {
				Findings []struct{ Rule, Action, Message, File string }
				Summary  struct{ Objects int }
			}
			if err := json.Unmarshal(output, &report); err != nil {
				t.Fatalf("%v\n%s", err, output)
			}
			if report.Summary.Objects < directory.objects {
				t.Errorf("got %d objects, want at least %d", report.Summary.Objects, directory.objects)
			}
			found := map[string]bool{}
			for _, finding := range report.Findings {
				name := filepath.Base(finding.File)
				found[name] = true
				if finding.Action != "Audit" && !slices.Contains(directory.analyzed, name) {
					t.Errorf("got %+v, want silence", finding)
				}
			}
			for _, name := range directory.analyzed {
				if !found[name] {
					t.Errorf("got nothing in %s, want what Istio's analyzers find", name)
				}
			}
		})
	}
}
