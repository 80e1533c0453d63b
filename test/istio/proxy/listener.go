package proxy

import (
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	listenerv3 "github.com/envoyproxy/go-control-plane/envoy/config/listener/v3"
	httpv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/network/http_connection_manager/v3"
	tcpv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/network/tcp_proxy/v3"
)

// Chain is a filter chain of a listener: which connections it takes and what it
// does with them.
type Chain struct {
	// Destinations are the ranges that the connection's destination is in, Port its
	// port, SNIs and ALPN what its TLS handshake asks for. What is empty does not
	// matter.
	Destinations []string
	Port         int
	SNIs, ALPN   []string
	// Cluster is where bytes go as they are. It is empty where HTTP is spoken.
	Cluster string
	// Routes is the name of the routes for HTTP that are asked for separately.
	Routes string
}

// virtualOutbound is the listener that gets what no other takes
// (pilot/pkg/model/context.go, VirtualOutboundListenerName).
const virtualOutbound = "virtualOutbound"

// anywhere are the addresses of a listener that takes connections to every one.
var anywhere = []string{"0.0.0.0", "::"}

// Chains returns the filter chains of the listener at address, a host:port,
// sorted by SNI, or nothing when there is none.
func (s *Snapshot) Chains(at string) ([]Chain, error) {
	for _, listener := range s.listeners {
		if listener.GetName() == virtualOutbound || !slices.Contains(addresses(listener), at) {
			continue
		}
		found, err := chains(listener)
		if err != nil {
			return nil, fmt.Errorf("cannot read listener %s: %w", listener.GetName(), err)
		}
		slices.SortStableFunc(found, func(a, b Chain) int { return slices.Compare(a.SNIs, b.SNIs) })
		return found, nil
	}
	return nil, nil
}

// HTTP is the protocol that a proxy finds in the first bytes of a request in
// plaintext (https://www.envoyproxy.io/docs/envoy/latest/configuration/listeners/listener_filters/http_inspector).
const HTTP = "http/1.1"

// Connect returns the filter chain that takes a connection without TLS to an
// address, over which protocol is spoken, HTTP or another; its zero value when none
// does. A listener for the address comes before one for every address, and what
// neither takes is the matter of virtualOutbound
// (https://www.envoyproxy.io/docs/envoy/latest/configuration/listeners/listener_filters/original_dst_filter).
func (s *Snapshot) Connect(to netip.AddrPort, protocol string) (Chain, error) {
	candidates := []string{to.String()}
	for _, address := range anywhere {
		candidates = append(candidates, net.JoinHostPort(address, strconv.Itoa(int(to.Port()))))
	}
	for _, candidate := range candidates {
		chains, err := s.Chains(candidate)
		if err != nil || chains != nil {
			return choose(chains, to, protocol), err
		}
	}
	listener := s.listeners[virtualOutbound]
	if listener == nil {
		return Chain{}, nil
	}
	chains, err := chains(listener)
	return choose(chains, to, protocol), err
}

// choose returns the chain that takes a connection: by port first, then by the
// narrowest range, then by protocol
// (https://www.envoyproxy.io/docs/envoy/latest/api-v3/config/listener/v3/listener_components.proto,
// FilterChainMatch).
func choose(chains []Chain, to netip.AddrPort, protocol string) Chain {
	var chosen Chain
	best := -1
	for _, chain := range chains {
		rank := 0
		for _, destination := range chain.Destinations {
			if prefix, err := netip.ParsePrefix(destination); err == nil && prefix.Contains(to.Addr()) {
				rank = max(rank, 2+2*prefix.Bits())
			}
		}
		switch {
		case len(chain.SNIs) > 0, rank == 0 && len(chain.Destinations) > 0,
			chain.Port != 0 && chain.Port != int(to.Port()),
			len(chain.ALPN) > 0 && !slices.Contains(chain.ALPN, protocol):
			continue
		}
		if chain.Port != 0 {
			rank += 1 << 10 // more than any range
		}
		if len(chain.ALPN) > 0 {
			rank++
		}
		if rank > best {
			chosen, best = chain, rank
		}
	}
	return chosen
}

// Request returns the cluster that a request for host goes to on routes of this
// name, as a chain has it. Without a virtual host for it the virtual host for
// everything decides.
func (s *Snapshot) Request(routes, host string) string {
	fallback := ""
	for _, virtual := range s.routes[routes].GetVirtualHosts() {
		if len(virtual.GetRoutes()) == 0 {
			continue
		}
		cluster := virtual.GetRoutes()[0].GetRoute().GetCluster()
		switch {
		case slices.Contains(virtual.GetDomains(), host):
			return cluster
		case slices.Contains(virtual.GetDomains(), "*"):
			fallback = cluster
		}
	}
	return fallback
}

func addresses(listener *listenerv3.Listener) []string {
	all := []string{address(listener.GetAddress())}
	for _, additional := range listener.GetAdditionalAddresses() {
		all = append(all, address(additional.GetAddress()))
	}
	return all
}

func chains(listener *listenerv3.Listener) ([]Chain, error) {
	all := listener.GetFilterChains()
	if listener.GetDefaultFilterChain() != nil {
		all = append(slices.Clone(all), listener.GetDefaultFilterChain())
	}
	var chains []Chain
	for _, filterChain := range all {
		match := filterChain.GetFilterChainMatch()
		chain := Chain{
			Port: int(match.GetDestinationPort().GetValue()),
			SNIs: match.GetServerNames(),
			ALPN: match.GetApplicationProtocols(),
		}
		for _, prefix := range match.GetPrefixRanges() {
			chain.Destinations = append(chain.Destinations, cidr(prefix))
		}
		for _, filter := range filterChain.GetFilters() {
			if err := chain.read(filter); err != nil {
				return nil, err
			}
		}
		chains = append(chains, chain)
	}
	return chains, nil
}

func cidr(prefix *corev3.CidrRange) string {
	return prefix.GetAddressPrefix() + "/" + strconv.Itoa(int(prefix.GetPrefixLen().GetValue()))
}

// read takes from a filter where the chain sends connections.
func (c *Chain) read(filter *listenerv3.Filter) error {
	config := filter.GetTypedConfig()
	switch {
	case config.MessageIs(&tcpv3.TcpProxy{}):
		var tcp tcpv3.TcpProxy
		if err := config.UnmarshalTo(&tcp); err != nil {
			return err
		}
		c.Cluster = tcp.GetCluster()
		if weighted := tcp.GetWeightedClusters().GetClusters(); weighted != nil {
			var names []string
			for _, cluster := range weighted {
				names = append(names, cluster.GetName())
			}
			c.Cluster = strings.Join(names, ",")
		}
	case config.MessageIs(&httpv3.HttpConnectionManager{}):
		var http httpv3.HttpConnectionManager
		if err := config.UnmarshalTo(&http); err != nil {
			return err
		}
		c.Routes = http.GetRds().GetRouteConfigName()
	}
	return nil
}
