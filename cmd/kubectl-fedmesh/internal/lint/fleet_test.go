package lint

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"fedmesh.io/fedmesh/cmd/kubectl-fedmesh/internal/documents"
)

// readFleet reads a fixture of several clusters, whose documents stand behind lines
// "# cluster: name", and what is expected of it.
func readFleet(t *testing.T, path string) (clusters []Cluster, want []string) {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		if expected, found := strings.CutPrefix(line, "# want "); found {
			want = append(want, strings.TrimSpace(expected))
		}
	}
	for _, section := range strings.Split("\n"+string(text), "\n# cluster: ")[1:] {
		name, content, _ := strings.Cut(section, "\n")
		read, problems := documents.Parse(name+".yaml", []byte(content))
		if problems != nil {
			t.Fatalf("%s: %v", path, problems)
		}
		clusters = append(clusters, Cluster{Name: name, Documents: read, Complete: true})
	}
	return clusters, want
}

// TestFleet: clusters that are given together are held against the rules about several
// of them, and findings are on the lines of their fields.
func TestFleet(t *testing.T) {
	paths, err := filepath.Glob("../../../../policies/fleet/testdata/*/*/*.yaml")
	if err != nil || len(paths) == 0 {
		t.Fatalf("reading fixtures: %v, %d files", err, len(paths))
	}
	for _, path := range paths {
		clusters, want := readFleet(t, path)
		report, err := Run(clusters, "default")
		if err != nil || len(report.Problems) > 0 {
			t.Errorf("%s: got error %v and problems %v; want none", path, err, report.Problems)
			continue
		}
		var got []string
		for _, finding := range report.Findings {
			if !strings.HasPrefix(finding.Rule, "FED9") {
				continue // what is wrong in one cluster alone
			}
			got = append(got, fmt.Sprintf("%s %s %s %s", finding.Cluster, finding.Ref, finding.Action, finding.Finding))
			if finding.Line < 2 || finding.File != finding.Cluster+".yaml" {
				t.Errorf("%s: got %s on line %d of %s; want it on the line of its field", path, finding.Rule, finding.Line, finding.File)
			}
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s: findings differ (-want +got):\n%s", path, diff)
		}
	}
}

// TestFleetNotMeant: files that nobody calls a cluster are not held against others.
func TestFleetNotMeant(t *testing.T) {
	clusters, _ := readFleet(t, "../../../../policies/fleet/testdata/FED906/fail/no_authority.yaml")
	for complete, want := range map[bool]int{true: 1, false: 0} {
		clusters[0].Complete = complete
		report, err := Run(clusters, "default")
		if err != nil || len(report.Findings) != want {
			t.Errorf("complete is %t: got %v, error %v; want %d findings", complete, report.Findings, err, want)
		}
	}
}

// TestFleetIncomplete: what could not be read in one cluster is not missing there.
func TestFleetIncomplete(t *testing.T) {
	clusters, _ := readFleet(t, "../../../../policies/fleet/testdata/FED901/fail/service_of_another_name.yaml")
	broken, _ := documents.Parse("broken.yaml", []byte("{apiVersion: networking.istio.io/v1, kind: ServiceEntry, metadata: {name: a}, spec: {hosts: 7}}"))
	clusters[1].Documents = append(clusters[1].Documents, broken...)
	report, err := Run(clusters, "default")
	if err != nil || len(report.Problems) != 1 {
		t.Fatalf("got error %v and problems %v; want one problem", err, report.Problems)
	}
	if slices.ContainsFunc(report.Findings, func(finding Finding) bool { return finding.Rule == "FED901" }) {
		t.Errorf("got %v; want no finding on what could not be read", report.Findings)
	}
}
