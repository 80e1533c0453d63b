package policies

import (
	"testing"

	"fedmesh.io/fedmesh/policies/api/v1alpha1"
)

func TestForbidsSource(t *testing.T) {
	for _, test := range []struct {
		level  string
		source v1alpha1.WorkloadSocketType
		want   bool
	}{
		{"baseline", v1alpha1.WorkloadSocketHostPath, true},
		{"restricted", v1alpha1.WorkloadSocketHostPath, true},
		{"privileged", v1alpha1.WorkloadSocketHostPath, false},
		{"", v1alpha1.WorkloadSocketHostPath, false},
		{"restricted", v1alpha1.WorkloadSocketCSI, false},
		{"restricted", v1alpha1.WorkloadSocketNone, false},
	} {
		if got := forbidsSource(test.level, v1alpha1.WorkloadSocket{Type: test.source}); got != test.want {
			t.Errorf("level %q and %s: got %t; want %t", test.level, test.source, got, test.want)
		}
	}
}
