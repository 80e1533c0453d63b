package policies

import (
	"bytes"
	"encoding/json"
	"maps"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestIstioInBetween runs the two passes of reinvocation, with what Istio's own
// injector made of the pod between them.
func TestIstioInBetween(t *testing.T) {
	for _, recorded := range recordings(t) {
		t.Run(recorded.name, func(t *testing.T) {
			// mutate checks that there is nothing left for a third pass.
			second, patched := mutate(t, recorded.injected, recorded.settings)
			if len(second.Operations) == 0 {
				t.Error("second pass: got no operations, want the socket")
			}
			for _, operation := range second.Operations {
				if !strings.HasPrefix(operation.Path, "/spec/volumes/") && !strings.Contains(operation.Path, "/volumeMounts/") &&
					operation.Path != "/metadata/annotations/fedmesh.io~1status" {
					t.Errorf("second pass: got operation %s, want nothing but the socket", encode(t, operation))
				}
			}
			if diff := cmp.Diff(asMap(t, recorded.done), asMap(t, patched)); diff != "" {
				t.Errorf("the second pass leads to another pod than the recorded one (-recorded +got):\n%s", diff)
			}
			if bytes.Contains(recorded.created, []byte(`"kind":"Job"`)) {
				return // its pod as the controller makes it was not recorded
			}
			_, first := mutate(t, recorded.created, recorded.settings)
			checkRecording(t, first, recorded.injected)
			before, after := statusOf(t, first), statusOf(t, patched)
			delete(before, "workload-socket")
			delete(after, "workload-socket")
			if !maps.Equal(before, after) {
				t.Errorf("status after Istio: got %v, want %v as before", after, before)
			}
		})
	}
}

func asMap(t *testing.T, object []byte) map[string]any {
	t.Helper()
	var decoded map[string]any
	if err := json.Unmarshal(object, &decoded); err != nil {
		t.Fatal(err)
	}
	return decoded
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
