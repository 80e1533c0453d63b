package proxy

import (
	"net/netip"
	"testing"

	clusterv3 "github.com/envoyproxy/go-control-plane/envoy/config/cluster/v3"
	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	endpointv3 "github.com/envoyproxy/go-control-plane/envoy/config/endpoint/v3"
	listenerv3 "github.com/envoyproxy/go-control-plane/envoy/config/listener/v3"
	routev3 "github.com/envoyproxy/go-control-plane/envoy/config/route/v3"
	tcpv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/network/tcp_proxy/v3"
	tlsv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/transport_sockets/tls/v3"
	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/types/known/structpb"
	"google.golang.org/protobuf/types/known/wrapperspb"
)

func socket(host string, port uint32) *corev3.Address {
	return &corev3.Address{Address: &corev3.Address_SocketAddress{SocketAddress: &corev3.SocketAddress{
		Address: host, PortSpecifier: &corev3.SocketAddress_PortValue{PortValue: port},
	}}}
}

// endpoint has the label tlsMode unless it is empty.
func endpoint(host string, port uint32, tlsMode string) *endpointv3.LbEndpoint {
	endpoint := &endpointv3.LbEndpoint{
		HostIdentifier: &endpointv3.LbEndpoint_Endpoint{Endpoint: &endpointv3.Endpoint{Address: socket(host, port)}},
	}
	if tlsMode != "" {
		endpoint.Metadata = &corev3.Metadata{FilterMetadata: map[string]*structpb.Struct{
			transportSocketMatch: {Fields: map[string]*structpb.Value{"tlsMode": structpb.NewStringValue(tlsMode)}},
		}}
	}
	return endpoint
}

func virtualHost(cluster string, domains ...string) *routev3.VirtualHost {
	return &routev3.VirtualHost{Domains: domains, Routes: []*routev3.Route{{Action: &routev3.Route_Route{
		Route: &routev3.RouteAction{ClusterSpecifier: &routev3.RouteAction_Cluster{Cluster: cluster}},
	}}}}
}

func tlsSocket(sni string) *corev3.TransportSocket {
	return &corev3.TransportSocket{Name: "tls", ConfigType: &corev3.TransportSocket_TypedConfig{
		TypedConfig: toAny(&tlsv3.UpstreamTlsContext{Sni: sni}),
	}}
}

// tcpChain goes to cluster, for a port and a range unless they are empty.
func tcpChain(cluster string, port uint32, prefix string, bits uint32) *listenerv3.FilterChain {
	match := &listenerv3.FilterChainMatch{}
	if port != 0 {
		match.DestinationPort = wrapperspb.UInt32(port)
	}
	if prefix != "" {
		match.PrefixRanges = []*corev3.CidrRange{{AddressPrefix: prefix, PrefixLen: wrapperspb.UInt32(bits)}}
	}
	return &listenerv3.FilterChain{FilterChainMatch: match, Filters: []*listenerv3.Filter{{
		ConfigType: &listenerv3.Filter_TypedConfig{TypedConfig: toAny(&tcpv3.TcpProxy{
			ClusterSpecifier: &tcpv3.TcpProxy_Cluster{Cluster: cluster},
		})},
	}}}
}

// TestEndpointTLS: the first match that the endpoint's metadata fulfils decides,
// then the cluster's own transport socket.
func TestEndpointTLS(t *testing.T) {
	istio := &structpb.Struct{Fields: map[string]*structpb.Value{"tlsMode": structpb.NewStringValue("istio")}}
	automatic := []*clusterv3.Cluster_TransportSocketMatch{
		{Match: istio, TransportSocket: tlsSocket("automatic")},
		{Match: &structpb.Struct{}, TransportSocket: &corev3.TransportSocket{Name: "raw_buffer"}},
	}
	for name, test := range map[string]struct {
		cluster  *clusterv3.Cluster
		endpoint *endpointv3.LbEndpoint
		want     *TLS
	}{
		"nothing":            {&clusterv3.Cluster{}, endpoint("192.0.2.1", 80, "istio"), nil},
		"always":             {&clusterv3.Cluster{TransportSocket: tlsSocket("always")}, endpoint("192.0.2.1", 80, ""), &TLS{SNI: "always"}},
		"labelled":           {&clusterv3.Cluster{TransportSocketMatches: automatic}, endpoint("192.0.2.1", 80, "istio"), &TLS{SNI: "automatic"}},
		"labelled otherwise": {&clusterv3.Cluster{TransportSocketMatches: automatic}, endpoint("192.0.2.1", 80, "disabled"), nil},
		"not labelled":       {&clusterv3.Cluster{TransportSocketMatches: automatic}, endpoint("192.0.2.1", 80, ""), nil},
		"no match": {
			&clusterv3.Cluster{TransportSocketMatches: automatic[:1], TransportSocket: tlsSocket("always")},
			endpoint("192.0.2.1", 80, ""), &TLS{SNI: "always"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := tlsTo(test.cluster, test.endpoint)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("TLS differs (-want +got):\n%s", diff)
			}
		})
	}
}

func TestConnect(t *testing.T) {
	s := newSnapshot()
	http := tcpChain("http", 0, "", 0)
	http.FilterChainMatch.ApplicationProtocols = []string{"http/1.1", "h2c"}
	for _, listener := range []*listenerv3.Listener{
		{Name: "240.0.0.2_9000", Address: socket("240.0.0.2", 9000), FilterChains: []*listenerv3.FilterChain{tcpChain("vip", 0, "", 0)}},
		{Name: "0.0.0.0_9000", Address: socket("0.0.0.0", 9000), FilterChains: []*listenerv3.FilterChain{
			tcpChain("wide", 0, "10.0.0.0", 8), tcpChain("narrow", 0, "10.1.0.0", 16), tcpChain("all", 0, "", 0), http,
		}},
		{Name: "0.0.0.0_9001", Address: socket("0.0.0.0", 9001), FilterChains: []*listenerv3.FilterChain{tcpChain("range", 0, "10.0.0.0", 8)}},
		{
			Name: "virtualOutbound", Address: socket("0.0.0.0", 15001), FilterChains: []*listenerv3.FilterChain{tcpChain("BlackHoleCluster", 15001, "", 0)},
			DefaultFilterChain: tcpChain("PassthroughCluster", 0, "", 0),
		},
	} {
		s.listeners[listener.GetName()] = listener
	}
	for _, test := range []struct{ to, protocol, want string }{
		{"240.0.0.2:9000", "", "vip"},
		{"240.0.0.2:9000", HTTP, "vip"},
		{"240.0.0.3:9000", "", "all"},
		{"240.0.0.3:9000", HTTP, "http"},
		{"10.2.0.1:9000", "", "wide"},
		{"10.1.0.1:9000", "", "narrow"},
		{"10.1.0.1:9000", HTTP, "narrow"},
		{"10.1.0.1:9001", "", "range"},
		{"192.0.2.1:9001", "", ""},
		{"192.0.2.1:443", "", "PassthroughCluster"},
		{"192.0.2.1:15001", "", "BlackHoleCluster"},
	} {
		got, err := s.Connect(netip.MustParseAddrPort(test.to), test.protocol)
		if err != nil {
			t.Fatal(err)
		}
		if got.Cluster != test.want {
			t.Errorf("a connection to %s with protocol %q goes to %q; want %q", test.to, test.protocol, got.Cluster, test.want)
		}
	}
}

func TestRequest(t *testing.T) {
	s := newSnapshot()
	s.routes["8000"] = &routev3.RouteConfiguration{Name: "8000", VirtualHosts: []*routev3.VirtualHost{
		virtualHost("everything", "*"), virtualHost("httpbin", "httpbin.bar.global", "240.0.0.2"),
	}}
	for host, want := range map[string]string{"httpbin.bar.global": "httpbin", "240.0.0.2": "httpbin", "reviews.bar.global": "everything"} {
		if got := s.Request("8000", host); got != want {
			t.Errorf("a request for %s goes to %q; want %q", host, got, want)
		}
	}
	if got := s.Request("8001", "httpbin.bar.global"); got != "" {
		t.Errorf("a request without routes goes to %q; want nowhere", got)
	}
}
