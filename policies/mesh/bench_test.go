package mesh

import (
	"fmt"
	"net/netip"
	"runtime"
	"testing"
)

// typicalEntry is the JSON of a federated ServiceEntry as clusters hold
// thousands of: one host, one address, one port, one endpoint.
func typicalEntry(i int) []byte {
	return fmt.Appendf(nil, `{
		"apiVersion": "networking.istio.io/v1", "kind": "ServiceEntry",
		"metadata": {"name": "httpbin-%[1]d-bar", "namespace": "team-%[2]d", "creationTimestamp": "2026-01-02T03:04:05Z"},
		"spec": {
			"hosts": ["httpbin-%[1]d.bar.global"], "addresses": [%[3]q],
			"location": "MESH_INTERNAL", "resolution": "DNS",
			"ports": [{"number": 8000, "name": "http", "protocol": "HTTP"}],
			"endpoints": [{"address": "34.122.11.2", "ports": {"http": 15443}}],
			"subjectAltNames": ["spiffe://bar.com/ns/bar/sa/httpbin"]
		}
	}`, i, i%100, typicalAddress(i))
}

func typicalAddress(i int) string {
	return netip.AddrFrom4([4]byte{240, byte(i >> 16), byte(i >> 8), byte(i)}).String()
}

func fill(tb testing.TB, index *Index, count int) {
	tb.Helper()
	for i := range count {
		object, err := Decode(ServiceEntry, typicalEntry(i))
		if err != nil {
			tb.Fatal(err)
		}
		index.Put(NewRecord(object))
	}
}

// sizes are those of a small mesh, a large one and ten times that.
var sizes = []int{1_000, 10_000, 100_000}

// BenchmarkHoldersOf: the answer costs the same however many entries there are.
func BenchmarkHoldersOf(b *testing.B) {
	for _, size := range sizes {
		b.Run(fmt.Sprint(size), func(b *testing.B) {
			index := NewIndex()
			fill(b, index, size)
			view := NewView(index, Undeclared(), decode(b, ServiceEntry, `{"metadata": {"name": "x", "namespace": "foo"}}`))
			addr := netip.MustParseAddr(typicalAddress(size / 2))
			b.ReportAllocs()
			for b.Loop() {
				if holders := view.HoldersOf(addr); len(holders) != 1 {
					b.Fatalf("got %d holders; want 1", len(holders))
				}
			}
		})
	}
}

func BenchmarkDefinersOf(b *testing.B) {
	for _, size := range sizes {
		b.Run(fmt.Sprint(size), func(b *testing.B) {
			index := NewIndex()
			fill(b, index, size)
			view := NewView(index, Undeclared(), decode(b, ServiceEntry, `{"metadata": {"name": "x", "namespace": "foo"}}`))
			host := fmt.Sprintf("httpbin-%d.bar.global", size/2)
			b.ReportAllocs()
			for b.Loop() {
				if entries := view.DefinersOf(host); len(entries) != 1 {
					b.Fatalf("got %d entries; want 1", len(entries))
				}
			}
		})
	}
}

// BenchmarkIndexMemory reports what an entry costs in the heap, everything that
// stays reachable through the Index counted in.
func BenchmarkIndexMemory(b *testing.B) {
	for _, size := range sizes {
		b.Run(fmt.Sprint(size), func(b *testing.B) {
			fill(b, NewIndex(), 1) // what decoding prepares once
			for b.Loop() {
				before := heap()
				index := NewIndex()
				fill(b, index, size)
				after := heap()
				b.ReportMetric(float64(after-before)/float64(size), "B/entry")
				runtime.KeepAlive(index)
			}
		})
	}
}

func heap() uint64 {
	runtime.GC()
	runtime.GC()
	var stats runtime.MemStats
	runtime.ReadMemStats(&stats)
	return stats.HeapAlloc
}

// BenchmarkNextFree: the search steps over what is taken; it is bounded.
func BenchmarkNextFree(b *testing.B) {
	for _, size := range sizes {
		b.Run(fmt.Sprint(size), func(b *testing.B) {
			index := NewIndex()
			fill(b, index, size)
			federation, object := federation(b, nil), decode(b, ServiceEntry, `{"metadata": {"name": "x", "namespace": "foo"}}`)
			addr := netip.MustParseAddr("240.0.0.0")
			b.ReportAllocs()
			for b.Loop() {
				NewView(index, federation, object).NextFree(addr) // a View searches once
			}
		})
	}
}
