package proxy

import (
	"context"
	"errors"
	"io"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	clusterv3 "github.com/envoyproxy/go-control-plane/envoy/config/cluster/v3"
	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	endpointv3 "github.com/envoyproxy/go-control-plane/envoy/config/endpoint/v3"
	listenerv3 "github.com/envoyproxy/go-control-plane/envoy/config/listener/v3"
	routev3 "github.com/envoyproxy/go-control-plane/envoy/config/route/v3"
	httpv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/network/http_connection_manager/v3"
	discoveryv3 "github.com/envoyproxy/go-control-plane/envoy/service/discovery/v3"
	"github.com/google/go-cmp/cmp"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/anypb"
	nds "istio.io/istio/pkg/dns/proto"
)

// server is an ADS server that answers from a list of resources.
type server struct {
	discoveryv3.UnimplementedAggregatedDiscoveryServiceServer
	resources []proto.Message
	// version is that of the answer to request n of stream m, both from 0. Nil means
	// always the same.
	version func(stream, request int) string
	// push is sent unasked before the answer to the second request.
	push proto.Message
	// refusal ends every stream at once.
	refusal error

	lock    sync.Mutex
	streams int
	asked   []string // type and names of each question
	acked   []string // type and version of each acknowledgement
	nodes   []*corev3.Node
}

func (s *server) StreamAggregatedResources(stream discoveryv3.AggregatedDiscoveryService_StreamAggregatedResourcesServer) error {
	if s.refusal != nil {
		return s.refusal
	}
	s.lock.Lock()
	number := s.streams
	s.streams++
	s.lock.Unlock()
	for count := 0; ; {
		request, err := stream.Recv()
		if errors.Is(err, io.EOF) || status.Code(err) == codes.Canceled {
			return nil
		}
		if err != nil {
			return err
		}
		_, kind, _ := strings.Cut(request.GetTypeUrl(), "/")
		kind = kind[strings.LastIndex(kind, ".")+1:]
		s.lock.Lock()
		if request.GetResponseNonce() != "" {
			s.acked = append(s.acked, kind+" "+request.GetVersionInfo())
			s.lock.Unlock()
			continue
		}
		s.asked = append(s.asked, strings.TrimSpace(kind+" "+strings.Join(request.GetResourceNames(), " ")))
		s.nodes = append(s.nodes, request.GetNode())
		s.lock.Unlock()
		version := "1"
		if s.version != nil {
			version = s.version(number, count)
		}
		if s.push != nil && number == 0 && count == 1 {
			if err := stream.Send(response(version, s.push)); err != nil {
				return err
			}
		}
		count++
		var wanted []proto.Message
		for _, resource := range s.resources {
			if strings.HasSuffix(request.GetTypeUrl(), string(resource.ProtoReflect().Descriptor().FullName())) {
				wanted = append(wanted, resource)
			}
		}
		answer := response(version, wanted...)
		answer.TypeUrl = request.GetTypeUrl()
		if err := stream.Send(answer); err != nil {
			return err
		}
	}
}

func response(version string, resources ...proto.Message) *discoveryv3.DiscoveryResponse {
	answer := &discoveryv3.DiscoveryResponse{VersionInfo: version, Nonce: "nonce"}
	for _, resource := range resources {
		packed := toAny(resource)
		answer.TypeUrl = packed.GetTypeUrl()
		answer.Resources = append(answer.Resources, packed)
	}
	return answer
}

func toAny(message proto.Message) *anypb.Any {
	packed, err := anypb.New(message)
	if err != nil {
		panic(err)
	}
	return packed
}

// serve starts the server and returns its address.
func (s *server) serve(t *testing.T) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	g := grpc.NewServer()
	discoveryv3.RegisterAggregatedDiscoveryServiceServer(g, s)
	ended := make(chan error, 1)
	go func() { ended <- g.Serve(listener) }()
	t.Cleanup(func() {
		g.Stop()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	return listener.Addr().String()
}

// mesh is a cluster of each kind, a listener for HTTP and what they ask for.
func mesh() []proto.Message {
	manager := toAny(&httpv3.HttpConnectionManager{RouteSpecifier: &httpv3.HttpConnectionManager_Rds{
		Rds: &httpv3.Rds{RouteConfigName: "8000"},
	}})
	return []proto.Message{
		&clusterv3.Cluster{Name: "outbound|8000||b.example.com", ClusterDiscoveryType: &clusterv3.Cluster_Type{Type: clusterv3.Cluster_EDS}},
		&clusterv3.Cluster{
			Name: "outbound|8000||a.example.com", ClusterDiscoveryType: &clusterv3.Cluster_Type{Type: clusterv3.Cluster_EDS},
			EdsClusterConfig: &clusterv3.Cluster_EdsClusterConfig{ServiceName: "a"},
		},
		&clusterv3.Cluster{Name: "PassthroughCluster", ClusterDiscoveryType: &clusterv3.Cluster_Type{Type: clusterv3.Cluster_ORIGINAL_DST}},
		&endpointv3.ClusterLoadAssignment{ClusterName: "a", Endpoints: []*endpointv3.LocalityLbEndpoints{{LbEndpoints: []*endpointv3.LbEndpoint{endpoint("192.0.2.7", 80, "")}}}},
		&listenerv3.Listener{
			Name: "0.0.0.0_8000", Address: socket("0.0.0.0", 8000),
			FilterChains: []*listenerv3.FilterChain{{Filters: []*listenerv3.Filter{{ConfigType: &listenerv3.Filter_TypedConfig{TypedConfig: manager}}}}},
		},
		&routev3.RouteConfiguration{Name: "8000", VirtualHosts: []*routev3.VirtualHost{
			virtualHost("outbound|8000||a.example.com", "a.example.com", "192.0.2.1"),
			virtualHost("PassthroughCluster", "*"),
		}},
		&nds.NameTable{Table: map[string]*nds.NameTable_NameInfo{"a.example.com": {Ips: []string{"192.0.2.1"}}}},
	}
}

func TestFetch(t *testing.T) {
	s := &server{resources: mesh()}
	address := s.serve(t)
	snapshot, err := Proxy{Namespace: "foo", Labels: map[string]string{"app": "sleep"}, Network: "network-1"}.Fetch(t.Context(), address)
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"Cluster", "Listener", "ClusterLoadAssignment a outbound|8000||b.example.com", "RouteConfiguration 8000", "NameTable"}
	if diff := cmp.Diff(want, s.asked); diff != "" {
		t.Errorf("the questions differ (-want +got):\n%s", diff)
	}
	if got, want := snapshot.Resolve("a.example.com"), []string{"192.0.2.1"}; !slices.Equal(got, want) {
		t.Errorf("a.example.com resolves to %q; want %q", got, want)
	}
	if got := snapshot.Resolve("b.example.com"); got != nil {
		t.Errorf("b.example.com resolves to %q; want nothing", got)
	}
	endpoints, err := snapshot.Endpoints("outbound|8000||a.example.com")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]Endpoint{{Address: "192.0.2.7:80"}}, endpoints); diff != "" {
		t.Errorf("the endpoints differ (-want +got):\n%s", diff)
	}
	if got, want := s.nodes[0].GetId(), "sidecar~192.0.2.1~client.foo~foo.svc.cluster.local"; got != want {
		t.Errorf("the proxy calls itself %q; want %q", got, want)
	}
	fields := s.nodes[0].GetMetadata().AsMap()
	for key, want := range map[string]any{"NETWORK": "network-1", "DNS_CAPTURE": "true", "LABELS": map[string]any{"app": "sleep"}} {
		if diff := cmp.Diff(want, fields[key]); diff != "" {
			t.Errorf("metadata %s differs (-want +got):\n%s", key, diff)
		}
	}
}

// TestFetchAcknowledges: istiod counts what proxies do not acknowledge as refused.
func TestFetchAcknowledges(t *testing.T) {
	s := &server{resources: mesh()}
	if _, err := (Proxy{Gateway: true, Namespace: "foo"}).Fetch(t.Context(), s.serve(t)); err != nil {
		t.Fatal(err)
	}
	s.lock.Lock()
	defer s.lock.Unlock()
	// The last one may arrive after the client has gone.
	want := []string{"Cluster 1", "Listener 1", "ClusterLoadAssignment 1", "RouteConfiguration 1"}
	if diff := cmp.Diff(want, s.acked[:len(want)]); diff != "" {
		t.Errorf("the acknowledgements differ (-want +got):\n%s", diff)
	}
	if got, want := s.nodes[0].GetId(), "router~192.0.2.1~client.foo~foo.svc.cluster.local"; got != want {
		t.Errorf("the gateway calls itself %q; want %q", got, want)
	}
}

// TestFetchIsConsistent: answers of two versions, and news that nobody asked for,
// are not mixed.
func TestFetchIsConsistent(t *testing.T) {
	for name, s := range map[string]*server{
		"version": {version: func(stream, request int) string {
			if stream == 0 && request > 1 {
				return "2"
			}
			return "1"
		}},
		"push": {push: &clusterv3.Cluster{Name: "news"}},
	} {
		t.Run(name, func(t *testing.T) {
			s.resources = mesh()
			snapshot, err := Proxy{Namespace: "foo"}.Fetch(t.Context(), s.serve(t))
			if err != nil {
				t.Fatal(err)
			}
			if s.streams != 2 {
				t.Errorf("got %d streams; want 2, the first being given up", s.streams)
			}
			if snapshot.HasCluster("news") {
				t.Error("got a cluster of the first stream; want those of the second only")
			}
		})
	}
}

func TestFetchFails(t *testing.T) {
	refusing := &server{refusal: status.Error(codes.ResourceExhausted, "too many")}
	changing := &server{resources: mesh(), version: func(_, request int) string { return string(rune('a' + request)) }}
	silent, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	for name, test := range map[string]struct{ address, want string }{
		"refused":              {refusing.serve(t), "too many"},
		"never twice the same": {changing.serve(t), "deadline"},
		"silent":               {silent.Addr().String(), "deadline"},
	} {
		t.Run(name, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), 500*time.Millisecond)
			defer cancel()
			_, err := Proxy{Namespace: "foo"}.Fetch(ctx, test.address)
			if err == nil || !strings.Contains(strings.ToLower(err.Error()), test.want) {
				t.Errorf("got %v; want it to say %q", err, test.want)
			}
		})
	}
}
