package mesh

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// scattered fills an Index with entries whose addresses lie close together and
// far apart, in both families, and with what is no entry.
func scattered(t *testing.T, random *rand.Rand) (*Index, []*Object) {
	t.Helper()
	pool := []string{"0.0.0.1", "9.255.255.255", "10.0.0.0", "10.0.0.7", "10.0.1.255", "10.1.0.0", "240.0.0.1", "240.0.0.254", "240.0.1.0",
		"255.255.255.254", "::2", "::fffe:ffff:1", "::1:0:0:0", "2001:2::3", "2001:2::103", "ffee::1"}
	index := NewIndex()
	var objects []*Object
	for i := range 40 {
		var addresses []string
		for range 1 + random.IntN(3) {
			addresses = append(addresses, fmt.Sprintf("%q", pool[random.IntN(len(pool))]))
		}
		object := decode(t, ServiceEntry, fmt.Sprintf(`{metadata: {name: e%d, namespace: foo}, spec: {hosts: [h%d.bar.global], addresses: [%s]}, status: {addresses: [{value: %q}]}}`,
			i, i, strings.Join(addresses, ","), pool[random.IntN(len(pool))]))
		objects = append(objects, object)
		index.Put(NewRecord(object))
	}
	index.Put(NewRecord(decode(t, Service, `{metadata: {name: s, namespace: foo}, spec: {clusterIPs: [10.0.0.9, 240.0.9.9]}}`)))
	for i, object := range objects {
		if i%4 == 0 {
			index.Delete(object.Ref)
		}
	}
	return index, slices.DeleteFunc(objects, func(object *Object) bool { return index.Entry(object.Ref) == nil })
}

// TestEachVIP holds the answers against those of a walk over everything.
func TestEachVIP(t *testing.T) {
	random := rand.New(rand.NewPCG(7, 8))
	ranges := []string{"0.0.0.0/0", "10.0.0.0/8", "10.0.0.0/24", "10.0.0.7/32", "10.0.0.5/29", "240.0.0.0/4", "240.0.0.0/25", "255.255.255.254/31", "1.2.3.4/32",
		"::/0", "::/16", "2001:2::/48", "2001:2::3/128", "2001:2::/120", "::ffff:10.0.0.0/104", "fe00::/7"}
	for range 200 {
		index, objects := scattered(t, random)
		view := NewView(index, Undeclared(), decode(t, Pod, `{metadata: {name: p, namespace: foo}}`))
		within := netip.MustParsePrefix(ranges[random.IntN(len(ranges))])
		var without []netip.Prefix
		for range random.IntN(4) {
			without = append(without, netip.MustParsePrefix(ranges[random.IntN(len(ranges))]))
		}
		var got, want []string
		for vip := range view.EachVIP(within, without) {
			got = append(got, vip.Addr.String()+" "+vip.Entry.Ref.Name+" "+vip.Hosts[0])
		}
		for _, object := range objects {
			record := NewRecord(object)
			held := slices.Clone(record.entry.Addresses)
			for _, automatic := range record.automatic {
				held = append(held, automatic.addr)
			}
			for _, addr := range held {
				_, outside := containing(without, addr)
				if within.Masked().Contains(addr) && !outside {
					want = append(want, addr.String()+" "+object.Name+" "+object.ServiceEntry.Hosts[0])
				}
			}
		}
		if !slices.IsSortedFunc(got, func(a, b string) int {
			left, _, _ := strings.Cut(a, " ")
			right, _, _ := strings.Cut(b, " ")
			return netip.MustParseAddr(left).Compare(netip.MustParseAddr(right))
		}) {
			t.Errorf("%s without %v: got %q; want them in the order of addresses", within, without, got)
		}
		slices.Sort(got)
		slices.Sort(want)
		if diff := cmp.Diff(want, got); diff != "" {
			t.Fatalf("addresses in %s and not in %v differ (-want +got):\n%s", within, without, diff)
		}
	}
}

// TestEachVIPStops: whoever leaves early, by a panic even, leaves the Index
// unlocked; and what was asked for is noted.
func TestEachVIPStops(t *testing.T) {
	index, _ := scattered(t, rand.New(rand.NewPCG(1, 1)))
	view := NewView(index, Undeclared(), decode(t, Pod, `{metadata: {name: p, namespace: foo}}`))
	all := view.EachVIP(netip.MustParsePrefix("0.0.0.0/0"), nil)
	count := 0
	for range all {
		count++
		break
	}
	func() {
		defer func() { _ = recover() }()
		for range all {
			count++
			panic("a rule is broken")
		}
	}()
	if count != 2 || view.Reads() != KindSet(ServiceEntry) {
		t.Errorf("went through %d addresses and read %v; want 1 twice, and ServiceEntry", count, view.Reads().List())
	}
	if !index.lock.TryLock() {
		t.Fatal("the Index is still locked")
	}
	index.lock.Unlock()
}

// TestEachVIPShows: as other questions, it shows neither what is for another
// revision nor what the API server says is gone, and it shows what is new there.
func TestEachVIPShows(t *testing.T) {
	index := NewIndex()
	entry := func(name, revision, address string) *Object {
		return decode(t, ServiceEntry, `{metadata: {name: `+name+`, namespace: foo, labels: {istio.io/rev: "`+revision+`"}}, spec: {hosts: [a.bar.global], addresses: [`+address+`], ports: [{number: 80}]}}`)
	}
	canary, moved := entry("canary", "canary", "240.0.0.1"), entry("moved", "", "240.0.0.2")
	index.Put(NewRecord(canary))
	index.Put(NewRecord(moved))
	index.Put(NewRecord(entry("stays", "", "240.0.0.3")))
	for name, test := range map[string]struct {
		revision string
		live     map[Ref]*Object
		want     []string
	}{
		"no revision":      {"", nil, []string{"240.0.0.1", "240.0.0.2", "240.0.0.3"}},
		"its revision":     {"canary", nil, []string{"240.0.0.1", "240.0.0.2", "240.0.0.3"}},
		"another revision": {"stable", nil, []string{"240.0.0.2", "240.0.0.3"}},
		"gone":             {"", map[Ref]*Object{moved.Ref: nil}, []string{"240.0.0.1", "240.0.0.3"}},
		"moved":            {"", map[Ref]*Object{moved.Ref: entry("moved", "", "240.0.0.9")}, []string{"240.0.0.1", "240.0.0.3", "240.0.0.9"}},
	} {
		t.Run(name, func(t *testing.T) {
			asker := decode(t, Pod, `{metadata: {name: p, namespace: foo, annotations: {istio.io/rev: "`+test.revision+`"}}}`)
			view := NewView(index, Undeclared(), asker).Prefer(test.live)
			var got []string
			for vip := range view.EachVIP(netip.MustParsePrefix("240.0.0.0/4"), nil) {
				got = append(got, vip.Addr.String())
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("addresses differ (-want +got):\n%s", diff)
			}
			ports := 0
			for range view.EachEntryWithPort("*.global", 80) {
				ports++
			}
			if ports != len(test.want) {
				t.Errorf("%d entries have the port; want %d", ports, len(test.want))
			}
		})
	}
}

// TestEachEntryWithPort: entries come and go, and so do their ports.
func TestEachEntryWithPort(t *testing.T) {
	index := NewIndex()
	view := NewView(index, Undeclared(), decode(t, Pod, `{metadata: {name: p, namespace: foo}}`))
	names := func(host string, port uint32) string {
		var names []string
		for entry := range view.EachEntryWithPort(host, port) {
			names = append(names, entry.Ref.Name)
		}
		return strings.Join(names, " ")
	}
	put := func(name, host, ports string) *Object {
		object := decode(t, ServiceEntry, `{metadata: {name: `+name+`, namespace: foo}, spec: {hosts: [`+host+`], ports: [`+ports+`]}}`)
		index.Put(NewRecord(object))
		return object
	}
	a := put("a", "a.bar.global", "{number: 80}, {number: 443}, {number: 80}")
	put("b", "b.example.com", "{number: 443}")
	for _, test := range []struct {
		host string
		port uint32
		want string
	}{{"*.global", 80, "a"}, {"*.global", 443, "a"}, {"*.com", 80, ""}, {"*.com", 443, "b"}, {"*", 8080, ""}} {
		if got := names(test.host, test.port); got != test.want {
			t.Errorf("%s with port %d: got %q; want %q", test.host, test.port, got, test.want)
		}
	}
	put("a", "a.bar.global", "{number: 8080}")
	if got := names("*.global", 80) + names("*.global", 8080); got != "a" {
		t.Errorf("after the port changed: got %q; want a for 8080 alone", got)
	}
	index.Delete(a.Ref)
	if len(index.ports) != 1 || index.ports[443] != 1 {
		t.Errorf("ports are counted as %v; want 443 once", index.ports)
	}
}

// BenchmarkEachVIP: the answers cost the same however many entries there are.
func BenchmarkEachVIP(b *testing.B) {
	for _, size := range sizes {
		index := NewIndex()
		fill(b, index, size)
		view := NewView(index, Undeclared(), decode(b, Pod, `{"metadata": {"name": "x", "namespace": "foo"}}`))
		for name, question := range map[string]struct {
			within, without string
			want            int
		}{
			"Inside":  {"240.0.0.0/8", "10.0.0.0/8", 1},
			"Nowhere": {"10.0.0.0/8", "240.0.0.0/4", 0},
			"Outside": {"0.0.0.0/0", "240.0.0.0/4", 0},
		} {
			b.Run(fmt.Sprint(name, "/", size), func(b *testing.B) {
				within, without := netip.MustParsePrefix(question.within), []netip.Prefix{netip.MustParsePrefix(question.without)}
				b.ReportAllocs()
				for b.Loop() {
					count := 0
					for range view.EachVIP(within, without) {
						count++
						break
					}
					if count != question.want {
						b.Fatalf("got %d addresses; want %d", count, question.want)
					}
				}
			})
		}
	}
}
