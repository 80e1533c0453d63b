package vip

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"fedmesh.io/fedmesh/cmd/kubectl-fedmesh/internal/configuration"
	"fedmesh.io/fedmesh/cmd/kubectl-fedmesh/internal/documents"
)

const usual = `
apiVersion: fedmesh.io/v1alpha1
kind: Federation
metadata: {name: default}
spec:
  localMember: cluster-1
  members: [{name: cluster-1, network: network-1, trustDomain: foo.com}]
`

// mixed is a Federation with something of everything.
const mixed = usual + `  vips: {cidrs: [240.0.0.0/24, 240.240.0.0/16, "fd00::/64"]}
---
{apiVersion: networking.istio.io/v1, kind: ServiceEntry, metadata: {name: one}, spec: {hosts: [One.bar.global, two.bar.global], addresses: [240.0.0.9, 240.0.0.1/32, "fd00::1", 240.0.0.0/30]}}
---
{apiVersion: networking.istio.io/v1, kind: ServiceEntry, metadata: {name: same}, spec: {hosts: [two.bar.global, one.bar.global], addresses: [240.0.0.1]}}
---
{apiVersion: networking.istio.io/v1, kind: ServiceEntry, metadata: {name: automatic}, spec: {hosts: [three.bar.global]}, status: {addresses: [{value: 240.240.0.1, host: three.bar.global}]}}
---
{apiVersion: networking.istio.io/v1, kind: ServiceEntry, metadata: {name: ordinary}, spec: {hosts: [db.example.com], addresses: [240.0.0.9, 240.0.0.77, 10.0.0.1, 10.0.0.9]}}
---
{apiVersion: networking.istio.io/v1, kind: ServiceEntry, metadata: {name: outside}, spec: {hosts: [four.bar.global], addresses: [10.0.0.1, 10.0.0.2]}}
---
{apiVersion: v1, kind: Service, metadata: {name: web, namespace: foo}, spec: {clusterIPs: [240.0.0.9, "fd00::2"]}}
---
{apiVersion: v1, kind: Service, metadata: {name: headless, namespace: foo}, spec: {clusterIPs: [None]}}
---
{apiVersion: networking.k8s.io/v1, kind: IPAddress, metadata: {name: 240.0.0.5}, spec: {parentRef: {group: gateway.networking.k8s.io, resource: gateways, name: a}}}
`

func load(t *testing.T, name, text string) Cluster {
	t.Helper()
	read, problems := documents.Parse("f", []byte(text))
	loaded, failed := configuration.Load(read, "default")
	if problems != nil || failed != nil {
		t.Fatal(problems, failed)
	}
	return Cluster{Name: name, Configuration: loaded}
}

// table is the text of a list, without the padding.
func table(t *testing.T, holdings []Holding) []string {
	t.Helper()
	var out strings.Builder
	if err := Table(&out, holdings); err != nil {
		t.Fatal(err)
	}
	var lines []string
	for line := range strings.Lines(out.String()) {
		lines = append(lines, strings.Join(strings.Fields(line), " "))
	}
	return lines
}

func TestList(t *testing.T) {
	for name, test := range map[string]struct {
		clusters []Cluster
		every    bool
		want     []string
	}{
		"of federated hosts": {clusters: []Cluster{load(t, "", mixed)}, want: []string{
			"ADDRESS HOSTS OBJECT FROM CONFLICT",
			"10.0.0.1 db.example.com ServiceEntry default/ordinary declared with ServiceEntry default/outside",
			"10.0.0.1 four.bar.global ServiceEntry default/outside declared with ServiceEntry default/ordinary",
			"10.0.0.2 four.bar.global ServiceEntry default/outside declared -",
			"240.0.0.1 one.bar.global,two.bar.global ServiceEntry default/one declared -",
			"240.0.0.1 two.bar.global,one.bar.global ServiceEntry default/same declared -",
			"240.0.0.9 one.bar.global,two.bar.global ServiceEntry default/one declared with ServiceEntry default/ordinary, Service foo/web",
			"240.0.0.9 db.example.com ServiceEntry default/ordinary declared with ServiceEntry default/one",
			"240.0.0.9 - Service foo/web service with ServiceEntry default/one",
			"240.240.0.1 three.bar.global ServiceEntry default/automatic allocated -",
			"fd00::1 one.bar.global,two.bar.global ServiceEntry default/one declared -",
		}},
		"all": {clusters: []Cluster{load(t, "", mixed)}, every: true, want: []string{
			"ADDRESS HOSTS OBJECT FROM CONFLICT",
			"10.0.0.1 db.example.com ServiceEntry default/ordinary declared with ServiceEntry default/outside",
			"10.0.0.1 four.bar.global ServiceEntry default/outside declared with ServiceEntry default/ordinary",
			"10.0.0.2 four.bar.global ServiceEntry default/outside declared -",
			"240.0.0.1 one.bar.global,two.bar.global ServiceEntry default/one declared -",
			"240.0.0.1 two.bar.global,one.bar.global ServiceEntry default/same declared -",
			"240.0.0.5 - IPAddress 240.0.0.5 ipaddress -",
			"240.0.0.9 one.bar.global,two.bar.global ServiceEntry default/one declared with ServiceEntry default/ordinary, Service foo/web",
			"240.0.0.9 db.example.com ServiceEntry default/ordinary declared with ServiceEntry default/one",
			"240.0.0.9 - Service foo/web service with ServiceEntry default/one",
			"240.0.0.77 db.example.com ServiceEntry default/ordinary declared -",
			"240.240.0.1 three.bar.global ServiceEntry default/automatic allocated -",
			"fd00::1 one.bar.global,two.bar.global ServiceEntry default/one declared -",
			"fd00::2 - Service foo/web service -",
		}},
		"two clusters": {clusters: []Cluster{load(t, "west", usual+entry("b", "b.bar.global", "240.0.0.2")), load(t, "east", usual+entry("a", "a.bar.global", "240.0.0.2, 240.0.0.1"))}, want: []string{
			"ADDRESS HOSTS OBJECT CLUSTER FROM CONFLICT",
			"240.0.0.1 a.bar.global ServiceEntry default/a east declared -",
			"240.0.0.2 b.bar.global ServiceEntry default/b west declared -",
			"240.0.0.2 a.bar.global ServiceEntry default/a east declared -",
		}},
		"two revisions": {clusters: []Cluster{load(t, "", usual+entry("a, labels: {istio.io/rev: a}", "a.bar.global", "240.0.0.1")+
			entry("b, labels: {istio.io/rev: b}", "b.bar.global", "240.0.0.1")+entry("c", "c.bar.global", "240.0.0.1"))}, want: []string{
			"ADDRESS HOSTS OBJECT FROM CONFLICT",
			"240.0.0.1 a.bar.global ServiceEntry default/a declared with ServiceEntry default/c",
			"240.0.0.1 b.bar.global ServiceEntry default/b declared with ServiceEntry default/c",
			"240.0.0.1 c.bar.global ServiceEntry default/c declared with ServiceEntry default/a, ServiceEntry default/b",
		}},
		"two for one host, beside another": {clusters: []Cluster{load(t, "", usual+entry("a", "a.bar.global", "240.0.0.1")+
			entry("b", "a.bar.global", "240.0.0.1")+entry("c", "c.bar.global", "240.0.0.1"))}, want: []string{
			"ADDRESS HOSTS OBJECT FROM CONFLICT",
			"240.0.0.1 a.bar.global ServiceEntry default/a declared with ServiceEntry default/c",
			"240.0.0.1 a.bar.global ServiceEntry default/b declared with ServiceEntry default/c",
			"240.0.0.1 c.bar.global ServiceEntry default/c declared with ServiceEntry default/a, ServiceEntry default/b",
		}},
		"nothing": {clusters: []Cluster{load(t, "", usual)}, every: true, want: []string{"ADDRESS HOSTS OBJECT FROM CONFLICT"}},
	} {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(test.want, table(t, List(test.clusters, test.every))); diff != "" {
				t.Errorf("the list differs (-want +got):\n%s", diff)
			}
		})
	}
}

// entry is a ServiceEntry without fault.
func entry(meta, host, addresses string) string {
	return `---
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: ` + meta + `}
spec: {hosts: [` + host + `], addresses: [` + addresses + `], location: MESH_INTERNAL}
`
}

func TestNext(t *testing.T) {
	const small = usual + "  vips: {cidrs: [240.1.0.0/30], reserved: [240.1.0.2/32]}\n"
	for name, test := range map[string]struct {
		text    string
		request Request
		want    []string // addresses; whose they are; what is wrong with others
		err     string
	}{
		"in order":          {mixed, Request{Count: 3}, []string{"240.0.0.2", "240.0.0.3", "240.0.0.4"}, ""},
		"around an address": {mixed, Request{Count: 5}, []string{"240.0.0.2", "240.0.0.3", "240.0.0.4", "240.0.0.6", "240.0.0.7"}, ""},
		"IPv6":              {mixed, Request{Count: 1, IPv6: true}, []string{"fd00::3"}, ""},
		"for a host":        {usual, Request{Host: "httpbin.bar.global", Count: 2}, []string{"252.213.119.28", "244.159.47.194"}, ""},
		"it has one": {usual + entry("a", "HTTPBIN.bar.global", "240.0.0.7, \"fd00::1\", 240.0.0.8"), Request{Host: "httpbin.bar.global.", Count: 1},
			[]string{"240.0.0.7", "240.0.0.8", "has, ServiceEntry default/a"}, ""},
		"it has one that is allocated": {mixed, Request{Host: "three.bar.global", Count: 1}, []string{"240.0.0.103"}, ""},
		"it has one of the other family": {usual + entry("a", "httpbin.bar.global", `"fd00::1"`), Request{Host: "httpbin.bar.global", Count: 1},
			[]string{"252.213.119.28"}, ""},
		"it has a useless one": {usual + entry("a", "httpbin.bar.global", "224.0.0.5"), Request{Host: "httpbin.bar.global", Count: 1},
			[]string{"252.213.119.28", "224.0.0.5 is a multicast address, by which no client reaches the host"}, ""},
		"it has one outside": {usual + entry("a", "httpbin.bar.global", "10.0.0.5"), Request{Host: "httpbin.bar.global", Count: 1},
			[]string{"252.213.119.28", "10.0.0.5 lies outside vips.cidrs (240.0.0.0/4)"}, ""},
		"it has one of another": {usual + entry("a", "httpbin.bar.global", "240.0.0.5") + entry("b", "b.bar.global", "240.0.0.5"), Request{Host: "httpbin.bar.global", Count: 1},
			[]string{"252.213.119.28", "240.0.0.5 already belongs to b.bar.global (ServiceEntry default/b)"}, ""},
		"the first is taken": {usual + entry("a", "a.bar.global", "252.213.119.28"), Request{Host: "httpbin.bar.global", Count: 1}, []string{"244.159.47.194"}, ""},
		"fewer than wanted":  {small, Request{Count: 5}, []string{"240.1.0.1", "240.1.0.3"}, ""},
		"full": {small + entry("a", "a.bar.global", "240.1.0.1, 240.1.0.3"), Request{Host: "httpbin.bar.global", Count: 1}, nil,
			"no address of vips.cidrs is free: 240.1.0.0/30: all are taken, reserved or of no use; add a range"},
		"no range of the family": {usual, Request{Count: 1, IPv6: true}, nil, "vips.cidrs of the Federation has no range of IPv6"},
		"not federated":          {usual, Request{Host: "example.com", Count: 1}, nil, "example.com is no federated host: want a name under global"},
		"wildcard":               {usual, Request{Host: "*.bar.global", Count: 1}, nil, "*.bar.global is no federated host: want a name under global"},
		"no Federation":          {"", Request{Count: 1}, nil, ErrNoFederation.Error()},
	} {
		t.Run(name, func(t *testing.T) {
			cluster := load(t, "", test.text)
			answer, err := cluster.Next(test.request)
			if err == nil {
				err = errors.New("")
			}
			if err.Error() != test.err {
				t.Errorf("got error %q, want %q", err, test.err)
			}
			var got []string
			for _, addr := range answer.Addresses {
				got = append(got, addr.String())
			}
			if answer.Has {
				got = append(got, "has, "+answer.Owner.String())
			}
			for _, finding := range answer.Unfit {
				got = append(got, finding.Message)
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("the answer differs (-want +got):\n%s", diff)
			}
		})
	}
}
