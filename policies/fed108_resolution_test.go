package policies

import "testing"

func TestResolutionUpdates(t *testing.T) {
	runUpdates(t, []updateTest{
		{
			"it was NONE before",
			usualEntry("resolution: NONE", "endpoints:"), usualEntry("resolution:", "endpoints:", "exportTo: ['.']"),
			[]string{"Warn FED108 spec.resolution"},
		},
		{
			"from NONE to DNS, half mended",
			usualEntry("resolution: NONE", "endpoints:"), usualEntry("endpoints:"),
			[]string{"Deny FED109 spec.endpoints"},
		},
	})
}
