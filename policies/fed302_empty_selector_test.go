package policies

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestEmptySelectorUpdates(t *testing.T) {
	const empty, labels = "  workloadSelector: {}\n", "  workloadSelector: {labels: {}}\n"
	const egress, more = "  egress: [{hosts: ['./*']}]\n", "  egress: [{hosts: ['./*', 'istio-system/*']}]\n"
	for _, test := range []struct {
		name, old, object string
		want              []string
	}{
		{"something else changed", empty + egress, empty + more, []string{"Warn FED302 spec.workloadSelector"}},
		{"empty in another way", empty + egress, labels + more, []string{"Warn FED302 spec.workloadSelector"}},
		{"added", egress, empty + egress, []string{"Deny FED302 spec.workloadSelector"}},
		{"removed", empty + egress, egress, nil},
	} {
		t.Run(test.name, func(t *testing.T) {
			got := summaries(outcomeOfUpdate(t, sidecarHead+test.old, sidecarHead+test.object))
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("findings differ (-want +got):\n%s", diff)
			}
		})
	}
}
