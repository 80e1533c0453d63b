package policies

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestRegistration(t *testing.T) {
	tests := []struct {
		name   string
		labels string
		want   map[string]string // settings; nil is the default
		after  map[string]string
		status string
	}{
		{
			name: "default", labels: "{app: web}",
			after:  map[string]string{"spiffe.io/spire-managed-identity": "true"},
			status: "applied: spiffe.io/spire-managed-identity=true",
		},
		{
			name: "there already", labels: `{spiffe.io/spire-managed-identity: "true"}`,
			after:  map[string]string{"spiffe.io/spire-managed-identity": "true"},
			status: "applied: spiffe.io/spire-managed-identity=true",
		},
		{
			name: "the user's value", labels: `{spiffe.io/spire-managed-identity: "false"}`,
			after:  map[string]string{"spiffe.io/spire-managed-identity": "false"},
			status: `kept: the pod sets spiffe.io/spire-managed-identity to "false"`,
		},
		{
			name: "none wanted", labels: "{app: web}", want: map[string]string{},
			after:  map[string]string{"spiffe.io/spire-managed-identity": ""},
			status: "off: pods.registrationLabels is empty",
		},
		{
			name: "several, some there", labels: "{app: web, b: mine, c: there}", want: map[string]string{"d/x": "4", "c": "there", "b": "2", "a": "1"},
			after:  map[string]string{"a": "1", "b": "mine", "c": "there", "d/x": "4"},
			status: `applied: a=1, c=there, d/x=4; kept: the pod sets b to "mine"`,
		},
		{
			name: "no labels at all", labels: "null", want: map[string]string{"b": "2", "a": "1"},
			after:  map[string]string{"a": "1", "b": "2"},
			status: "applied: a=1, b=2",
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			settings := testSettings()
			settings.Pods.RegistrationLabels = test.want
			_, patched := mutate(t, toJSON(t, "{metadata: {labels: "+test.labels+"}, spec: {containers: [{name: web}]}}"), settings)
			after := map[string]string{}
			for key := range test.after {
				after[key] = labelOf(t, patched, key)
			}
			if diff := cmp.Diff(test.after, after); diff != "" {
				t.Errorf("labels differ (-want +got):\n%s", diff)
			}
			if got := statusOf(t, patched)["registration"]; got != test.status {
				t.Errorf("status: got %q, want %q", got, test.status)
			}
		})
	}
}
