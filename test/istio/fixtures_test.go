package istio

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	utilyaml "k8s.io/apimachinery/pkg/util/yaml"
	"sigs.k8s.io/yaml"
)

// fixture is a file of policies/testdata: the object that a rule looks at, and
// what it is judged against.
type fixture struct {
	// name is the path below policies/testdata.
	name   string
	object *unstructured.Unstructured
	// federation is nil where the fixture means the usual one.
	federation *unstructured.Unstructured
	inventory  []*unstructured.Unstructured
	// otherwise is true for a fixture whose answer hangs on which namespaces or Services
	// there are, or that is about a deletion.
	otherwise bool
	// want are the findings that the fixture expects, whichever rule they are of,
	// each headed by its action.
	want []string
}

// fixturesDir holds a directory for each rule, which holds pass and fail.
const fixturesDir = "../../policies/testdata"

// loadFixtures reads all fixtures in pass or fail whose object istiod validates:
// that it leaves Pods and Certificates alone is no news.
func loadFixtures(t *testing.T, direction string) []fixture {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join(fixturesDir, "FED*", direction, "*.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	var fixtures []fixture
	rules := map[string]bool{}
	for _, path := range paths {
		f, err := readFixture(path)
		if err != nil {
			t.Fatalf("%s: %v", path, err)
		}
		if !strings.HasSuffix(f.object.GroupVersionKind().Group, ".istio.io") {
			continue
		}
		rules[strings.SplitN(f.name, "/", 2)[0]] = true
		fixtures = append(fixtures, f)
	}
	if len(rules) < 15 {
		t.Fatalf("%s has fixtures for %d rules; want those of 15 rules at least", fixturesDir, len(rules))
	}
	return fixtures
}

func readFixture(path string) (fixture, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return fixture{}, err
	}
	name, err := filepath.Rel(fixturesDir, path)
	if err != nil {
		return fixture{}, err
	}
	f := fixture{name: filepath.ToSlash(name)}
	for line := range strings.Lines(string(data)) {
		if want, ok := strings.CutPrefix(line, "# want "); ok {
			f.want = append(f.want, strings.TrimSpace(want))
		}
		f.otherwise = f.otherwise || line == "# deleted\n" || line == "# live\n" || line == "# no services\n"
	}
	objects, err := parseObjects(data)
	if err != nil {
		return fixture{}, err
	}
	withRule := false
	for _, object := range objects {
		f.otherwise = f.otherwise || object.GetKind() == "Namespace" || object.GetKind() == "Service"
		withRule = withRule || object.GetKind() == "DestinationRule"
		switch {
		case object.GetKind() == "Federation":
			f.federation = object
		case f.object == nil:
			f.object = object
		default:
			f.inventory = append(f.inventory, object)
		}
	}
	if f.object == nil {
		return fixture{}, errors.New("no object")
	}
	if !withRule {
		rule, err := parseObjects([]byte(usualRule))
		if err != nil {
			return fixture{}, err
		}
		f.inventory = append(f.inventory, rule...)
	}
	return f, nil
}

// usualRule is the DestinationRule that fixtures without any are judged beside
// (policies/fixture_test.go).
const usualRule = `
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: federated, namespace: istio-system}
spec:
  host: "*.global"
  trafficPolicy: {tls: {mode: ISTIO_MUTUAL}}
`

// parseObjects reads the documents of a YAML file; those of comments only are
// none.
func parseObjects(data []byte) ([]*unstructured.Unstructured, error) {
	var objects []*unstructured.Unstructured
	reader := utilyaml.NewYAMLReader(bufio.NewReader(bytes.NewReader(data)))
	for {
		document, err := reader.Read()
		if errors.Is(err, io.EOF) {
			return objects, nil
		}
		if err != nil {
			return nil, fmt.Errorf("cannot read a document: %w", err)
		}
		var fields map[string]any
		if err := yaml.Unmarshal(document, &fields); err != nil {
			return nil, fmt.Errorf("cannot read a document: %w", err)
		}
		if len(fields) > 0 {
			objects = append(objects, &unstructured.Unstructured{Object: fields})
		}
	}
}
