package proxy

import (
	"context"
	"errors"
	"fmt"
	"time"

	clusterv3 "github.com/envoyproxy/go-control-plane/envoy/config/cluster/v3"
	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	endpointv3 "github.com/envoyproxy/go-control-plane/envoy/config/endpoint/v3"
	listenerv3 "github.com/envoyproxy/go-control-plane/envoy/config/listener/v3"
	routev3 "github.com/envoyproxy/go-control-plane/envoy/config/route/v3"
	discoveryv3 "github.com/envoyproxy/go-control-plane/envoy/service/discovery/v3"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/protobuf/proto"
	nds "istio.io/istio/pkg/dns/proto"
)

// fetchTimeout is far more than one snapshot takes, also on a machine that
// compiles at the same time.
const fetchTimeout = 20 * time.Second

// errChanged means that istiod sent something newer while a snapshot was read.
var errChanged = errors.New("the configuration changed while it was read")

// Fetch asks the istiod at address, a host:port that serves xDS without TLS, for
// all of the proxy's configuration. What it returns is of one version: when istiod
// has news in between, all is asked for again. Nothing runs any more when it
// returns.
func (p Proxy) Fetch(ctx context.Context, address string) (*Snapshot, error) {
	ctx, cancel := context.WithTimeout(ctx, fetchTimeout)
	defer cancel()
	node, err := p.node()
	if err != nil {
		return nil, err
	}
	connection, err := grpc.NewClient("passthrough:///"+address, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		return nil, fmt.Errorf("cannot make a client for istiod: %w", err)
	}
	defer connection.Close()
	client := discoveryv3.NewAggregatedDiscoveryServiceClient(connection)
	for {
		snapshot, err := fetch(ctx, client, node)
		if errors.Is(err, errChanged) {
			if ctx.Err() == nil {
				continue
			}
			err = fmt.Errorf("%w again and again: %w", err, ctx.Err())
		}
		if err != nil {
			return nil, fmt.Errorf("cannot get the configuration of %s from istiod at %s: %w", node.GetId(), address, err)
		}
		return snapshot, nil
	}
}

// fetch reads one snapshot from a stream of its own.
func fetch(ctx context.Context, client discoveryv3.AggregatedDiscoveryServiceClient, node *corev3.Node) (*Snapshot, error) {
	// Ends the stream, and what gRPC runs for it.
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	s, err := client.StreamAggregatedResources(ctx)
	if err != nil {
		return nil, err
	}
	stream := &stream{ads: s, node: node}
	snapshot := newSnapshot()
	if err := ask(stream, nil, func(c *clusterv3.Cluster) { snapshot.clusters[c.GetName()] = c }); err != nil {
		return nil, err
	}
	if err := ask(stream, nil, func(l *listenerv3.Listener) { snapshot.listeners[l.GetName()] = l }); err != nil {
		return nil, err
	}
	if wanted := snapshot.edsNames(); len(wanted) > 0 {
		if err := ask(stream, wanted, func(e *endpointv3.ClusterLoadAssignment) { snapshot.endpoints[e.GetClusterName()] = e }); err != nil {
			return nil, err
		}
	}
	wanted, err := snapshot.rdsNames()
	if err != nil {
		return nil, err
	}
	if len(wanted) > 0 {
		if err := ask(stream, wanted, func(r *routev3.RouteConfiguration) { snapshot.routes[r.GetName()] = r }); err != nil {
			return nil, err
		}
	}
	err = ask(stream, nil, func(table *nds.NameTable) { snapshot.table = table })
	return snapshot, err
}

// stream is an open ADS stream: one question, one answer.
type stream struct {
	ads  discoveryv3.AggregatedDiscoveryService_StreamAggregatedResourcesClient
	node *corev3.Node
	// version is that of the answers so far.
	version string
}

// ask asks for all resources of a type, or those with these names, and
// acknowledges the answer. The version of an answer is that of the whole mesh's
// state that it was made of (pilot/pkg/xds/xdsgen.go, pushXds).
func ask[T proto.Message](s *stream, names []string, keep func(T)) error {
	var none T
	typeURL := "type.googleapis.com/" + string(none.ProtoReflect().Descriptor().FullName())
	request := &discoveryv3.DiscoveryRequest{Node: s.node, TypeUrl: typeURL, ResourceNames: names}
	if err := s.ads.Send(request); err != nil {
		return s.broken(err)
	}
	response, err := s.ads.Recv()
	if err != nil {
		return err
	}
	if s.version == "" {
		s.version = response.GetVersionInfo()
	}
	if response.GetTypeUrl() != typeURL || response.GetVersionInfo() != s.version {
		return errChanged
	}
	for _, resource := range response.GetResources() {
		message := none.ProtoReflect().New().Interface()
		if err := resource.UnmarshalTo(message); err != nil {
			return fmt.Errorf("cannot read a resource of type %s: %w", typeURL, err)
		}
		keep(message.(T))
	}
	acknowledgement := &discoveryv3.DiscoveryRequest{
		TypeUrl: typeURL, ResourceNames: names,
		VersionInfo: response.GetVersionInfo(), ResponseNonce: response.GetNonce(),
	}
	if err := s.ads.Send(acknowledgement); err != nil {
		return s.broken(err)
	}
	return nil
}

// broken returns why a stream cannot be written to: Send says only that it ended,
// and Recv why.
func (s *stream) broken(err error) error {
	for {
		if _, reason := s.ads.Recv(); reason != nil {
			return fmt.Errorf("%w: %w", err, reason)
		}
	}
}
