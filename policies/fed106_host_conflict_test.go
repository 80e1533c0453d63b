package policies

import "testing"

func TestHostConflictUpdates(t *testing.T) {
	public := otherEntry("x", "hosts: [httpbin.bar.global]")
	own := otherEntry("x", "hosts: [httpbin.bar.global], exportTo: ['.', foo]")
	runUpdates(t, []updateTest{
		{
			"an old conflict",
			usualEntry(), with(usualEntry("addresses: [240.0.0.3]"), public),
			[]string{"Warn FED106 spec.hosts[0]"},
		},
		{
			"an old conflict in another place and spelling",
			usualEntry(), with(usualEntry("hosts: [a.bar.global, HTTPBIN.bar.global]"), public),
			[]string{"Deny FED101 spec.hosts[1]", "Warn FED106 spec.hosts[1]"},
		},
		{
			"an override becomes public",
			usualEntry("exportTo: ['.']"), with(usualEntry("exportTo: ['*']"), public),
			[]string{"Deny FED106 spec.hosts[0]"},
		},
		{
			"a public one becomes an override beside another",
			usualEntry(), with(usualEntry("exportTo: ['.']"), own),
			[]string{"Deny FED106 spec.hosts[0]"},
		},
		{
			"a conflict is taken back by exportTo",
			usualEntry(), with(usualEntry("exportTo: ['.']"), public),
			nil,
		},
		{
			"the host comes a second time",
			usualEntry(), usualEntry("hosts: [httpbin.bar.global, httpbin.bar.global]"),
			[]string{"Deny FED106 spec.hosts[1]"},
		},
		{
			"a second conflict comes",
			usualEntry(), with(usualEntry("hosts: [httpbin.bar.global, a.bar.global]"), public, otherEntry("other", "hosts: [a.bar.global]")),
			[]string{"Warn FED106 spec.hosts[0]", "Deny FED106 spec.hosts[1]"},
		},
	})
}
