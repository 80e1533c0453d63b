package claims

import (
	"net/netip"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/util/validation"
)

func TestKey(t *testing.T) {
	long := strings.Repeat("a.", 120) + "global"
	for _, test := range []struct {
		key             Key
		text, leaseName string
	}{
		{AddressKey(netip.MustParseAddr("240.0.0.2")), "vip//240.0.0.2", "vip-240.0.0.2"},
		{AddressKey(netip.MustParseAddr("2001:db8::")), "vip//2001:db8::", "vip-2001-0db8-0000-0000-0000-0000-0000-0000"},
		{Key{Kind: Host, Name: "httpbin.bar.global"}, "host//httpbin.bar.global", "host-httpbin.bar.global"},
		{Key{Kind: Host, Name: "httpbin.bar.global", ExportTo: "foo"}, "host/foo/httpbin.bar.global", "private-host-foo.httpbin.bar.global"},
		{Key{Kind: Host, Name: "*.bar.global"}, "host//*.bar.global", "host-hash-65eb4e7f4ee7f2bbd8ab8ff1e8be0a34"},
		{Key{Kind: Host, Name: "a/b.global"}, "host//a/b.global", "host-hash-c9b1bdb2b2a2ba32d07e6c2a7b2a5a5e"},
		{Key{Kind: Host, Name: long, ExportTo: "foo"}, "host/foo/" + long, "host-hash-"},
		{Key{Kind: Sidecar, Name: "foo"}, "sidecar//foo", "sidecar-foo"},
	} {
		if got := test.key.String(); got != test.text {
			t.Errorf("%+v: got %q; want %q", test.key, got, test.text)
		}
		parsed, err := ParseKey(test.text)
		if diff := cmp.Diff(test.key, parsed); diff != "" || err != nil {
			t.Errorf("%s: read back with error %v (-want +got):\n%s", test.text, err, diff)
		}
		name := test.key.LeaseName()
		if hashed := strings.Contains(test.leaseName, "-hash-"); hashed && (!strings.HasPrefix(name, "host-hash-") || len(name) != len("host-hash-")+32) || !hashed && name != test.leaseName {
			t.Errorf("%s: got Lease %q; want %q", test.text, name, test.leaseName)
		}
		if problems := validation.IsDNS1123Subdomain(name); len(problems) > 0 {
			t.Errorf("%s: Lease name %q is not legal: %v", test.text, name, problems)
		}
	}
	for _, text := range []string{"", "vip", "vip/240.0.0.2", "vip//", "lease//x", "//x"} {
		if key, err := ParseKey(text); err == nil {
			t.Errorf("%q: got %+v; want an error", text, key)
		}
	}
}

// FuzzParseKey: what is read as a key is written the same again, and two keys do
// not share a Lease.
func FuzzParseKey(f *testing.F) {
	f.Add("vip//240.0.0.2", "vip//240.0.0.3")
	f.Add("host//a.b.global", "host/a/b.global")
	f.Add("sidecar//foo", "sidecar//bar")
	f.Fuzz(func(t *testing.T, a, b string) {
		first, err := ParseKey(a)
		if err != nil {
			return
		}
		if got := first.String(); got != a {
			t.Errorf("%q: written again as %q", a, got)
		}
		second, err := ParseKey(b)
		if err != nil || first == second || len(first.ExportTo) > validation.DNS1123LabelMaxLength || strings.Contains(first.ExportTo+second.ExportTo, ".") {
			return // a namespace has no dots
		}
		if first.Kind == VIP && second.Kind == VIP {
			one, errOne := netip.ParseAddr(first.Name)
			two, errTwo := netip.ParseAddr(second.Name)
			if errOne != nil || errTwo != nil || one == two {
				return // AddressKey writes an address in one way
			}
		}
		if first.LeaseName() == second.LeaseName() {
			t.Errorf("%q and %q share Lease %s", a, b, first.LeaseName())
		}
	})
}
