package mesh

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestSidecarSelector(t *testing.T) {
	for text, want := range map[string]SidecarScope{
		`{}`:                               {Default: true},
		`{spec: {workloadSelector: null}}`: {Default: true},
		`{spec: {workloadSelector: {}}}`:   {},
		`{spec: {workloadSelector: {labels: {}}}}`:                                 {},
		`{spec: {workloadSelector: {labels: {version: v1, app: a, c: "", b: x}}}}`: {Selector: []string{"app=a", "b=x", "c=", "version=v1"}},
	} {
		scope := NewRecord(decode(t, Sidecar, text)).Sidecar()
		got := SidecarScope{Default: scope.Default, Selector: scope.Selector}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s: differs (-want +got):\n%s", text, diff)
		}
	}
}
