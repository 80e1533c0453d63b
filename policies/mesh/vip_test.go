package mesh

import (
	"fmt"
	"net/netip"
	"testing"

	"fedmesh.io/fedmesh/policies/api/v1alpha1"
)

func TestUsable(t *testing.T) {
	for text, want := range map[string]string{
		"224.0.0.0": "a multicast address", "239.255.255.255": "a multicast address", "ff00::": "a multicast address", "ffff::1": "a multicast address",
		"127.0.0.0": "a loopback address", "127.255.255.255": "a loopback address", "::1": "a loopback address",
		"0.0.0.0": "the unspecified address", "::": "the unspecified address",
		"169.254.0.0": "a link-local address", "169.254.255.255": "a link-local address", "fe80::": "a link-local address", "febf::1": "a link-local address",
		"255.255.255.255": "the broadcast address",

		"223.255.255.255": "", "240.0.0.0": "", "feff::1": "", "126.255.255.255": "", "128.0.0.0": "", "::2": "",
		"0.0.0.1": "", "169.253.255.255": "", "169.255.0.0": "", "fec0::": "", "255.255.255.254": "", "10.0.0.1": "",
	} {
		usable, what := Usable(netip.MustParseAddr(text))
		if usable != (want == "") || what != want {
			t.Errorf("Usable(%s) = %t, %q; want %t, %q", text, usable, what, want == "", want)
		}
	}
}

func TestNextFree(t *testing.T) {
	service := `{metadata: {name: s, namespace: foo}, spec: {clusterIPs: [%s]}}`
	entry := `{metadata: {name: e, namespace: foo}, spec: {hosts: [a], addresses: [%s]}}`
	tests := map[string]struct {
		vips   v1alpha1.VIPs
		put    map[Kind]string
		behind string
		want   string // "" for none
	}{
		"the next one":         {behind: "240.0.0.2", want: "240.0.0.3"},
		"outside of ranges":    {behind: "10.0.0.1", want: "240.0.0.1"},
		"held by an entry":     {put: map[Kind]string{ServiceEntry: fmt.Sprintf(entry, "240.0.0.3, 240.0.0.4/32")}, behind: "240.0.0.2", want: "240.0.0.5"},
		"held by a Service":    {put: map[Kind]string{Service: fmt.Sprintf(service, "240.0.0.3")}, behind: "240.0.0.2", want: "240.0.0.4"},
		"held by an IPAddress": {put: map[Kind]string{IPAddress: `{metadata: {name: 240.0.0.3}}`}, behind: "240.0.0.2", want: "240.0.0.4"},
		"reserved":             {vips: v1alpha1.VIPs{Reserved: []string{"240.0.0.0/9"}}, behind: "240.0.0.2", want: "240.128.0.0"},
		"range of Services":    {put: map[Kind]string{ServiceCIDR: `{metadata: {name: k}, spec: {cidrs: [240.0.0.0/12]}}`}, behind: "240.0.0.2", want: "240.16.0.0"},
		"automatic range":      {behind: "240.239.255.255", want: "240.241.0.0"},
		"end of the range":     {vips: v1alpha1.VIPs{CIDRs: []string{"240.1.0.0/24"}}, behind: "240.1.0.255", want: "240.1.0.1"},
		"next range": {vips: v1alpha1.VIPs{CIDRs: []string{"240.1.0.0/30", "240.2.0.0/30"}}, put: map[Kind]string{
			ServiceEntry: fmt.Sprintf(entry, "240.1.0.1, 240.1.0.2, 240.1.0.3")}, behind: "240.1.0.1", want: "240.2.0.1"},
		"never broadcast":        {vips: v1alpha1.VIPs{CIDRs: []string{"255.255.255.0/24"}}, behind: "255.255.255.254", want: "255.255.255.1"},
		"never multicast":        {vips: v1alpha1.VIPs{CIDRs: []string{"223.255.255.0/24", "224.0.0.0/28"}}, behind: "223.255.255.255", want: "223.255.255.1"},
		"IPv6":                   {vips: v1alpha1.VIPs{CIDRs: []string{"240.0.0.0/4", "fd00:240::/64"}}, behind: "fd00:240::ffff", want: "fd00:240::1:0"},
		"no range of the family": {behind: "fd00::1"},
		"range full": {vips: v1alpha1.VIPs{CIDRs: []string{"240.1.0.0/30"}}, put: map[Kind]string{
			ServiceEntry: fmt.Sprintf(entry, "240.1.0.1, 240.1.0.2, 240.1.0.3")}, behind: "240.1.0.1"},
		"all reserved":        {vips: v1alpha1.VIPs{Reserved: []string{"240.0.0.0/4"}}, behind: "240.0.0.1"},
		"reserved to the end": {vips: v1alpha1.VIPs{CIDRs: []string{"255.0.0.0/8"}, Reserved: []string{"255.0.0.0/8"}}, behind: "255.0.0.1"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			index := NewIndex()
			for kind, text := range test.put {
				index.Put(NewRecord(decode(t, kind, text)))
			}
			federation := federation(t, func(s *v1alpha1.FederationSpec) { s.VIPs = test.vips })
			view := NewView(index, federation, decode(t, ServiceEntry, `{metadata: {name: x, namespace: foo}}`))
			got, ok := view.NextFree(netip.MustParseAddr(test.behind))
			if ok != (test.want != "") || ok && got.String() != test.want {
				t.Errorf("NextFree(%s) = %s, %t; want %q", test.behind, got, ok, test.want)
			}
		})
	}
}

// TestNextFreeGivesUp: the search is bounded, for it is done under the lock.
func TestNextFreeGivesUp(t *testing.T) {
	index := NewIndex()
	for i := range probes + 10 {
		addr := netip.AddrFrom4([4]byte{240, 0, byte(i >> 8), byte(i)})
		index.byAddress.add(addr.As16(), &Holder{})
	}
	view := NewView(index, federation(t, nil), decode(t, ServiceEntry, `{metadata: {name: x, namespace: foo}}`))
	if got, ok := view.NextFree(netip.MustParseAddr("240.0.0.0")); ok {
		t.Errorf("NextFree = %s behind %d addresses that are taken; want it to give up", got, probes)
	}
}

// TestNextFreeOfOneView: one answer for an address, another for another, and
// none that the object declares itself.
func TestNextFreeOfOneView(t *testing.T) {
	object := decode(t, ServiceEntry, `{metadata: {name: x, namespace: foo}, spec: {addresses: [240.0.0.2, 240.0.0.3, 240.0.0.5]}}`)
	view := NewView(NewIndex(), federation(t, nil), object)
	for _, step := range []struct{ behind, want string }{
		{"240.0.0.2", "240.0.0.4"}, {"240.0.0.3", "240.0.0.6"}, {"240.0.0.2", "240.0.0.4"}, {"10.0.0.1", "240.0.0.7"},
	} {
		if got, _ := view.NextFree(netip.MustParseAddr(step.behind)); got.String() != step.want {
			t.Errorf("behind %s: got %s; want %s", step.behind, got, step.want)
		}
	}
}
