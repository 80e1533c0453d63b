package policies

import "testing"

func TestLocationUpdates(t *testing.T) {
	runUpdates(t, []updateTest{
		{
			"it was omitted and is written now",
			usualEntry("location:"), usualEntry("location: MESH_EXTERNAL"),
			nil, // the specification says the same
		},
		{
			"it was omitted and is written now, and something else changes",
			usualEntry("location:"), usualEntry("location: MESH_EXTERNAL", "exportTo: ['.']"),
			[]string{"Warn FED107 spec.location"},
		},
		{"taken out", usualEntry(), usualEntry("location:"), []string{"Deny FED107 spec.location"}},
		{
			"an egress entry is given an address",
			usualEntry("location:", "addresses:", "endpoints:"), usualEntry("location:", "endpoints:"),
			[]string{"Deny FED107 spec.location", "Deny FED109 spec.endpoints"},
		},
		{
			"an egress entry is given another host",
			usualEntry("location:", "addresses:", "endpoints:"), usualEntry("hosts: [a.bar.global, www.example.com, b.bar.global]", "location:", "addresses:", "endpoints:"),
			[]string{"Warn FED107 spec.hosts"},
		},
		{
			"an egress entry becomes one of the mesh",
			usualEntry("location:", "addresses:", "endpoints:"), usualEntry("addresses:", "endpoints:"),
			[]string{"Deny FED102 spec.addresses", "Deny FED109 spec.endpoints"},
		},
	})
}
