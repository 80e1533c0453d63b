package policies

import "testing"

func TestVIPRangeUpdates(t *testing.T) {
	auto := "hosts: [x.bar.global]}\nstatus: {addresses: [{value: 240.240.0.9, host: x.bar.global}]"
	runUpdates(t, []updateTest{
		{
			"an address stays where it should not be",
			usualEntry("addresses: [10.0.0.7]"), usualEntry("addresses: [240.0.0.2, 10.0.0.7/32]"),
			[]string{"Warn FED104 spec.addresses[1]"},
		},
		{
			"another one comes beside it",
			usualEntry("addresses: [10.0.0.7]"), usualEntry("addresses: [10.0.0.7, 10.0.0.8]"),
			[]string{"Warn FED104 spec.addresses[0]", "Deny FED104 spec.addresses[1]"},
		},
		{
			"into Istio's range",
			usualEntry(), usualEntry("addresses: [240.240.0.9]"),
			[]string{"Warn FED104 spec.addresses[0]"},
		},
		{
			"onto an automatic address",
			usualEntry(), with(usualEntry("addresses: [240.240.0.9]"), otherEntry("x", auto)),
			[]string{"Deny FED105 spec.addresses[0]"},
		},
		{
			"onto an automatic address of the same host",
			usualEntry("exportTo: ['.']"), with(usualEntry("exportTo: ['.']", "addresses: [240.240.0.9]"),
				otherEntry("x", "hosts: [httpbin.bar.global]}\nstatus: {addresses: [{value: 240.240.0.9}]")),
			[]string{"Warn FED104 spec.addresses[0]"},
		},
		{
			"the warning becomes a denial where the Federation says so",
			usualEntry(), with(usualEntry("addresses: [240.240.0.9]"), federationYAML("rules: [{id: FED104, action: Deny}]")),
			[]string{"Deny FED104 spec.addresses[0]"},
		},
		{
			"undeclared: Services still have their range",
			usualEntry(), with(usualEntry("addresses: [10.96.0.7, 198.51.100.7]"), undeclaredYAML,
				"apiVersion: networking.k8s.io/v1\nkind: ServiceCIDR\nmetadata: {name: k}\nspec: {cidrs: [10.96.0.0/12]}\n"),
			[]string{"Warn FED104 spec.addresses[0]"},
		},
	})
}
