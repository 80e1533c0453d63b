package claims

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"fedmesh.io/fedmesh/policies/mesh"
)

func texts(uses []Use) []string {
	var texts []string
	for _, use := range uses {
		text := use.Key.String()
		for _, host := range use.Hosts {
			text += " " + host
		}
		texts = append(texts, text)
	}
	return texts
}

func TestUsesOf(t *testing.T) {
	for _, test := range []struct {
		name string
		kind mesh.Kind
		text string
		want []string
	}{
		{
			"a public entry", mesh.ServiceEntry,
			`{metadata: {name: a, namespace: foo}, spec: {hosts: [b.bar.global, a.bar.global], addresses: [240.0.0.3, 240.0.0.2/32, "::ffff:240.0.0.2"]}}`,
			[]string{
				"host//a.bar.global", "host//b.bar.global",
				"vip//240.0.0.2 a.bar.global b.bar.global", "vip//240.0.0.3 a.bar.global b.bar.global",
			},
		},
		{
			"hosts in another spelling", mesh.ServiceEntry,
			`{metadata: {name: a, namespace: foo}, spec: {hosts: [A.Bar.Global., a.bar.global], addresses: ["2001:DB8::0:1/128"]}}`,
			[]string{"host//a.bar.global", "vip//2001:db8::1 a.bar.global"},
		},
		{
			"an entry for its own namespace", mesh.ServiceEntry,
			`{metadata: {name: a, namespace: foo}, spec: {hosts: [a.bar.global], addresses: [240.0.0.2], exportTo: [., foo]}}`,
			[]string{"host/foo/a.bar.global", "vip//240.0.0.2 a.bar.global"},
		},
		{
			"an entry for several namespaces", mesh.ServiceEntry,
			`{metadata: {name: a, namespace: foo}, spec: {hosts: [a.bar.global], addresses: [240.0.0.2], exportTo: [., bar]}}`,
			[]string{"vip//240.0.0.2 a.bar.global"},
		},
		{
			"an entry for nobody", mesh.ServiceEntry,
			`{metadata: {name: a, namespace: foo}, spec: {hosts: [a.bar.global], exportTo: ["~"], location: MESH_INTERNAL}}`, nil,
		},
		{
			"a host that is not federated beside one that is", mesh.ServiceEntry,
			`{metadata: {name: a, namespace: foo}, spec: {hosts: [www.example.com, a.bar.global], addresses: [240.0.0.2]}}`,
			[]string{"host//a.bar.global", "vip//240.0.0.2 a.bar.global www.example.com"},
		},
		{
			"an ordinary entry", mesh.ServiceEntry,
			`{metadata: {name: a, namespace: foo}, spec: {hosts: [www.example.com], addresses: [240.0.0.2]}}`, nil,
		},
		{
			"ranges", mesh.ServiceEntry,
			`{metadata: {name: a, namespace: foo}, spec: {hosts: [a.bar.global], addresses: [240.0.0.0/24, "${VIP}"]}}`,
			[]string{"host//a.bar.global"},
		},
		{
			"hosts with long names", mesh.ServiceEntry,
			`{metadata: {name: a, namespace: foo}, spec: {hosts: [a.` + strings.Repeat("b", 63) + `.global, c.` + strings.Repeat("d", 63) + `.global], addresses: [240.0.0.2], exportTo: [one, two]}}`,
			[]string{"vip//240.0.0.2 sha256:4f7f7918b91e2140086f14ca57cc8b3db67dad08b8cd17235f60c58fb2e03260"},
		},
		{
			"an external entry with endpoints", mesh.ServiceEntry,
			`{metadata: {name: a, namespace: foo}, spec: {hosts: [a.bar.global], endpoints: [{address: 1.2.3.4}]}}`,
			[]string{"host//a.bar.global"},
		},
		{
			"an entry for a public host of the same domain", mesh.ServiceEntry,
			`{metadata: {name: a, namespace: foo}, spec: {hosts: [wire.global], location: MESH_EXTERNAL}}`, nil,
		},
		{"a default Sidecar", mesh.Sidecar, `{metadata: {name: a, namespace: foo}, spec: {workloadSelector: null}}`, []string{"sidecar//foo"}},
		{"a Sidecar for workloads", mesh.Sidecar, `{metadata: {name: a, namespace: foo}, spec: {workloadSelector: {labels: {a: b}}}}`, nil},
		{"a Gateway", mesh.Gateway, `{metadata: {name: a, namespace: foo}}`, nil},
	} {
		t.Run(test.name, func(t *testing.T) {
			object := decode(t, test.kind, test.text)
			got := UsesOf(object, twoClusters(t))
			if diff := cmp.Diff(test.want, texts(got)); diff != "" {
				t.Errorf("uses differ (-want +got):\n%s", diff)
			}
			for _, use := range got {
				if had, ok := useOf(object, use.Key); !ok || !had.same(use) {
					t.Errorf("%s: got %+v, %t; want the same use", use.Key, had, ok)
				}
			}
			if got := UsesOf(object, mesh.Undeclared()); got != nil {
				t.Errorf("without a Federation: got %v; want nothing", texts(got))
			}
		})
	}
}

func TestNewUses(t *testing.T) {
	entry := func(spec string) *mesh.Object {
		return decode(t, mesh.ServiceEntry, `{metadata: {name: a, namespace: foo}, spec: `+spec+`}`)
	}
	old := entry(`{hosts: [a.bar.global, b.bar.global], addresses: [240.0.0.2]}`)
	for _, test := range []struct {
		name, spec string
		old        *mesh.Object
		want       []string
	}{
		{"new", `{hosts: [a.bar.global], location: MESH_INTERNAL}`, nil, []string{"host//a.bar.global"}},
		{"unchanged, in another order", `{hosts: [b.bar.global, a.bar.global], addresses: ["::ffff:240.0.0.2"]}`, old, nil},
		{"an address more", `{hosts: [a.bar.global, b.bar.global], addresses: [240.0.0.2, 240.0.0.3]}`, old, []string{"vip//240.0.0.3 a.bar.global b.bar.global"}},
		{"a host less is another set", `{hosts: [a.bar.global], addresses: [240.0.0.2]}`, old, []string{"vip//240.0.0.2 a.bar.global"}},
		{
			"another exportTo", `{hosts: [a.bar.global, b.bar.global], addresses: [240.0.0.2], exportTo: [foo]}`, old,
			[]string{"host/foo/a.bar.global", "host/foo/b.bar.global"},
		},
	} {
		got := NewUses(entry(test.spec), test.old, twoClusters(t))
		if diff := cmp.Diff(test.want, texts(got)); diff != "" {
			t.Errorf("%s: new uses differ (-want +got):\n%s", test.name, diff)
		}
	}
}
