package policies

import (
	"encoding/json"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"sigs.k8s.io/yaml"
)

// TestIstioInBetween runs the two passes of reinvocation. The files of
// testdata/between hold a pod as the user made it, the same pod as Istio's own
// injector (1.31, recorded) left it after the first pass, and settings that
// differ from those of testSettings.
func TestIstioInBetween(t *testing.T) {
	files, err := filepath.Glob("testdata/between/*.yaml")
	if err != nil || len(files) == 0 {
		t.Fatalf("reading testdata/between: %v, %d files", err, len(files))
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".yaml"), func(t *testing.T) {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			documents := strings.Split(string(text), "\n---\n")
			settings := testSettings()
			if len(documents) > 2 {
				if err := yaml.Unmarshal([]byte(documents[2]), &settings); err != nil {
					t.Fatal(err)
				}
			}

			_, first := mutate(t, toJSON(t, documents[0]), settings)
			injected := toJSON(t, documents[1])
			checkRecording(t, first, injected)

			// mutate checks that there is nothing left for a third pass.
			second, patched := mutate(t, injected, settings)
			if len(second.Operations) == 0 {
				t.Error("second pass: got no operations, want the socket")
			}
			for _, operation := range second.Operations {
				if !strings.HasPrefix(operation.Path, "/spec/volumes/") && !strings.Contains(operation.Path, "/volumeMounts/") &&
					operation.Path != "/metadata/annotations/fedmesh.io~1status" {
					t.Errorf("second pass: got operation %s, want nothing but the socket", encode(t, operation))
				}
			}
			before, after := statusOf(t, first), statusOf(t, patched)
			if got, want := after["workload-socket"], "applied: CSI driver csi.spiffe.io"; got != want {
				t.Errorf("status of workload-socket: got %q, want %q", got, want)
			}
			delete(before, "workload-socket")
			delete(after, "workload-socket")
			if !maps.Equal(before, after) {
				t.Errorf("status after Istio: got %v, want %v as before", after, before)
			}
		})
	}
}

// checkRecording fails when a recorded pod is not what the first pass leads to
// any more.
func checkRecording(t *testing.T, first, injected []byte) {
	t.Helper()
	type metadata struct {
		Metadata struct{ Labels, Annotations map[string]string }
	}
	var want, got metadata
	if err := json.Unmarshal(first, &want); err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(injected, &got); err != nil {
		t.Fatal(err)
	}
	for key, value := range want.Metadata.Labels {
		if got.Metadata.Labels[key] != value {
			t.Errorf("the recording is stale: got label %s=%q, want %q", key, got.Metadata.Labels[key], value)
		}
	}
	for key, value := range want.Metadata.Annotations {
		if got.Metadata.Annotations[key] != value {
			t.Errorf("the recording is stale: got annotation %s=%q, want %q", key, got.Metadata.Annotations[key], value)
		}
	}
}
