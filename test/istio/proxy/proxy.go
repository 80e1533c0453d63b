package proxy

import (
	"cmp"
	"fmt"
	"maps"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	"google.golang.org/protobuf/types/known/structpb"
)

// istioVersion is what the proxy calls itself. istiod has code for older ones.
const istioVersion = "1.31.0"

// Proxy is who asks. istiod believes what it is told on its plaintext port.
type Proxy struct {
	// Gateway makes it a gateway; else it is a sidecar.
	Gateway bool
	// Name and Namespace are the pod's. The name may be left out.
	Name, Namespace string
	// IP is the pod's address. istiod takes labels from the pod with that address
	// if there is one. Empty means an address that no pod has.
	IP string
	// Labels are the pod's, for the workloadSelectors of Sidecars and
	// DestinationRules and for the selectors of Gateways.
	Labels map[string]string
	// Network is the value of ISTIO_META_NETWORK. It may be empty.
	Network string
	// Metadata is added to the metadata of the node, or replaces some of it.
	Metadata map[string]any
}

// node is the proxy as Envoy's bootstrap configuration names it
// (pilot/pkg/model/context.go, ParseServiceNodeWithMetadata, and
// pkg/model/proxy.go, NodeMetadata).
func (p Proxy) node() (*corev3.Node, error) {
	kind, name, ip := "sidecar", cmp.Or(p.Name, "client"), cmp.Or(p.IP, "192.0.2.1")
	if p.Gateway {
		kind = "router"
	}
	labels := map[string]any{}
	for key, value := range p.Labels {
		labels[key] = value
	}
	metadata := map[string]any{
		"NAMESPACE":       p.Namespace,
		"NAME":            name,
		"INSTANCE_IPS":    ip,
		"SERVICE_ACCOUNT": "default",
		"LABELS":          labels,
		"CLUSTER_ID":      "Kubernetes",
		"ISTIO_VERSION":   istioVersion,
		"DNS_CAPTURE":     "true",
	}
	if p.Network != "" {
		metadata["NETWORK"] = p.Network
	}
	maps.Copy(metadata, p.Metadata)
	fields, err := structpb.NewStruct(metadata)
	if err != nil {
		return nil, fmt.Errorf("cannot write the metadata of the proxy: %w", err)
	}
	return &corev3.Node{
		Id:       fmt.Sprintf("%s~%s~%s.%s~%s.svc.cluster.local", kind, ip, name, p.Namespace, p.Namespace),
		Metadata: fields,
	}, nil
}
