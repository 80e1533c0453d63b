package policies

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

const (
	sidecarHead = `apiVersion: networking.istio.io/v1
kind: Sidecar
metadata: {name: federation, namespace: foo}
spec:
`
	otherDefault = `---
apiVersion: networking.istio.io/v1
kind: Sidecar
metadata: {name: default, namespace: foo, creationTimestamp: "2026-01-02T03:04:05Z"}
spec:
  egress: [{hosts: ["./*"]}]
`
)

// TestOneDefaultUpdates: an older conflict does not stand in the way of other
// changes, but nobody may walk into a new one.
func TestOneDefaultUpdates(t *testing.T) {
	const all, some = "  egress: [{hosts: ['./*', 'istio-system/*']}]\n", "  workloadSelector: {labels: {app: httpbin}}\n"
	for _, test := range []struct {
		name, old, object string
		want              []string
	}{
		{"both without", "  egress: [{hosts: ['./*']}]\n", all, []string{"Warn FED301 spec.workloadSelector"}},
		{"selector removed", some + all, all, []string{"Deny FED301 spec.workloadSelector"}},
		{"selector emptied", some + all, "  workloadSelector: {}\n" + all, []string{"Deny FED302 spec.workloadSelector"}},
		{"selector added", all, some + all, nil},
		{"unchanged", all, all, nil},
	} {
		t.Run(test.name, func(t *testing.T) {
			got := summaries(outcomeOfUpdate(t, sidecarHead+test.old, sidecarHead+test.object+otherDefault))
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("findings differ (-want +got):\n%s", diff)
			}
		})
	}
}
