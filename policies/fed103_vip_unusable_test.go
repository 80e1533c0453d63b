package policies

import "testing"

func TestVIPUnusableUpdates(t *testing.T) {
	runUpdates(t, []updateTest{
		{
			"a bad address stays",
			usualEntry("addresses: [127.0.0.2]"), usualEntry("addresses: [127.0.0.2]", "exportTo: ['.']"),
			[]string{"Warn FED103 spec.addresses[0]"},
		},
		{
			"a bad address moves within the list",
			usualEntry("addresses: [127.0.0.2]"), usualEntry("addresses: [240.0.0.2, 127.0.0.2]"),
			[]string{"Warn FED103 spec.addresses[1]"},
		},
		{
			"a bad address in another notation",
			usualEntry("addresses: [127.0.0.2/32]"), usualEntry("addresses: ['::ffff:127.0.0.2']"),
			[]string{"Warn FED103 spec.addresses[0]"},
		},
		{
			"another bad address",
			usualEntry("addresses: [127.0.0.2]"), usualEntry("addresses: [127.0.0.3]"),
			[]string{"Deny FED103 spec.addresses[0]"},
		},
		{
			"a range in another notation",
			usualEntry("addresses: [240.0.0.1/20]"), usualEntry("addresses: [240.0.0.0/20]"),
			[]string{"Warn FED103 spec.addresses[0]"},
		},
		{
			"a wider range",
			usualEntry("addresses: [240.0.0.0/20]"), usualEntry("addresses: [240.0.0.0/19]"),
			[]string{"Deny FED103 spec.addresses[0]"},
		},
		{
			// Both speak of 240.0.0.2, which is what the old object had already.
			"the mapped form, taken as before",
			with(usualEntry(), otherEntry("x", "hosts: [x.bar.global], addresses: [240.0.0.2]")),
			with(usualEntry("addresses: ['::ffff:240.0.0.2']"), otherEntry("x", "hosts: [x.bar.global], addresses: [240.0.0.2]")),
			[]string{"Warn FED103 spec.addresses[0]", "Warn FED105 spec.addresses[0]"},
		},
	})
}
