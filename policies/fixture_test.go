package policies

import (
	"bufio"
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/runtime/schema"
	utilyaml "k8s.io/apimachinery/pkg/util/yaml"
	"sigs.k8s.io/yaml"

	"fedmesh.io/fedmesh/policies/api/v1alpha1"
	"fedmesh.io/fedmesh/policies/mesh"
)

var update = flag.Bool("update", false, "rewrite the expectations of fixtures and the generated catalogue")

// A fixture is a file in testdata/<rule>/{pass,fail}/ with YAML documents: the
// object under review first, what it is judged against after it. A Federation
// among them replaces the usual one, and where there is no DestinationRule the usual
// one is added; "# want" lines at the top hold every finding
// that is expected, whichever rule it is of, with its action. A line "# deleted" says
// that the object is being deleted, "# live" that files have less to go by: the command
// line's test passes over the fixture. "# no services" says that it hangs on there being
// none, which a cluster always has.
type fixture struct {
	path       string
	object     *mesh.Object
	deleted    bool
	index      *mesh.Index
	federation *mesh.Federation
	want       []string
}

func loadFixtures(t *testing.T, pattern string) []fixture {
	t.Helper()
	paths, err := filepath.Glob(pattern)
	if err != nil {
		t.Fatal(err)
	}
	var fixtures []fixture
	for _, path := range paths {
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		fixture, err := parseFixture(path, data)
		if err != nil {
			t.Fatalf("%s: %v", path, err)
		}
		fixtures = append(fixtures, fixture)
	}
	return fixtures
}

func parseFixture(path string, data []byte) (fixture, error) {
	fixture := fixture{path: path, index: mesh.NewIndex(), federation: usualFederation()}
	for line := range strings.Lines(string(data)) {
		if want, ok := strings.CutPrefix(line, wantPrefix); ok {
			fixture.want = append(fixture.want, strings.TrimSpace(want))
		}
		fixture.deleted = fixture.deleted || line == "# deleted\n"
	}
	reader := utilyaml.NewYAMLReader(bufio.NewReader(bytes.NewReader(data)))
	withRule := false
	for {
		document, err := reader.Read()
		if err == io.EOF {
			break
		}
		if err != nil {
			return fixture, err
		}
		object, federation, err := parseDocument(document)
		withRule = withRule || object != nil && object.Kind == mesh.DestinationRule
		switch {
		case err != nil:
			return fixture, err
		case federation != nil:
			fixture.federation = federation
		case object == nil: // comments only
		case fixture.object == nil:
			fixture.object = object
			fixture.index.Put(mesh.NewRecord(object))
		default:
			fixture.index.Put(mesh.NewRecord(object))
		}
	}
	if fixture.object == nil {
		return fixture, fmt.Errorf("no object")
	}
	if !withRule {
		rule, _, err := parseDocument([]byte(usualRule))
		if err != nil {
			return fixture, err
		}
		fixture.index.Put(mesh.NewRecord(rule))
	}
	return fixture, nil
}

// usualRule is what every mesh of a federation has.
const usualRule = `
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: federated, namespace: istio-system}
spec:
  host: "*.global"
  trafficPolicy: {tls: {mode: ISTIO_MUTUAL}}
`

// parseDocument reads one YAML document: an object that fedmesh knows or a
// Federation.
func parseDocument(document []byte) (*mesh.Object, *mesh.Federation, error) {
	data, err := yaml.YAMLToJSON(document)
	if err != nil || string(data) == "null" {
		return nil, nil, err
	}
	var head struct {
		APIVersion string `json:"apiVersion"`
		Kind       string `json:"kind"`
	}
	if err := json.Unmarshal(data, &head); err != nil {
		return nil, nil, err
	}
	if head.Kind == "Federation" {
		var object v1alpha1.Federation
		if err := yaml.UnmarshalStrict(document, &object); err != nil {
			return nil, nil, err
		}
		if object.Name == "none" {
			return nil, mesh.Undeclared(), nil
		}
		federation, errs := mesh.Compile(object.Spec)
		return nil, federation, errs.ToAggregate()
	}
	group := schema.FromAPIVersionAndKind(head.APIVersion, head.Kind).Group
	kind, ok := mesh.KindOf(group, head.Kind)
	if !ok {
		return nil, nil, fmt.Errorf("unknown kind %s of group %q", head.Kind, group)
	}
	object, err := mesh.Decode(kind, data)
	return object, nil, err
}

// usualFederation is the one of two clusters that the examples speak of.
func usualFederation() *mesh.Federation {
	federation, errs := mesh.Compile(v1alpha1.FederationSpec{
		LocalMember: "cluster-1",
		Members: []v1alpha1.Member{
			{Name: "cluster-1", Network: "network-1", TrustDomain: "foo.com", Gateways: []v1alpha1.Gateway{{Address: "34.136.67.85"}}},
			{Name: "cluster-2", Network: "network-2", TrustDomain: "bar.com", Gateways: []v1alpha1.Gateway{{Address: "34.122.11.2"}, {Address: "gateway.bar.com"}}},
		},
	})
	if errs != nil {
		panic(errs.ToAggregate())
	}
	return federation
}

const wantPrefix = "# want "

func (f fixture) review() Review { return Review{Object: f.object, Deleted: f.deleted} }

// findings are the lines that "# want" is compared with.
func (f fixture) findings(t *testing.T, rules []Rule) []string {
	t.Helper()
	evaluator, err := NewEvaluator(rules)
	if err != nil {
		t.Fatal(err)
	}
	outcome := evaluator.Evaluate(f.review(), f.index, f.federation)
	if len(outcome.Failures) > 0 {
		t.Fatalf("%s: rules panicked: %v", f.path, outcome.Failures)
	}
	var lines []string
	for _, finding := range outcome.Findings {
		lines = append(lines, string(finding.Action)+" "+finding.String())
	}
	return lines
}

// TestFixtures holds every fixture against its expectations, all rules at work.
func TestFixtures(t *testing.T) {
	for _, fixture := range loadFixtures(t, "testdata/FED*/*/*.yaml") {
		t.Run(strings.TrimPrefix(fixture.path, "testdata/"), func(t *testing.T) {
			got := fixture.findings(t, Catalogue())
			if *update {
				rewriteWants(t, fixture.path, got)
				return
			}
			if diff := cmp.Diff(fixture.want, got); diff != "" {
				t.Errorf("findings differ (-want +got):\n%s", diff)
			}
		})
	}
}

// TestEveryRuleHasFixtures: both directories have files, pass has no finding of
// the rule, fail has one, and with the rule taken out it has none: the fixture
// really hangs on its rule.
func TestEveryRuleHasFixtures(t *testing.T) {
	known := map[string]bool{}
	for i, rule := range Catalogue() {
		known[rule.ID] = true
		t.Run(rule.ID, func(t *testing.T) {
			without := append(Catalogue()[:i:i], Catalogue()[i+1:]...)
			pass := loadFixtures(t, filepath.Join("testdata", rule.ID, "pass", "*.yaml"))
			fail := loadFixtures(t, filepath.Join("testdata", rule.ID, "fail", "*.yaml"))
			if len(pass) == 0 || len(fail) == 0 {
				t.Fatalf("got %d fixtures that pass and %d that fail; want some of each", len(pass), len(fail))
			}
			for _, fixture := range pass {
				if got := fixture.findings(t, Catalogue()); speaksOf(got, rule.ID) {
					t.Errorf("%s: got %q; want no finding of %s", fixture.path, got, rule.ID)
				}
			}
			for _, fixture := range fail {
				if got := fixture.findings(t, Catalogue()); !speaksOf(got, rule.ID) {
					t.Errorf("%s: got %q; want a finding of %s", fixture.path, got, rule.ID)
				}
				if got := fixture.findings(t, without); speaksOf(got, rule.ID) {
					t.Errorf("%s: got %q with the rule taken out; want no finding of %s", fixture.path, got, rule.ID)
				}
			}
		})
	}
	directories, err := filepath.Glob("testdata/FED*")
	if err != nil {
		t.Fatal(err)
	}
	for _, directory := range directories {
		if !known[filepath.Base(directory)] {
			t.Errorf("%s: no such rule", directory)
		}
	}
}

func speaksOf(findings []string, id string) bool {
	return strings.Contains(strings.Join(findings, "\n"), "["+id+"]")
}

// rewriteWants replaces the expectations at the top of a fixture.
func rewriteWants(t *testing.T, path string, want []string) {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var out strings.Builder
	for _, line := range want {
		out.WriteString(wantPrefix + line + "\n")
	}
	for line := range strings.Lines(string(data)) {
		if !strings.HasPrefix(line, wantPrefix) {
			out.WriteString(line)
		}
	}
	if err := os.WriteFile(path, []byte(out.String()), 0o644); err != nil {
		t.Fatal(err)
	}
}
