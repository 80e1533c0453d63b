package pods

import "testing"

func TestIsSocketDirectory(t *testing.T) {
	for path, want := range map[string]bool{
		"/var/run/secrets/workload-spiffe-uds":         true,
		"/run/secrets/workload-spiffe-uds":             true,
		"/run/secrets/workload-spiffe-uds/":            true,
		"/var/run//secrets/./workload-spiffe-uds":      true,
		"/var/run/secrets/workload-spiffe-uds/socket":  false,
		"/var/run/secrets/workload-spiffe-uds-2":       false,
		"/var/run/secrets/workload-spiffe-credentials": false,
		"/secrets/workload-spiffe-uds":                 false,
		"run/secrets/workload-spiffe-uds":              false,
		"":                                             false,
	} {
		if got := isSocketDirectory(path); got != want {
			t.Errorf("isSocketDirectory(%q): got %v, want %v", path, got, want)
		}
	}
}
