package policies

import "testing"

func TestVIPMissingUpdates(t *testing.T) {
	allow := federationYAML("vips: {autoAllocated: Allow}")
	runUpdates(t, []updateTest{
		{
			"it had none before",
			usualEntry("addresses:"), usualEntry("addresses:", "exportTo: ['.']"),
			[]string{"Warn FED102 spec.addresses"},
		},
		{"taken away", usualEntry(), usualEntry("addresses:"), []string{"Deny FED102 spec.addresses"}},
		{
			"the host becomes federated",
			usualEntry("hosts: [a.example.com]", "addresses:"), usualEntry("addresses:"),
			[]string{"Deny FED102 spec.addresses"},
		},
		{
			"Istio stops allocating",
			usualEntry("addresses:"), with(usualEntry("addresses:", "resolution: NONE", "endpoints:"), allow),
			[]string{"Deny FED102 spec.addresses", "Deny FED108 spec.resolution"},
		},
		{"undeclared", usualEntry(), with(usualEntry("addresses:"), undeclaredYAML), []string{"Warn FED102 spec.addresses"}},
	})
}
