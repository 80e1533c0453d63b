package istio

import (
	"maps"
	"net/netip"
	"slices"

	"k8s.io/apimachinery/pkg/util/sets"

	"fedmesh.io/fedmesh/test/istio/proxy"
)

const (
	httpbin = "httpbin.bar.global"
	reviews = "reviews.bar.global"
)

// entryEffects are those of ServiceEntries.
var entryEffects = []effect{
	{
		name: "FED103 range",
		pass: "FED103/pass/ipv4.yaml", fail: "FED103/fail/range.yaml",
		look: answersOf(httpbin), wantPass: []string{"240.0.0.2"}, wantFail: []string(nil),
	},
	{
		name: "FED103 range of one address",
		pass: "FED103/pass/single_address_ranges.yaml", fail: "FED103/fail/range_of_two.yaml",
		look: answersOf(httpbin), wantPass: []string{"240.0.0.2", "fd00:240::2"}, wantFail: []string(nil),
	},
	{
		name: "FED103 unspecified",
		pass: "FED103/pass/ipv4.yaml", fail: "FED103/fail/unspecified.yaml",
		look: answersOf(httpbin), wantPass: []string{"240.0.0.2"}, wantFail: []string(nil),
	},
	// DNS answers all the same, with an address by which no TCP connection leaves
	// the pod. That is the kernel's and not istiod's doing.
	{
		name: "FED103 multicast",
		pass: "FED103/pass/ipv4.yaml", fail: "FED103/fail/multicast.yaml",
		look: usableAnswersOf(httpbin), wantPass: map[string]bool{"240.0.0.2": true}, wantFail: map[string]bool{"224.0.0.1": false},
	},
	{
		name: "FED103 loopback",
		pass: "FED103/pass/ipv4.yaml", fail: "FED103/fail/loopback.yaml",
		look: usableAnswersOf(httpbin), wantPass: map[string]bool{"240.0.0.2": true}, wantFail: map[string]bool{"127.255.0.2": false},
	},
	{
		name: "FED103 mapped",
		pass: "FED103/pass/ipv4.yaml", fail: "FED103/fail/mapped.yaml",
		look: answersOf(httpbin), wantPass: []string{"240.0.0.2"}, wantFail: []string{"::ffff:240.0.0.2"},
	},
	{
		name: "FED105 TCP",
		pass: "testdata/effects/FED105/pass.yaml", fail: "testdata/effects/FED105/fail.yaml",
		look: func(v views) (any, error) { return connections(v.sidecar, 9000, "", httpbin, reviews) },
		wantPass: map[string]string{
			httpbin: proxy.ClusterName(httpbin, "", 9000), reviews: proxy.ClusterName(reviews, "", 9000),
		},
		wantFail: map[string]string{
			httpbin: proxy.ClusterName(reviews, "", 9000), reviews: proxy.ClusterName(reviews, "", 9000),
		},
	},
	// Which of the two gets the requests is left to chance, and to another one after
	// every change of the mesh (pilot/pkg/networking/core/route/route.go,
	// BuildSidecarVirtualHostWrapper, goes through a map).
	{
		name: "FED105 HTTP by address",
		pass: "testdata/effects/FED105/pass.yaml", fail: "testdata/effects/FED105/fail.yaml",
		look: func(v views) (any, error) {
			clusters, err := connections(v.sidecar, 8000, proxy.HTTP, httpbin, reviews)
			return len(sets.New(slices.Collect(maps.Values(clusters))...)), err
		},
		wantPass: 2, wantFail: 1,
	},
	{
		name: "FED107",
		pass: "testdata/effects/FED107/pass.yaml", fail: "testdata/effects/FED107/fail.yaml",
		look: func(v views) (any, error) {
			exposed, err := passes(v.gateway, proxy.SNI(httpbin, "", 8000))
			if err != nil {
				return nil, err
			}
			endpoints, err := v.sidecar.Endpoints(proxy.ClusterName(httpbin, "", 8000))
			return location{endpoints, exposed}, err
		},
		wantPass: location{[]proxy.Endpoint{{Address: "34.122.11.2:15443", TLS: mutual(httpbin, "", 8000)}}, true},
		wantFail: location{[]proxy.Endpoint{{Address: "34.122.11.2:15443"}}, false},
	},
	{
		name: "FED108",
		pass: "FED108/pass/dns.yaml", fail: "FED108/fail/none.yaml",
		look:     discoveryOf(httpbin),
		wantPass: resolution{"STRICT_DNS", []proxy.Endpoint{{Address: "34.122.11.2:15443"}}},
		wantFail: resolution{"ORIGINAL_DST", nil},
	},
	{
		name: "FED108 omitted",
		pass: "FED108/pass/static.yaml", fail: "FED108/fail/omitted.yaml",
		look:     discoveryOf(httpbin),
		wantPass: resolution{"EDS", []proxy.Endpoint{{Address: "34.122.11.2:15443"}}},
		wantFail: resolution{"ORIGINAL_DST", nil},
	},
}

// location is what hangs on the location of an entry: how its endpoints are spoken
// to, and whether the gateway exposes it.
type location struct {
	Endpoints []proxy.Endpoint
	Exposed   bool
}

// resolution is what hangs on the resolution: how Envoy finds the endpoints, and
// which there are. An ORIGINAL_DST cluster connects to the address that the client
// asked for, which is the VIP.
type resolution struct {
	Discovery string
	Endpoints []proxy.Endpoint
}

func discoveryOf(host string) func(views) (any, error) {
	return func(v views) (any, error) {
		cluster := proxy.ClusterName(host, "", 8000)
		endpoints, err := v.sidecar.Endpoints(cluster)
		return resolution{v.sidecar.Discovery(cluster), endpoints}, err
	}
}

// answersOf returns what a DNS query gets.
func answersOf(host string) func(views) (any, error) {
	return func(v views) (any, error) { return v.sidecar.Resolve(host), nil }
}

// usableAnswersOf says of each answer whether a connection to it can leave the pod.
func usableAnswersOf(host string) func(views) (any, error) {
	return func(v views) (any, error) {
		usable := map[string]bool{}
		for _, answer := range v.sidecar.Resolve(host) {
			address, err := netip.ParseAddr(answer)
			if err != nil {
				return nil, err
			}
			usable[answer] = address.IsGlobalUnicast()
		}
		return usable, nil
	}
}

// connections resolves hosts and returns the cluster that a connection to the
// answer goes to, or a request that has nothing but the answer for a host.
func connections(sidecar *proxy.Snapshot, port uint16, protocol string, hosts ...string) (map[string]string, error) {
	clusters := map[string]string{}
	for _, host := range hosts {
		for _, answer := range sidecar.Resolve(host) {
			address, err := netip.ParseAddr(answer)
			if err != nil {
				return nil, err
			}
			chain, err := sidecar.Connect(netip.AddrPortFrom(address, port), protocol)
			if err != nil {
				return nil, err
			}
			clusters[host] = chain.Cluster
			if chain.Routes != "" {
				clusters[host] = sidecar.Request(chain.Routes, answer)
			}
		}
	}
	return clusters, nil
}

// mutual is Istio's mutual TLS, with the pod's own identity, towards a subset of a
// host on a port and one of these identities, if there are any
// (pilot/pkg/networking/core/cluster_tls.go).
func mutual(host, subset string, port int, identities ...string) *proxy.TLS {
	return &proxy.TLS{
		SNI: proxy.SNI(host, subset, port), ALPN: []string{"istio-peer-exchange", "istio"},
		Certificate: "default", Authority: "ROOTCA", SANs: identities,
	}
}
