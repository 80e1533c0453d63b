package mesh

import "testing"

func TestParseAddress(t *testing.T) {
	tests := []struct {
		text           string
		want           string // "" for what does not parse
		single, mapped bool
	}{
		{"240.0.0.2", "240.0.0.2", true, false},
		{"240.0.0.2/32", "240.0.0.2", true, false},
		{"240.0.0.2/31", "240.0.0.2/31", false, false},
		{"240.0.1.2/20", "240.0.0.0/20", false, false},
		{"0.0.0.0/0", "0.0.0.0/0", false, false},
		{"FD00:240:0::2", "fd00:240::2", true, false},
		{"fd00:240::2/128", "fd00:240::2", true, false},
		{"fd00:240::2/64", "fd00:240::/64", false, false},
		{"::ffff:240.0.0.2", "240.0.0.2", true, true},
		{"::ffff:f000:2", "240.0.0.2", true, true},
		{"::ffff:240.0.0.2/128", "240.0.0.2", true, true},
		{"::ffff:240.0.0.2/32", "::/32", false, true},
		{"::240.0.0.2", "::f000:2", true, false}, // IPv4-compatible, not mapped

		{"", "", false, false},
		{"192.168.0.01", "", false, false},
		{"192.168.0", "", false, false},
		{"192.168.0.1/", "", false, false},
		{"192.168.0.1/33", "", false, false},
		{"192.168.0.1/032", "", false, false},
		{"192.168.0.1/24/24", "", false, false},
		{" 192.168.0.1", "", false, false},
		{"${VAR}/32", "", false, false},
		{"fe80::1%eth0", "", false, false},
		{"fe80::1%eth0/64", "", false, false},
		{"localhost", "", false, false},
		{"[::1]", "", false, false},
	}
	for _, test := range tests {
		got, ok := ParseAddress(test.text)
		switch {
		case ok != (test.want != ""):
			t.Errorf("ParseAddress(%q) parsed: %t; want %t", test.text, ok, !ok)
		case ok && (got.String() != test.want || got.Single() != test.single || got.Mapped != test.mapped):
			t.Errorf("ParseAddress(%q) = %s, single %t, mapped %t; want %s, %t, %t",
				test.text, got, got.Single(), got.Mapped, test.want, test.single, test.mapped)
		case ok && got.Addr.Is4In6():
			t.Errorf("ParseAddress(%q).Addr = %s; want it unmapped", test.text, got.Addr)
		}
	}
}
