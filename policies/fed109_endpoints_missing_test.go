package policies

import "testing"

func TestEndpointsMissingUpdates(t *testing.T) {
	runUpdates(t, []updateTest{
		{
			"there were none before, by another resolution",
			usualEntry("endpoints:"), usualEntry("endpoints:", "resolution: STATIC"),
			[]string{"Warn FED109 spec.endpoints"},
		},
		{"taken away", usualEntry(), usualEntry("endpoints:"), []string{"Deny FED109 spec.endpoints"}},
		{
			"the selector is taken away",
			usualEntry("endpoints:", "workloadSelector: {labels: {app: a}}"), usualEntry("endpoints:"),
			[]string{"Deny FED109 spec.endpoints"},
		},
		{
			"endpoints become a selector",
			usualEntry(), usualEntry("endpoints:", "workloadSelector: {labels: {app: a}}"),
			nil,
		},
	})
}
