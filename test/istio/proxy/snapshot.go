package proxy

import (
	"fmt"
	"maps"
	"slices"

	clusterv3 "github.com/envoyproxy/go-control-plane/envoy/config/cluster/v3"
	endpointv3 "github.com/envoyproxy/go-control-plane/envoy/config/endpoint/v3"
	listenerv3 "github.com/envoyproxy/go-control-plane/envoy/config/listener/v3"
	routev3 "github.com/envoyproxy/go-control-plane/envoy/config/route/v3"
	nds "istio.io/istio/pkg/dns/proto"
)

// Snapshot is all of a proxy's configuration at one time.
type Snapshot struct {
	clusters  map[string]*clusterv3.Cluster
	endpoints map[string]*endpointv3.ClusterLoadAssignment
	listeners map[string]*listenerv3.Listener
	routes    map[string]*routev3.RouteConfiguration
	table     *nds.NameTable
}

func newSnapshot() *Snapshot {
	return &Snapshot{
		clusters:  map[string]*clusterv3.Cluster{},
		endpoints: map[string]*endpointv3.ClusterLoadAssignment{},
		listeners: map[string]*listenerv3.Listener{},
		routes:    map[string]*routev3.RouteConfiguration{},
		table:     &nds.NameTable{},
	}
}

// ClusterName is how istiod calls the cluster for a subset of a host, or the host
// itself when the subset is empty, on a port (pilot/pkg/model/service.go,
// BuildSubsetKey).
func ClusterName(host, subset string, port int) string {
	return fmt.Sprintf("outbound|%d|%s|%s", port, subset, host)
}

// SNI is what a sidecar sends, and an AUTO_PASSTHROUGH gateway looks for, where no
// rule says otherwise (pilot/pkg/model/service.go, BuildDNSSrvSubsetKey).
func SNI(host, subset string, port int) string {
	return fmt.Sprintf("outbound_.%d_.%s_.%s", port, subset, host)
}

// Resolve returns what the proxy answers to a query for host, sorted, since istiod
// has no order; nothing when it would pass the query on.
func (s *Snapshot) Resolve(host string) []string {
	return slices.Sorted(slices.Values(s.table.GetTable()[host].GetIps()))
}

// Clusters returns the names of all clusters, sorted.
func (s *Snapshot) Clusters() []string { return slices.Sorted(maps.Keys(s.clusters)) }

// HasCluster says whether there is a cluster of that name.
func (s *Snapshot) HasCluster(name string) bool { return s.clusters[name] != nil }

// Discovery returns how the cluster finds its endpoints, in Envoy's words: EDS,
// STRICT_DNS, ORIGINAL_DST. It is empty when there is no such cluster.
func (s *Snapshot) Discovery(cluster string) string {
	c := s.clusters[cluster]
	if c == nil {
		return ""
	}
	return c.GetType().String()
}

// edsNames are the names under which the endpoints of clusters are asked for.
func (s *Snapshot) edsNames() []string {
	var names []string
	for _, cluster := range s.clusters {
		if cluster.GetType() == clusterv3.Cluster_EDS {
			names = append(names, edsName(cluster))
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// rdsNames are the names of the routes that listeners ask for.
func (s *Snapshot) rdsNames() ([]string, error) {
	var names []string
	for _, listener := range s.listeners {
		chains, err := chains(listener)
		if err != nil {
			return nil, fmt.Errorf("cannot read listener %s: %w", listener.GetName(), err)
		}
		for _, chain := range chains {
			if chain.Routes != "" {
				names = append(names, chain.Routes)
			}
		}
	}
	slices.Sort(names)
	return slices.Compact(names), nil
}
