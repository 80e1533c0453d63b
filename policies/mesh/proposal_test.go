package mesh

import (
	"fmt"
	"math/rand"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"fedmesh.io/fedmesh/policies/api/v1alpha1"
)

// proposalView is a View on behalf of an entry that is yet to be written, where
// addresses are held by an entry and Services have ranges.
func proposalView(tb testing.TB, vips v1alpha1.VIPs, held, services []string) *View {
	tb.Helper()
	index := NewIndex()
	index.Put(NewRecord(decode(tb, ServiceEntry, `{metadata: {name: e, namespace: foo}, spec: {hosts: [a], addresses: ["`+strings.Join(held, `","`)+`"]}}`)))
	index.Put(NewRecord(decode(tb, ServiceCIDR, `{metadata: {name: k}, spec: {cidrs: ["`+strings.Join(services, `","`)+`"]}}`)))
	return NewView(index, federation(tb, func(s *v1alpha1.FederationSpec) { s.VIPs = vips }), &Object{})
}

// propose proposes addresses of all ranges of a family, and makes strings of them.
func propose(view *View, host string, family netip.Addr, count int) (texts []string) {
	for _, addr := range view.Propose(host, view.federation.Ranges(family), count) {
		texts = append(texts, addr.String())
	}
	return texts
}

// TestProposeContract holds the order that is documented. These addresses never
// change: they are in other people's Git. They are what sha256sum and a calculator
// say.
func TestProposeContract(t *testing.T) {
	for name, test := range map[string]struct {
		cidrs  []string
		held   []string
		host   string
		family netip.Addr
		want   []string
	}{
		"httpbin": {host: "httpbin.bar.global", want: []string{"252.213.119.28", "244.159.47.194", "243.249.28.106", "247.233.238.28"}},
		"reviews": {host: "reviews.bar.global", want: []string{"249.233.250.108", "245.175.83.141", "243.122.189.92", "251.89.190.224"}},
		"written otherwise": {host: "HTTPBIN.bar.global.", want: []string{
			"252.213.119.28", "244.159.47.194", "243.249.28.106", "247.233.238.28"}},
		"held": {host: "httpbin.bar.global", held: []string{"252.213.119.28", "243.249.28.106"}, want: []string{"244.159.47.194", "247.233.238.28"}},
		"two ranges": {host: "httpbin.bar.global", cidrs: []string{"10.9.0.0/24", "240.1.0.0/16"}, want: []string{
			"240.1.108.28", "240.1.244.194", "240.1.138.106", "240.1.244.28"}},
		"listed otherwise": {host: "httpbin.bar.global", cidrs: []string{"240.1.0.0/16", "240.1.7.0/24", "10.9.0.0/24"}, want: []string{
			"240.1.108.28", "240.1.244.194", "240.1.138.106", "240.1.244.28"}},
		"IPv6": {host: "httpbin.bar.global", cidrs: []string{"240.0.0.0/4", "fd00:240::/64"}, family: netip.IPv6Unspecified(), want: []string{
			"fd00:240::cd0c:1d6b:9cd5:771c", "fd00:240::7bf6:86fc:149f:2fc2"}},
		"all of a range": {host: "httpbin.bar.global", cidrs: []string{"240.1.0.0/29"}, want: []string{
			"240.1.0.4", "240.1.0.2", "240.1.0.3", "240.1.0.1", "240.1.0.6", "240.1.0.5", "240.1.0.7"}},
		"no host": {want: []string{"240.0.0.1", "240.0.0.2", "240.0.0.3"}},
		"no host, end of a block": {held: []string{"240.0.0.1"}, cidrs: []string{"240.0.0.0/30", "240.2.0.252/30", "240.1.0.0/31"}, want: []string{
			"240.0.0.2", "240.0.0.3", "240.1.0.1", "240.2.0.252", "240.2.0.253", "240.2.0.254"}},
		"IPv6 has no broadcast": {cidrs: []string{"fd00:240::fe/127"}, family: netip.IPv6Unspecified(), want: []string{
			"fd00:240::fe", "fd00:240::ff"}},
		"no range of the family": {family: netip.IPv6Unspecified()},
	} {
		t.Run(name, func(t *testing.T) {
			if !test.family.IsValid() {
				test.family = netip.IPv4Unspecified()
			}
			view := proposalView(t, v1alpha1.VIPs{CIDRs: test.cidrs}, test.held, nil)
			got := propose(view, test.host, test.family, max(len(test.want), 1))
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("proposals differ (-want +got):\n%s", diff)
			}
		})
	}
}

// TestProposeRest: what no digest names comes in order, from the first proposal on.
func TestProposeRest(t *testing.T) {
	// The last of the digests is for 240.1.0.120, one more would be for 240.1.0.132,
	// and the first is for 240.1.0.28.
	free := []string{"240.1.0.120", "240.1.0.29", "240.1.0.132", "240.1.0.253", "240.1.0.1", "240.1.0.5"}
	var held []string
	for last := range 256 {
		if addr := fmt.Sprintf("240.1.0.%d", last); !slices.Contains(free, addr) {
			held = append(held, addr)
		}
	}
	view := proposalView(t, v1alpha1.VIPs{CIDRs: []string{"240.1.0.0/24"}}, held, nil)
	if diff := cmp.Diff(free, propose(view, "httpbin.bar.global", netip.IPv4Unspecified(), 9)); diff != "" {
		t.Errorf("proposals differ (-want +got):\n%s", diff)
	}
}

// TestProposeProperties: whatever is held and forbidden, what is proposed is neither,
// the order of the ranges and of what is held has no part in it, and what is taken is
// left out of the order without changing it.
func TestProposeProperties(t *testing.T) {
	random := rand.New(rand.NewSource(1))
	someAddr := func() string { return fmt.Sprintf("240.%d.0.%d", random.Intn(2), random.Intn(256)) }
	some := func(most int, of func() string) (texts []string) {
		for range random.Intn(most + 1) {
			texts = append(texts, of())
		}
		return texts
	}
	somePrefix := func() string {
		return netip.PrefixFrom(netip.MustParseAddr(someAddr()), 24+random.Intn(8)).Masked().String()
	}
	exhausted := 0
	for round := range 300 {
		vips := v1alpha1.VIPs{
			CIDRs:      append(some(3, somePrefix), somePrefix()),
			Reserved:   some(2, somePrefix),
			AutoRanges: some(1, somePrefix),
		}
		held, services := some(200, someAddr), some(1, somePrefix)
		host := []string{"", fmt.Sprintf("h%d.bar.global", round)}[random.Intn(2)]
		const every = 600 // more than there are
		view := proposalView(t, vips, held, services)
		got := propose(view, host, netip.IPv4Unspecified(), every)
		free := map[string]bool{}
		for block := range 2 {
			for last := range 256 {
				addr := netip.AddrFrom4([4]byte{240, byte(block), 0, byte(last)})
				inside := func(texts []string) bool {
					return slices.ContainsFunc(texts, func(text string) bool { return netip.MustParsePrefix(text).Contains(addr) })
				}
				if last != 0 && last != 255 && inside(vips.CIDRs) && !inside(vips.Reserved) && !inside(vips.AutoRanges) &&
					!inside(services) && !slices.Contains(held, addr.String()) {
					free[addr.String()] = true
				}
			}
		}
		// All that is free, and nothing else, and each once.
		for _, addr := range got {
			if !free[addr] {
				t.Fatalf("round %d: got %s, which is taken or forbidden or was proposed before", round, addr)
			}
			delete(free, addr)
		}
		if len(free) > 0 {
			t.Fatalf("round %d: got %v, want %d more", round, got, len(free))
		}
		if len(got) == 0 {
			exhausted++
		}
		for _, texts := range [][]string{vips.CIDRs, vips.Reserved, held} {
			random.Shuffle(len(texts), func(i, j int) { texts[i], texts[j] = texts[j], texts[i] })
		}
		shuffled := propose(proposalView(t, vips, held, services), host, netip.IPv4Unspecified(), every)
		if diff := cmp.Diff(got, shuffled); diff != "" {
			t.Fatalf("round %d: proposals hang on the order of the input (-first +shuffled):\n%s", round, diff)
		}
		if len(got) > 1 {
			without := propose(proposalView(t, vips, append(held, got[0]), services), host, netip.IPv4Unspecified(), every)
			if diff := cmp.Diff(got[1:], without); diff != "" {
				t.Fatalf("round %d: with the first one held (-want +got):\n%s", round, diff)
			}
		}
	}
	if exhausted == 0 || exhausted == 300 {
		t.Errorf("in %d of 300 rounds nothing was free; want some and not all", exhausted)
	}
}

// TestProposeEnds: also where nothing is free, and soon.
func TestProposeEnds(t *testing.T) {
	for name, test := range map[string]struct {
		vips   v1alpha1.VIPs
		family netip.Addr
	}{
		"multicast":     {v1alpha1.VIPs{CIDRs: []string{"224.0.0.0/4"}}, netip.IPv4Unspecified()},
		"all reserved":  {v1alpha1.VIPs{CIDRs: []string{"240.0.0.0/4"}, Reserved: []string{"240.0.0.0/4"}}, netip.IPv4Unspecified()},
		"IPv6 reserved": {v1alpha1.VIPs{CIDRs: []string{"fd00::/64"}, Reserved: []string{"fd00::/65", "fd00::8000:0:0:0/66", "fd00::c000:0:0:0/66"}}, netip.IPv6Unspecified()},
	} {
		t.Run(name, func(t *testing.T) {
			view := proposalView(t, test.vips, nil, nil)
			begin := time.Now()
			got := propose(view, "httpbin.bar.global", test.family, 3)
			if got != nil {
				t.Errorf("got %v, want none", got)
			}
			if took := time.Since(begin); took > 5*time.Second {
				t.Errorf("it took %s; want it to step over what is forbidden", took)
			}
		})
	}
}

// TestProposeTwoClusters: what differs between clusters does not change the answer
// while it is free in both.
func TestProposeTwoClusters(t *testing.T) {
	one := proposalView(t, v1alpha1.VIPs{Reserved: []string{"240.0.0.0/6"}}, []string{"252.213.119.29", "249.0.0.1"}, []string{"241.0.0.0/16"})
	two := proposalView(t, v1alpha1.VIPs{CIDRs: []string{"248.0.0.0/5", "240.0.0.0/5"}}, []string{"252.213.119.27"}, nil)
	for i := range 200 {
		host := fmt.Sprintf("h%d.bar.global", i)
		first := propose(two, host, netip.IPv4Unspecified(), 1)
		got := propose(one, host, netip.IPv4Unspecified(), 1)
		if addr := netip.MustParseAddr(first[0]); netip.MustParsePrefix("240.0.0.0/6").Contains(addr) {
			continue // is not free in the first
		}
		if !slices.Equal(got, first) {
			t.Errorf("%s: got %s and %s in two clusters; want one address", host, got, first)
		}
	}
}

// TestUnusableRanges: they are those in which Usable finds nothing, and end where
// Usable does.
func TestUnusableRanges(t *testing.T) {
	for _, prefix := range unusable {
		behind := after(prefix, prefix.Addr())
		last := netip.MustParseAddr("ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff")
		if behind.IsValid() {
			last = behind.Prev()
		}
		for addr, want := range map[netip.Addr]bool{prefix.Addr().Prev(): true, prefix.Addr(): false, last: false, behind: true} {
			if usable, _ := Usable(addr); addr.IsValid() && usable != want {
				t.Errorf("%s: Usable(%s) = %t, want %t", prefix, addr, usable, want)
			}
		}
	}
}

func BenchmarkPropose(b *testing.B) {
	view := proposalView(b, v1alpha1.VIPs{}, nil, nil)
	ranges := view.federation.Ranges(netip.IPv4Unspecified())
	for b.Loop() {
		view.Propose("httpbin.bar.global", ranges, 1)
	}
}
