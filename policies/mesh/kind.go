package mesh

import (
	"fmt"

	"k8s.io/apimachinery/pkg/runtime/schema"

	"fedmesh.io/fedmesh/policies/api/v1alpha1"
)

// Kind is one of the kinds of objects that fedmesh knows, by group and kind and
// in any served version. The zero Kind is none of them.
type Kind uint8

// The kinds that fedmesh knows.
const (
	ServiceEntry Kind = iota + 1
	DestinationRule
	Sidecar
	Gateway
	Service
	IPAddress
	ServiceCIDR
	Namespace
	Pod
	WorkloadEntry
	VirtualService
	EnvoyFilter
	PeerAuthentication
	AuthorizationPolicy
	Certificate
	CertificateRequest
	FederationExemption

	// What package fleet reads beside them: these are kept whole, in Object.Raw.
	FederationKind
	ConfigMap
	IstioOperator
	ClusterFederatedTrustDomain
	ClusterSPIFFEID

	kindCount
)

// groupKind is the API group and kind of k. A Gateway of
// gateway.networking.k8s.io is none of ours.
func (k Kind) groupKind() (group, kind string) {
	switch k {
	case ServiceEntry:
		return "networking.istio.io", "ServiceEntry"
	case DestinationRule:
		return "networking.istio.io", "DestinationRule"
	case Sidecar:
		return "networking.istio.io", "Sidecar"
	case Gateway:
		return "networking.istio.io", "Gateway"
	case Service:
		return "", "Service"
	case IPAddress:
		return "networking.k8s.io", "IPAddress"
	case ServiceCIDR:
		return "networking.k8s.io", "ServiceCIDR"
	case Namespace:
		return "", "Namespace"
	case Pod:
		return "", "Pod"
	case WorkloadEntry:
		return "networking.istio.io", "WorkloadEntry"
	case VirtualService:
		return "networking.istio.io", "VirtualService"
	case EnvoyFilter:
		return "networking.istio.io", "EnvoyFilter"
	case PeerAuthentication:
		return "security.istio.io", "PeerAuthentication"
	case AuthorizationPolicy:
		return "security.istio.io", "AuthorizationPolicy"
	case Certificate:
		return "cert-manager.io", "Certificate"
	case CertificateRequest:
		return "cert-manager.io", "CertificateRequest"
	case FederationExemption:
		return v1alpha1.Group, "FederationExemption"
	case FederationKind:
		return v1alpha1.Group, "Federation"
	case ConfigMap:
		return "", "ConfigMap"
	case IstioOperator:
		return "install.istio.io", "IstioOperator"
	case ClusterFederatedTrustDomain:
		return "spire.spiffe.io", "ClusterFederatedTrustDomain"
	case ClusterSPIFFEID:
		return "spire.spiffe.io", "ClusterSPIFFEID"
	}
	return "", ""
}

// GroupKind is the API group and kind of k; it is empty for the zero Kind.
func (k Kind) GroupKind() schema.GroupKind {
	group, kind := k.groupKind()
	return schema.GroupKind{Group: group, Kind: kind}
}

// String is the kind's name without its group.
func (k Kind) String() string {
	_, kind := k.groupKind()
	if kind == "" {
		return fmt.Sprintf("Kind(%d)", uint8(k))
	}
	return kind
}

// KindOf returns the Kind with this group and kind name, and false for a kind
// that fedmesh does not know.
func KindOf(group, kind string) (Kind, bool) {
	for k := Kind(1); k < kindCount; k++ {
		if g, n := k.groupKind(); n == kind && g == group {
			return k, true
		}
	}
	return 0, false
}

// Kinds is a set of kinds.
type Kinds uint32

// KindSet returns the set of kinds.
func KindSet(kinds ...Kind) Kinds {
	var set Kinds
	for _, k := range kinds {
		set |= 1 << k
	}
	return set
}

// Has reports whether k is in the set.
func (s Kinds) Has(k Kind) bool { return s&(1<<k) != 0 }

// List returns the kinds of the set in the order of their declaration.
func (s Kinds) List() []Kind {
	var kinds []Kind
	for k := Kind(1); k < kindCount; k++ {
		if s.Has(k) {
			kinds = append(kinds, k)
		}
	}
	return kinds
}

// Namespaced reports whether objects of the kind are in namespaces.
func (k Kind) Namespaced() bool {
	switch k {
	case IPAddress, ServiceCIDR, Namespace, FederationKind, ClusterFederatedTrustDomain, ClusterSPIFFEID:
		return false
	}
	return true
}

// Whole reports whether objects of the kind are kept whole, in Object.Raw, for who
// reads several clusters at once. No rule of a single cluster asks about them.
func (k Kind) Whole() bool { return k >= FederationKind && k < kindCount }
