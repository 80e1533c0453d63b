package policies

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	jsonpatch "gopkg.in/evanphx/json-patch.v4"
	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/yaml"
)

// settings are those of a member whose network Istio knows.
func testSettings() PodSettings {
	return PodSettings{Network: "network-1", RootNetwork: "network-1"}
}

// mutate patches a pod and checks what holds for every patch: it can be
// applied as the API server applies it, and there is nothing left to do
// afterwards.
func mutate(t testing.TB, pod []byte, settings PodSettings) (PodPatch, []byte) {
	t.Helper()
	patch, err := MutatePod(pod, settings)
	if err != nil {
		t.Fatalf("MutatePod(%s): %v", pod, err)
	}
	patched := apply(t, pod, patch)
	again, err := MutatePod(patched, settings)
	if err != nil {
		t.Fatalf("second pass: got error %v, want none\npod: %s", err, patched)
	}
	if again.Operations != nil {
		t.Errorf("second pass: got operations %s, want none\npod: %s", encode(t, again.Operations), patched)
	}
	if diff := cmp.Diff(patch.Warnings, again.Warnings); diff != "" {
		t.Errorf("warnings of the second pass differ (-first +second):\n%s", diff)
	}
	if diff := cmp.Diff(findingLines(patch), findingLines(again)); diff != "" {
		t.Errorf("findings of the second pass differ (-first +second):\n%s", diff)
	}
	for _, warning := range slices.Concat(patch.Warnings, findingLines(patch)) {
		if len(warning) > 256 || strings.ContainsAny(warning, "\r\n") {
			t.Errorf("got warning %q of %d bytes, want one line of at most 256", warning, len(warning))
		}
	}
	return patch, patched
}

// findingLines are the findings of a patch as a user reads them.
func findingLines(patch PodPatch) (lines []string) {
	for _, finding := range patch.Findings {
		lines = append(lines, Cut(finding.String(), MaxWarning))
	}
	return lines
}

// apply applies a patch with the library that the API server uses.
func apply(t testing.TB, pod []byte, patch PodPatch) []byte {
	t.Helper()
	if patch.Operations == nil {
		return pod
	}
	decoded, err := jsonpatch.DecodePatch(encode(t, patch.Operations))
	if err != nil {
		t.Fatalf("decoding the patch: %v", err)
	}
	patched, err := decoded.Apply(pod)
	if err != nil {
		t.Fatalf("applying %s: %v\npod: %s", encode(t, patch.Operations), err, pod)
	}
	return patched
}

func encode(t testing.TB, value any) []byte {
	t.Helper()
	var buffer bytes.Buffer
	encoder := json.NewEncoder(&buffer)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(value); err != nil {
		t.Fatal(err)
	}
	return bytes.TrimSpace(buffer.Bytes())
}

func toJSON(t testing.TB, document string) []byte {
	t.Helper()
	converted, err := yaml.YAMLToJSON([]byte(document))
	if err != nil {
		t.Fatal(err)
	}
	return converted
}

// onSpecification returns the operations on the specification, each as a line.
func onSpecification(t testing.TB, patch PodPatch) []string {
	t.Helper()
	var lines []string
	for _, operation := range patch.Operations {
		if !strings.HasPrefix(operation.Path, "/spec/") {
			continue
		}
		line := operation.Op + " " + operation.Path
		if operation.Value != nil {
			line += " " + string(encode(t, operation.Value))
		}
		lines = append(lines, line)
	}
	return lines
}

// statusOf returns the status of a patched pod, by mutation.
func statusOf(t testing.TB, patched []byte) map[string]string {
	t.Helper()
	var pod struct {
		Metadata struct {
			Annotations map[string]string `json:"annotations"`
		} `json:"metadata"`
	}
	if err := json.Unmarshal(patched, &pod); err != nil {
		t.Fatal(err)
	}
	text, present := pod.Metadata.Annotations[statusAnnotation]
	if !present {
		return nil
	}
	var status map[string]string
	if err := json.Unmarshal([]byte(text), &status); err != nil {
		t.Fatalf("annotation %s: %v", statusAnnotation, err)
	}
	return status
}

// podCase is a file of testdata/pods: a pod and, in a second document, settings
// that differ from those of testSettings.
type podCase struct {
	name     string
	pod      []byte
	settings PodSettings
}

func podCases(t testing.TB) []podCase {
	t.Helper()
	files, err := filepath.Glob("testdata/pods/*.yaml")
	if err != nil || len(files) == 0 {
		t.Fatalf("reading testdata/pods: %v, %d files", err, len(files))
	}
	var cases []podCase
	for _, file := range files {
		name := strings.TrimSuffix(filepath.Base(file), ".yaml")
		if strings.HasSuffix(name, ".patched") {
			if _, err := os.Stat(strings.TrimSuffix(file, ".patched.yaml") + ".yaml"); err != nil {
				t.Errorf("%s belongs to no pod: %v", file, err)
			}
			continue
		}
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		pod, settings, _ := strings.Cut(string(text), "\n---\n")
		read := podCase{name: name, pod: toJSON(t, pod), settings: testSettings()}
		if err := yaml.Unmarshal([]byte(settings), &read.settings); err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		cases = append(cases, read)
	}
	return cases
}

func TestMutatePod(t *testing.T) {
	for _, test := range podCases(t) {
		t.Run(test.name, func(t *testing.T) {
			patch, patched := mutate(t, test.pod, test.settings)
			if !strings.HasPrefix(test.name, "unknown") {
				if err := yaml.UnmarshalStrict(patched, &corev1.Pod{}); err != nil {
					t.Errorf("the patched pod is no pod: %v", err)
				}
			}
			got := goldenOf(t, patch, patched)
			file := filepath.Join("testdata/pods", test.name+".patched.yaml")
			if *update {
				if err := os.WriteFile(file, got, 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(file)
			if err != nil {
				t.Fatalf("%v; go test ./policies -run TestMutatePod -update writes it", err)
			}
			if diff := cmp.Diff(string(want), string(got)); diff != "" {
				t.Errorf("%s differs (-want +got):\n%s", file, diff)
			}
		})
	}
}

// goldenOf is what is kept of a patch: the operations, the warnings, and the
// pod where it changed.
func goldenOf(t testing.TB, patch PodPatch, patched []byte) []byte {
	t.Helper()
	golden := struct {
		Operations []PatchOperation `json:"operations"`
		Warnings   []string         `json:"warnings,omitempty"`
		Findings   []string         `json:"findings,omitempty"`
		Pod        json.RawMessage  `json:"patched,omitempty"`
	}{Operations: patch.Operations, Warnings: patch.Warnings, Findings: findingLines(patch)}
	if patch.Operations != nil {
		golden.Pod = patched
	}
	text, err := yaml.Marshal(golden)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// TestMutatePodDeterministic: the same pod always gets the same patch.
func TestMutatePodDeterministic(t *testing.T) {
	for _, test := range podCases(t) {
		var first []byte
		for range 20 {
			patch, err := MutatePod(test.pod, test.settings)
			if err != nil {
				t.Fatalf("%s: %v", test.name, err)
			}
			got := encode(t, patch)
			if first == nil {
				first = got
			}
			if !bytes.Equal(got, first) {
				t.Fatalf("%s: got %s, want %s as before", test.name, got, first)
			}
		}
	}
}

// TestMutatePodIndented: how the JSON is laid out does not matter.
func TestMutatePodIndented(t *testing.T) {
	for _, test := range podCases(t) {
		var indented bytes.Buffer
		if err := json.Indent(&indented, test.pod, " ", "\t"); err != nil {
			t.Fatal(err)
		}
		want, err := MutatePod(test.pod, test.settings)
		if err != nil {
			t.Fatalf("%s: %v", test.name, err)
		}
		got, err := MutatePod(indented.Bytes(), test.settings)
		if err != nil {
			t.Fatalf("%s: %v", test.name, err)
		}
		if diff := cmp.Diff(string(encode(t, want)), string(encode(t, got))); diff != "" {
			t.Errorf("%s: patch of the indented pod differs (-want +got):\n%s", test.name, diff)
		}
	}
}

func TestLeftAlone(t *testing.T) {
	const spec = `"spec":{"containers":[{"name":"web"}]}`
	tests := []struct {
		name string
		pod  string
		want bool // is it left alone?
	}{
		{"opted out of fedmesh", `{"metadata":{"labels":{"fedmesh.io/inject":"false"}},` + spec + `}`, true},
		{"fedmesh.io/inject is something else", `{"metadata":{"labels":{"fedmesh.io/inject":"no"}},` + spec + `}`, false},
		{"fedmesh.io/inject is a label only", `{"metadata":{"annotations":{"fedmesh.io/inject":"false"}},` + spec + `}`, false},
		{"opted out of Istio by label", `{"metadata":{"labels":{"sidecar.istio.io/inject":"false"}},` + spec + `}`, true},
		{"opted out of Istio by annotation", `{"metadata":{"annotations":{"sidecar.istio.io/inject":"false"}},` + spec + `}`, true},
		{"the label comes before the annotation", `{"metadata":{"labels":{"sidecar.istio.io/inject":"true"},"annotations":{"sidecar.istio.io/inject":"false"}},` + spec + `}`, false},
		{"also when it is empty", `{"metadata":{"labels":{"sidecar.istio.io/inject":""},"annotations":{"sidecar.istio.io/inject":"false"}},` + spec + `}`, false},
		{"also when it is the one that says no", `{"metadata":{"labels":{"sidecar.istio.io/inject":"false"},"annotations":{"sidecar.istio.io/inject":"true"}},` + spec + `}`, true},
		{"Istio takes False for no answer", `{"metadata":{"labels":{"sidecar.istio.io/inject":"False"}},` + spec + `}`, false},
		{"ambient", `{"metadata":{"labels":{"istio.io/dataplane-mode":"ambient"}},` + spec + `}`, true},
		{"no data plane mode", `{"metadata":{"labels":{"istio.io/dataplane-mode":"none"}},` + spec + `}`, false},
		{"host network", `{"metadata":{},"spec":{"hostNetwork":true,"containers":[{"name":"web"}]}}`, true},
		{"no host network", `{"metadata":{},"spec":{"hostNetwork":false,"containers":[{"name":"web"}]}}`, false},
		{"host network left null", `{"metadata":{},"spec":{"hostNetwork":null,"containers":[{"name":"web"}]}}`, false},
		{"no specification", `{"metadata":{}}`, true},
		{"null specification", `{"metadata":{},"spec":null}`, true},
		{"no containers", `{"metadata":{},"spec":{}}`, true},
		{"null containers", `{"metadata":{},"spec":{"containers":null}}`, true},
		{"empty containers", `{"metadata":{},"spec":{"containers":[]}}`, true},
		{"init containers only", `{"metadata":{},"spec":{"initContainers":[{"name":"istio-proxy","image":"x"}]}}`, true},
		{"empty object", `{}`, true},
		{"nameless container", `{"metadata":{},"spec":{"containers":[{}]}}`, false},
		{"container with an empty name", `{"metadata":{},"spec":{"containers":[{"name":""},{"name":null}]}}`, false},
		{"null container", `{"metadata":{},"spec":{"containers":[null]}}`, false},
		{"no metadata", `{` + spec + `}`, false},
		{"null metadata", `{"metadata":null,` + spec + `}`, false},
		{"null labels and annotations", `{"metadata":{"labels":null,"annotations":null},` + spec + `}`, false},
		{"null label", `{"metadata":{"labels":{"fedmesh.io/inject":null}},` + spec + `}`, false},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			patch, patched := mutate(t, []byte(test.pod), testSettings())
			if got := patch.Operations == nil; got != test.want {
				t.Errorf("left alone: got %v, want %v; operations %s", got, test.want, encode(t, patch.Operations))
			}
			if !test.want && len(statusOf(t, patched)) != 4 {
				t.Errorf("got half a patch %s", encode(t, patch.Operations))
			}
		})
	}
}

func TestMutatePodErrors(t *testing.T) {
	tests := []struct{ pod, want string }{
		{``, "cannot read the pod: pod: the JSON ends too early"},
		{`null`, "cannot read the pod: pod: got null, want an object"},
		{`[]`, "cannot read the pod: pod: got a list, want an object"},
		{`"pod"`, "cannot read the pod: pod: got a string, want an object"},
		{`{"metadata":[]}`, "cannot read the pod: metadata: got a list, want an object"},
		{`{"metadata":{"labels":[]}}`, "cannot read the pod: metadata.labels: got a list, want an object"},
		{`{"metadata":{"labels":{"a":1}}}`, "cannot read the pod: metadata.labels.a: got a number, want a string"},
		{`{"metadata":{"annotations":{"proxy.istio.io/config":{}}}}`, "cannot read the pod: metadata.annotations[proxy.istio.io/config]: got an object, want a string"},
		{`{"metadata":{"annotations":{"a":true}}}`, "cannot read the pod: metadata.annotations.a: got a boolean, want a string"},
		{`{"spec":"x"}`, "cannot read the pod: spec: got a string, want an object"},
		{`{"spec":{"hostNetwork":"true"}}`, "cannot read the pod: spec.hostNetwork: got a string, want a boolean"},
		{`{"spec":{"containers":{}}}`, "cannot read the pod: spec.containers: got an object, want a list"},
		{`{"spec":{"containers":["x"]}}`, "cannot read the pod: spec.containers[0]: got a string, want an object"},
		{`{"spec":{"containers":[{"name":5}]}}`, "cannot read the pod: spec.containers[0].name: got a number, want a string"},
		{`{"spec":{"containers":[{},{"image":[]}]}}`, "cannot read the pod: spec.containers[1].image: got a list, want a string"},
		{`{"spec":{"initContainers":[{"name":"istio-proxy","env":{}}]}}`, "cannot read the pod: spec.initContainers[0].env: got an object, want a list"},
		{`{"spec":{"initContainers":[{"env":[{"name":"A","value":1}],"name":"istio-proxy"}]}}`, "cannot read the pod: spec.initContainers[0].env[0].value: got a number, want a string"},
		{`{"spec":{"containers":[{"name":"istio-proxy","volumeMounts":[{"readOnly":"yes"}]}]}}`, "cannot read the pod: spec.containers[0].volumeMounts[0].readOnly: got a string, want a boolean"},
		{`{"spec":{"volumes":{}}}`, "cannot read the pod: spec.volumes: got an object, want a list"},
		{`{"spec":{"volumes":[{"csi":"x"}]}}`, "cannot read the pod: spec.volumes[0].csi: got a string, want an object"},
		{`{"spec":{"volumes":[{"csi":{"driver":1}}]}}`, "cannot read the pod: spec.volumes[0].csi.driver: got a number, want a string"},
		{`{"spec":{"volumes":[{"hostPath":{"path":1}}]}}`, "cannot read the pod: spec.volumes[0].hostPath.path: got a number, want a string"},
		{`{"status":{"x":[1,}}`, `cannot read the pod: status: invalid character '}' at start of value, at offset 18 of the JSON`},
		{`{} {}`, `cannot read the pod: something stands behind the end of the JSON`},
	}
	for _, test := range tests {
		patch, err := MutatePod([]byte(test.pod), testSettings())
		if err == nil {
			t.Errorf("MutatePod(%s): got no error, want %q", test.pod, test.want)
			continue
		}
		if diff := cmp.Diff(test.want, err.Error()); diff != "" {
			t.Errorf("MutatePod(%s): error differs (-want +got):\n%s", test.pod, diff)
		}
		if patch.Operations != nil || patch.Warnings != nil || patch.Findings != nil {
			t.Errorf("MutatePod(%s): got %v beside an error, want nothing", test.pod, patch)
		}
	}
}

// TestDuplicateMembers: of members of one name the last counts, as for the
// library that applies patches.
func TestDuplicateMembers(t *testing.T) {
	for labels, want := range map[string]bool{
		`{"fedmesh.io/inject":"true","fedmesh.io/inject":"false"}`: true,
		`{"fedmesh.io/inject":"false","fedmesh.io/inject":"true"}`: false,
	} {
		patch, err := MutatePod([]byte(`{"metadata":{"labels":`+labels+`},"spec":{"containers":[{"name":"web"}]}}`), testSettings())
		if err != nil {
			t.Fatal(err)
		}
		if got := patch.Operations == nil; got != want {
			t.Errorf("labels %s: got left alone %v, want %v", labels, got, want)
		}
	}

	for _, metadata := range []string{`{"labels":{"a":"b","a":"c"},"labels":null}`, `{}`} {
		pod := `{"metadata":{"labels":{"fedmesh.io/inject":"false"},"annotations":{"a":"b"}},"spec":{"hostNetwork":true,"volumes":[{"name":"a"}]},` +
			`"metadata":` + metadata + `,"spec":{"containers":[{"name":"x","name":"istio-proxy","image":"i"}],"containers":[{"name":"web"}]}}`
		patch, _ := mutate(t, []byte(pod), testSettings())
		var paths []string
		for _, operation := range patch.Operations {
			paths = append(paths, operation.Path)
		}
		if diff := cmp.Diff([]string{"/metadata/labels", "/metadata/annotations"}, paths); diff != "" {
			t.Errorf("metadata %s: paths differ (-want +got):\n%s", metadata, diff)
		}
	}
}

func TestEscapePointer(t *testing.T) {
	for name, want := range map[string]string{
		"app": "app", "spiffe.io/id": "spiffe.io~1id", "a~b": "a~0b", "~1/": "~01~1",
	} {
		if got := escapePointer(name); got != want {
			t.Errorf("escapePointer(%q): got %q, want %q", name, got, want)
		}
	}
}
