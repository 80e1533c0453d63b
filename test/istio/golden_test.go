package istio

import (
	"encoding/json"
	"errors"
	"flag"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/diff"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/yaml"
)

var update = flag.Bool("update", false, "rewrite the pods that tests compare with")

// compareGolden compares what became of a pod with the files beside it:
// <phase>.reinvoked.yaml holds what the installation as it is leads to,
// <phase>.before.yaml the pod as fedmesh finds it the second time, and
// <phase>.<order>.diff in what any other order differs from the first. What
// leads to the same has no file.
func compareGolden(t *testing.T, directory, phase string, answers map[order]answer) {
	t.Helper()
	usual := answers[reinvoked].golden(t)
	compareFile(t, filepath.Join(directory, phase+".reinvoked.yaml"), usual)
	for _, o := range orders {
		got := answers[o.order].golden(t)
		path := filepath.Join(directory, phase+"."+string(o.order))
		switch {
		case o.order == reinvoked:
		case o.order != before:
			compareFile(t, path+".diff", string(diff.Diff(string(reinvoked), []byte(usual), string(o.order), []byte(got))))
		case got == usual:
			compareFile(t, path+".yaml", "")
		default:
			compareFile(t, path+".yaml", got)
		}
	}
}

// compareFile compares a file with what it is to hold: nothing means that there
// is none. With the flag -update it makes it so.
func compareFile(t *testing.T, path, got string) {
	t.Helper()
	if *update {
		updateFile(t, path, got)
		return
	}
	want, err := os.ReadFile(path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf(`%s is not what it was, see "make golden" (-want +got):\n%s`, path, diff)
	}
}

func updateFile(t *testing.T, path, text string) {
	t.Helper()
	err := os.WriteFile(path, []byte(text), 0o644)
	if text == "" {
		err = os.Remove(path)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// golden is the answer as a file has it: warnings and refusal as comments, and
// the pod that was stored.
func (a answer) golden(t *testing.T) string {
	t.Helper()
	var text strings.Builder
	for _, warning := range a.warnings {
		text.WriteString("# Warning: " + warning + "\n")
	}
	if a.refusal != "" {
		text.WriteString("# Refused: " + strings.ReplaceAll(a.refusal, "\n", "\n#   ") + "\n")
		return text.String()
	}
	pod, err := yaml.Marshal(a.stored)
	if err != nil {
		t.Fatal(err)
	}
	text.Write(pod)
	return text.String()
}

// tokenVolume is the volume of the ServiceAccount's token, with the random end of
// its name.
var tokenVolume = regexp.MustCompile(`kube-api-access-[a-z0-9]{5}`)

// normalize drops what is different each time a pod is created.
func normalize(t *testing.T, pod map[string]any) map[string]any {
	t.Helper()
	text, err := json.Marshal(pod)
	if err != nil {
		t.Fatal(err)
	}
	text = tokenVolume.ReplaceAll(text, []byte("kube-api-access"))
	object := unstructured.Unstructured{}
	if err := json.Unmarshal(text, &object.Object); err != nil {
		t.Fatal(err)
	}
	replaceAll(object.Object, object.GetNamespace(), "NAMESPACE")
	if name := object.GetGenerateName(); name != "" {
		replaceAll(object.Object, object.GetName(), name+"NAME")
	}
	for _, field := range []string{"uid", "resourceVersion", "creationTimestamp", "generation", "managedFields", "ownerReferences"} {
		unstructured.RemoveNestedField(object.Object, "metadata", field)
	}
	for _, label := range []string{"controller-uid", "batch.kubernetes.io/controller-uid"} {
		unstructured.RemoveNestedField(object.Object, "metadata", "labels", label)
	}
	unstructured.RemoveNestedField(object.Object, "status")
	return object.Object
}

// replaceAll replaces one text by another in all strings below value.
func replaceAll(value any, from, to string) any {
	switch value := value.(type) {
	case map[string]any:
		for key, member := range value {
			value[key] = replaceAll(member, from, to)
		}
	case []any:
		for i, item := range value {
			value[i] = replaceAll(item, from, to)
		}
	case string:
		return strings.ReplaceAll(value, from, to)
	}
	return value
}
