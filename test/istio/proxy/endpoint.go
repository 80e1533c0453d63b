package proxy

import (
	"fmt"
	"net"
	"slices"
	"strconv"
	"strings"

	clusterv3 "github.com/envoyproxy/go-control-plane/envoy/config/cluster/v3"
	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	endpointv3 "github.com/envoyproxy/go-control-plane/envoy/config/endpoint/v3"
	tlsv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/transport_sockets/tls/v3"
	"google.golang.org/protobuf/proto"
)

// Endpoint is where a cluster sends connections.
type Endpoint struct {
	// Address is host:port.
	Address string
	// TLS is how the proxy begins. Nil is plaintext.
	TLS *TLS
}

// TLS is what the proxy says and wants in the handshake.
type TLS struct {
	SNI  string
	ALPN []string
	// Certificate and Authority are the names of the secrets that it asks its agent
	// for: its own identity and whom it trusts.
	Certificate, Authority string
	// SANs are the identities that it accepts. None means any.
	SANs []string
}

// transportSocketMatch is the metadata of an endpoint that chooses among the
// transport sockets of a cluster
// (https://www.envoyproxy.io/docs/envoy/latest/api-v3/config/cluster/v3/cluster.proto,
// transport_socket_matches).
const transportSocketMatch = "envoy.transport_socket_match"

// Endpoints returns the endpoints of a cluster, sorted by address. It has none when
// there is no such cluster, and an ORIGINAL_DST cluster has none either.
func (s *Snapshot) Endpoints(cluster string) ([]Endpoint, error) {
	c := s.clusters[cluster]
	if c == nil {
		return nil, nil
	}
	assignment := c.GetLoadAssignment()
	if c.GetType() == clusterv3.Cluster_EDS {
		assignment = s.endpoints[edsName(c)]
	}
	var endpoints []Endpoint
	for _, locality := range assignment.GetEndpoints() {
		for _, endpoint := range locality.GetLbEndpoints() {
			tls, err := tlsTo(c, endpoint)
			if err != nil {
				return nil, fmt.Errorf("cannot read cluster %s: %w", cluster, err)
			}
			endpoints = append(endpoints, Endpoint{Address: address(endpoint.GetEndpoint().GetAddress()), TLS: tls})
		}
	}
	slices.SortFunc(endpoints, func(a, b Endpoint) int { return strings.Compare(a.Address, b.Address) })
	return endpoints, nil
}

func edsName(cluster *clusterv3.Cluster) string {
	if name := cluster.GetEdsClusterConfig().GetServiceName(); name != "" {
		return name
	}
	return cluster.GetName()
}

func address(address *corev3.Address) string {
	socket := address.GetSocketAddress()
	if socket == nil {
		return address.String()
	}
	return net.JoinHostPort(socket.GetAddress(), strconv.Itoa(int(socket.GetPortValue())))
}

// tlsTo is how the proxy speaks to an endpoint: as the first match says that the
// endpoint's metadata fulfils, else as the cluster says.
func tlsTo(cluster *clusterv3.Cluster, endpoint *endpointv3.LbEndpoint) (*TLS, error) {
	labels := endpoint.GetMetadata().GetFilterMetadata()[transportSocketMatch].GetFields()
	for _, match := range cluster.GetTransportSocketMatches() {
		fulfilled := true
		for key, value := range match.GetMatch().GetFields() {
			fulfilled = fulfilled && proto.Equal(labels[key], value)
		}
		if fulfilled {
			return readTLS(match.GetTransportSocket())
		}
	}
	return readTLS(cluster.GetTransportSocket())
}

func readTLS(socket *corev3.TransportSocket) (*TLS, error) {
	config := socket.GetTypedConfig()
	if config == nil || !config.MessageIs(&tlsv3.UpstreamTlsContext{}) {
		return nil, nil // raw_buffer, or nothing, which is the same
	}
	var upstream tlsv3.UpstreamTlsContext
	if err := config.UnmarshalTo(&upstream); err != nil {
		return nil, err
	}
	common := upstream.GetCommonTlsContext()
	tls := &TLS{
		SNI:       upstream.GetSni(),
		ALPN:      common.GetAlpnProtocols(),
		Authority: common.GetCombinedValidationContext().GetValidationContextSdsSecretConfig().GetName(),
	}
	for _, secret := range common.GetTlsCertificateSdsSecretConfigs() {
		tls.Certificate = secret.GetName()
	}
	//lint:ignore SA1019 Deprecated since Envoy 1.21, and what istiod fills for sidecars.
	for _, san := range common.GetCombinedValidationContext().GetDefaultValidationContext().GetMatchSubjectAltNames() {
		tls.SANs = append(tls.SANs, san.GetExact())
	}
	return tls, nil
}
