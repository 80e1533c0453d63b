package fleet

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/runtime/schema"
	utilyaml "k8s.io/apimachinery/pkg/util/yaml"
	"sigs.k8s.io/yaml"

	"bufio"
	"bytes"
	"io"

	"fedmesh.io/fedmesh/policies"
	"fedmesh.io/fedmesh/policies/api/v1alpha1"
	"fedmesh.io/fedmesh/policies/mesh"
)

var update = flag.Bool("update", false, "rewrite the expectations of fixtures")

const (
	clusterPrefix = "# cluster: "
	wantPrefix    = "# want "
)

// parse reads the clusters of a fixture or an example: what stands behind a line
// "# cluster: name" is that cluster's.
func parse(text string) ([]Cluster, error) {
	var clusters []Cluster
	for _, section := range strings.Split("\n"+text, "\n"+clusterPrefix)[1:] {
		name, documents, _ := strings.Cut(section, "\n")
		cluster, err := parseCluster(name, documents)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		clusters = append(clusters, cluster)
	}
	return clusters, nil
}

func parseCluster(name, documents string) (Cluster, error) {
	cluster := Cluster{Name: name, Federation: mesh.Undeclared(), Index: mesh.NewIndex()}
	reader := utilyaml.NewYAMLReader(bufio.NewReader(bytes.NewReader([]byte(documents))))
	for {
		document, err := reader.Read()
		if err == io.EOF {
			cluster.Exemptions = cluster.Index.ExemptionsAt(time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC))
			return cluster, nil
		}
		if err != nil {
			return cluster, err
		}
		data, err := yaml.YAMLToJSON(document)
		if err != nil {
			return cluster, err
		}
		if string(data) == "null" {
			continue
		}
		var head struct{ APIVersion, Kind string }
		if err := yaml.Unmarshal(data, &head); err != nil {
			return cluster, err
		}
		kind, known := mesh.KindOf(schema.FromAPIVersionAndKind(head.APIVersion, head.Kind).Group, head.Kind)
		if !known {
			return cluster, fmt.Errorf("unknown kind %s of %s", head.Kind, head.APIVersion)
		}
		object, err := mesh.Decode(kind, data)
		if err != nil {
			return cluster, err
		}
		if kind == mesh.FederationKind {
			var federation v1alpha1.Federation
			if err := yaml.UnmarshalStrict(data, &federation); err != nil {
				return cluster, err
			}
			compiled, errs := mesh.Compile(federation.Spec)
			if errs != nil {
				return cluster, errs.ToAggregate()
			}
			cluster.Federation = compiled
		}
		cluster.Objects = append(cluster.Objects, object)
		cluster.Index.Put(mesh.NewRecord(object))
	}
}

// lines are findings in the form of expectations.
func lines(clusters []Cluster, rules []Rule) []string {
	var lines []string
	for _, finding := range New(clusters).Evaluate(rules) {
		lines = append(lines, fmt.Sprintf("%s %s %s %s", clusters[finding.Cluster].Name, finding.Ref, finding.Action, finding.Finding))
	}
	return lines
}

func speaksOf(lines []string, id string) bool {
	return strings.Contains(strings.Join(lines, "\n"), "["+id+"]")
}

// TestExamples: the bad example of each rule has a finding of it, and the good one has
// none of any rule.
func TestExamples(t *testing.T) {
	for _, rule := range Catalogue() {
		t.Run(rule.ID, func(t *testing.T) {
			bad, err := parse(rule.Doc.Bad)
			if err != nil {
				t.Fatal(err)
			}
			if got := lines(bad, Catalogue()); !speaksOf(got, rule.ID) {
				t.Errorf("bad example: got %q; want a finding of %s", got, rule.ID)
			}
			good, err := parse(rule.Doc.Good)
			if err != nil {
				t.Fatal(err)
			}
			if got := lines(good, Catalogue()); len(got) > 0 {
				t.Errorf("good example: got %q; want no finding", got)
			}
			if rule.Doc.Why == "" || rule.Doc.Fix == "" || rule.Summary == "" || rule.Name == "" || len(rule.Applies) == 0 {
				t.Errorf("a text is missing")
			}
		})
	}
}

// TestFixtures holds every fixture against the expectations at its top, all rules at
// work; -update writes these anew.
func TestFixtures(t *testing.T) {
	for _, rule := range Catalogue() {
		for _, outcome := range []string{"pass", "fail"} {
			paths, err := filepath.Glob(filepath.Join("testdata", rule.ID, outcome, "*.yaml"))
			if err != nil || len(paths) == 0 {
				t.Fatalf("%s/%s: %d fixtures, error %v; want some", rule.ID, outcome, len(paths), err)
			}
			for _, path := range paths {
				t.Run(strings.TrimPrefix(path, "testdata/"), func(t *testing.T) { testFixture(t, rule.ID, path, outcome == "fail") })
			}
		}
	}
}

func testFixture(t *testing.T, id, path string, fails bool) {
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var want []string
	var rest strings.Builder
	for line := range strings.Lines(string(data)) {
		if expected, found := strings.CutPrefix(line, wantPrefix); found {
			want = append(want, strings.TrimSpace(expected))
		} else {
			rest.WriteString(line)
		}
	}
	clusters, err := parse(rest.String())
	if err != nil {
		t.Fatal(err)
	}
	got := lines(clusters, Catalogue())
	if speaksOf(got, id) != fails {
		t.Errorf("got %q; want a finding of %s: %t", got, id, fails)
	}
	for _, line := range got {
		_, finding, _ := strings.Cut(line, "[")
		if len(finding) > policies.MaxWarning {
			t.Errorf("%q is %d bytes long; want at most %d", finding, len(finding), policies.MaxWarning)
		}
	}
	if *update {
		var head strings.Builder
		for _, line := range got {
			head.WriteString(wantPrefix + line + "\n")
		}
		if err := os.WriteFile(path, []byte(head.String()+rest.String()), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("findings differ (-want +got):\n%s", diff)
	}
}

// TestSettings: what the Federation of the cluster says of a rule holds for findings
// there, and exemptions do.
func TestSettings(t *testing.T) {
	bad := Catalogue()[0].Doc.Bad
	for name, test := range map[string]struct {
		change [2]string
		want   string
	}{
		"default": {[2]string{"", ""}, "cluster-1 ServiceEntry foo/httpbin-bar Deny [FED901]"},
		"warn":    {[2]string{"  localMember: cluster-1", "  rules: [{id: FED901, action: Warn}]\n  localMember: cluster-1"}, "cluster-1 ServiceEntry foo/httpbin-bar Warn [FED901]"},
		"off":     {[2]string{"  localMember: cluster-1", "  rules: [{id: FED901, action: \"Off\"}]\n  localMember: cluster-1"}, ""},
		"the other cluster's": {[2]string{"  localMember: cluster-2", "  rules: [{id: FED901, action: \"Off\"}]\n  localMember: cluster-2"},
			"cluster-1 ServiceEntry foo/httpbin-bar Deny [FED901]"},
		"exempt": {[2]string{"# cluster: cluster-2", `---
{apiVersion: fedmesh.io/v1alpha1, kind: FederationExemption, metadata: {name: a, namespace: foo}, spec: {rules: [FED901], targets: [{kind: ServiceEntry, name: "*"}], expiresAt: "2026-02-01T00:00:00Z"}}
# cluster: cluster-2`}, "cluster-1 ServiceEntry foo/httpbin-bar Audit [FED901]"},
	} {
		t.Run(name, func(t *testing.T) {
			clusters, err := parse(strings.Replace(bad, test.change[0], test.change[1], 1))
			if err != nil {
				t.Fatal(err)
			}
			got := lines(clusters, Catalogue())
			if test.want == "" && len(got) == 0 {
				return
			}
			if len(got) != 1 || test.want == "" || !strings.HasPrefix(got[0], test.want) {
				t.Errorf("got %q; want one that begins with %q, or none for the empty one", got, test.want)
			}
		})
	}
}

// TestOrder: findings come by cluster, by object and by rule, whatever the order is in
// which rules find them.
func TestOrder(t *testing.T) {
	clusters, err := parse(Catalogue()[0].Doc.Bad)
	if err != nil {
		t.Fatal(err)
	}
	at := func(id string, cluster int, object int) Rule {
		rule := Rule{Check: func(fleet *Fleet) []Finding {
			return []Finding{{Cluster: cluster, Object: fleet.clusters[cluster].Objects[object]}}
		}}
		rule.ID, rule.Action = id, policies.Warn
		return rule
	}
	var got []string
	for _, finding := range New(clusters).Evaluate([]Rule{at("FED901", 1, 1), at("FED902", 0, 1), at("FED903", 0, 0), at("FED904", 0, 1)}) {
		got = append(got, finding.Rule)
	}
	if want := []string{"FED903", "FED902", "FED904", "FED901"}; !slices.Equal(got, want) {
		t.Errorf("got findings %v, want %v", got, want)
	}
}
