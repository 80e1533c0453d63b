package mesh

import (
	"net/netip"
	"slices"
	"testing"
)

func TestEntry(t *testing.T) {
	entry := newEntry(decode(t, ServiceEntry, `
metadata: {name: a, namespace: foo, creationTimestamp: "2026-01-02T03:04:05Z", labels: {istio.io/rev: canary}}
spec:
  hosts: [HTTPBIN.bar.global, httpbin.bar.global., www.example.com]
  addresses: [240.0.0.2/32, "::ffff:240.0.0.2", 240.0.0.0/20, "${VIP}"]
  ports: [{number: 80, name: http}, {number: 443, name: tls}]
  exportTo: ["."]
`))
	if want := []string{"httpbin.bar.global", "www.example.com"}; !slices.Equal(entry.Hosts, want) {
		t.Errorf("hosts %v; want %v", entry.Hosts, want)
	}
	if want := []netip.Addr{netip.MustParseAddr("240.0.0.2")}; !slices.Equal(entry.Addresses, want) {
		t.Errorf("addresses %v; want %v", entry.Addresses, want)
	}
	if want := []uint32{80, 443}; !slices.Equal(entry.Ports, want) {
		t.Errorf("ports %v; want %v", entry.Ports, want)
	}
	if entry.Revision != "canary" || entry.Created != 1767323045 || entry.Public() {
		t.Errorf("revision %s, created %d, public %t; want canary, 1767323045, false", entry.Revision, entry.Created, entry.Public())
	}
}

func TestSameLevel(t *testing.T) {
	tests := []struct {
		one, other []string // exportTo of entries in namespaces a and b
		want       bool
	}{
		{nil, nil, true},
		{nil, []string{"*"}, true},
		{[]string{}, []string{"*"}, true},
		{nil, []string{"."}, false},
		{[]string{"*"}, []string{"a"}, false},
		{nil, []string{"~"}, false},
		{[]string{"."}, []string{"."}, false},
		{[]string{"."}, []string{"a"}, true},
		{[]string{"b"}, []string{"."}, true},
		{[]string{"c"}, []string{"d"}, false},
		{[]string{"c", "."}, []string{"d", "c"}, true},
		{[]string{"~"}, []string{"~"}, false},
		{[]string{"a", "*"}, nil, true},
		{[]string{"a", "*"}, []string{"a"}, false},
	}
	for _, test := range tests {
		if got := SameLevel(test.one, "a", test.other, "b"); got != test.want {
			t.Errorf("SameLevel(%q in a, %q in b) = %t; want %t", test.one, test.other, got, test.want)
		}
		if got := SameLevel(test.other, "b", test.one, "a"); got != test.want {
			t.Errorf("SameLevel(%q in b, %q in a) = %t; want %t, it has no direction", test.other, test.one, got, test.want)
		}
	}
}

func TestVisibleIn(t *testing.T) {
	for _, test := range []struct {
		exportTo string
		foo, bar bool
	}{
		{`[]`, true, true}, {`["*"]`, true, true}, {`["."]`, true, false}, {`["~"]`, false, false},
		{`[bar]`, false, true}, {`[".", bar]`, true, true}, {`[foo]`, true, false},
	} {
		entry := newEntry(decode(t, ServiceEntry, `{metadata: {name: a, namespace: foo}, spec: {exportTo: `+test.exportTo+`}}`))
		if foo, bar := entry.VisibleIn("foo"), entry.VisibleIn("bar"); foo != test.foo || bar != test.bar {
			t.Errorf("exportTo %s: visible in foo %t, in bar %t; want %t, %t", test.exportTo, foo, bar, test.foo, test.bar)
		}
	}
}

func TestMutualTLS(t *testing.T) {
	for spec, want := range map[string]bool{
		`{}`:                          false,
		`{workloadSelector: {}}`:      true,
		`{endpoints: [{address: a}]}`: false,
		`{endpoints: [{address: a, labels: {security.istio.io/tlsMode: istio}}]}`:                       true,
		`{endpoints: [{address: a, labels: {security.istio.io/tlsMode: disabled}}]}`:                    false,
		`{endpoints: [{address: a, serviceAccount: x}]}`:                                                true,
		`{endpoints: [{address: a, serviceAccount: x, labels: {security.istio.io/tlsMode: disabled}}]}`: false,
		`{endpoints: [{address: a, labels: {security.istio.io/tlsMode: istio}}, {address: b}]}`:         false,
		`{endpoints: [{address: a, labels: {security.istio.io/tlsMode: istio}}, {serviceAccount: x}]}`:  true,
	} {
		if got := newEntry(decode(t, ServiceEntry, `{spec: `+spec+`}`)).MutualTLS; got != want {
			t.Errorf("MutualTLS of %s = %t; want %t", spec, got, want)
		}
	}
}
