package v1alpha1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// FederationName is the name of the one Federation object that counts.
const FederationName = "default"

// Federation describes the clusters that are federated, from the point of view
// of the cluster that it is stored in. There is one, and it is named "default".
//
// +kubebuilder:object:root=true
// +kubebuilder:subresource:status
// +kubebuilder:resource:scope=Cluster,shortName=fed
// +kubebuilder:printcolumn:name="Member",type=string,JSONPath=`.spec.localMember`
// +kubebuilder:printcolumn:name="Ready",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].status`
// +kubebuilder:printcolumn:name="Reason",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].reason`
// +kubebuilder:printcolumn:name="Age",type=date,JSONPath=`.metadata.creationTimestamp`
// +kubebuilder:validation:XValidation:rule="self.metadata.name == 'default'",message="there is one Federation in a cluster, and its name is default"
type Federation struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitempty"`

	// Spec is what the operator declares.
	Spec FederationSpec `json:"spec"`

	// Status is what fedmesh found.
	// +optional
	Status FederationStatus `json:"status,omitempty"`
}

// FederationList is a list of Federation objects.
//
// +kubebuilder:object:root=true
type FederationList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`

	Items []Federation `json:"items"`
}

// FederationSpec is the declared federation.
//
// +kubebuilder:validation:XValidation:rule="self.members.exists(m, m.name == self.localMember)",message="localMember must be the name of one of members"
type FederationSpec struct {
	// LocalMember is the name of the member that this cluster is.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=63
	LocalMember string `json:"localMember"`

	// RootNamespace is Istio's root namespace (meshConfig.rootNamespace).
	// +kubebuilder:default="istio-system"
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=63
	// +optional
	RootNamespace string `json:"rootNamespace,omitempty"`

	// ClusterDomain is the DNS domain of Services.
	// +kubebuilder:default="cluster.local"
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	// +optional
	ClusterDomain string `json:"clusterDomain,omitempty"`

	// Members are the clusters of the federation, this one included.
	// +listType=map
	// +listMapKey=name
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=256
	Members []Member `json:"members"`

	// Hosts says which host names are federated.
	// +kubebuilder:default={}
	// +optional
	Hosts Hosts `json:"hosts,omitempty"`

	// VIPs says which virtual addresses federated hosts may have.
	// +kubebuilder:default={}
	// +optional
	VIPs VIPs `json:"vips,omitempty"`

	// Pods says what pods of opted-in namespaces get.
	// +kubebuilder:default={}
	// +optional
	Pods Pods `json:"pods,omitempty"`

	// Identity says where certificates and authorities are made.
	// +optional
	Identity Identity `json:"identity,omitempty"`

	// Rules changes what findings of a rule lead to. Later entries win over
	// earlier ones; a rule that is not listed has its default action.
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=256
	// +optional
	Rules []RuleSetting `json:"rules,omitempty"`
}

// Member is one cluster of the federation.
type Member struct {
	// Name of the member, unique in the federation.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=63
	// +kubebuilder:validation:Pattern=`^[a-z0-9]([-a-z0-9]*[a-z0-9])?$`
	Name string `json:"name"`

	// Network is the member's Istio network (topology.istio.io/network).
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=63
	// +kubebuilder:validation:Pattern=`^[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?$`
	Network string `json:"network"`

	// TrustDomain is the member's SPIFFE trust domain, without spiffe://.
	// SPIFFE allows lower-case letters, digits, dots, dashes and underscores,
	// and 255 bytes (SPIFFE-ID, section 2.1).
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=255
	// +kubebuilder:validation:Pattern=`^[a-z0-9._-]+$`
	TrustDomain string `json:"trustDomain"`

	// TrustDomainAliases are further trust domains that the member's Istio
	// accepts as its own (meshConfig.trustDomainAliases).
	// +listType=set
	// +kubebuilder:validation:MaxItems=64
	// +kubebuilder:validation:items:MinLength=1
	// +kubebuilder:validation:items:MaxLength=255
	// +kubebuilder:validation:items:Pattern=`^[a-z0-9._-]+$`
	// +optional
	TrustDomainAliases []string `json:"trustDomainAliases,omitempty"`

	// Gateways are the east-west gateways that other members dial.
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=64
	// +optional
	Gateways []Gateway `json:"gateways,omitempty"`
}

// Gateway is where an east-west gateway is reached.
type Gateway struct {
	// Address is an IP address or a DNS name.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	Address string `json:"address"`

	// Port that passes mutual TLS through; 15443 unless a load balancer maps it.
	// +kubebuilder:default=15443
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=65535
	// +optional
	Port int32 `json:"port,omitempty"`
}

// HostPattern is the form that federated host names have.
//
// +kubebuilder:validation:Enum=NameNamespace;Any
type HostPattern string

// The forms of federated host names.
const (
	// HostPatternNameNamespace is <name>.<namespace>.<suffix>.
	HostPatternNameNamespace HostPattern = "NameNamespace"
	// HostPatternAny is any name under a suffix, as Admiral and others have it.
	HostPatternAny HostPattern = "Any"
)

// Hosts says which host names are federated.
type Hosts struct {
	// Suffixes make a host federated: it equals one or ends in a dot and one.
	// It is replaced as a whole, never added to.
	// +kubebuilder:default={"global"}
	// +listType=atomic
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=16
	// +kubebuilder:validation:items:MinLength=1
	// +kubebuilder:validation:items:MaxLength=253
	// +kubebuilder:validation:items:Pattern=`^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$`
	// +optional
	Suffixes []string `json:"suffixes,omitempty"`

	// Pattern is the form of federated host names.
	// +kubebuilder:default=NameNamespace
	// +optional
	Pattern HostPattern `json:"pattern,omitempty"`

	// External lists hosts under a suffix that are ordinary all the same:
	// .global is also a public top-level domain. Exact names, or *.x for
	// anything below x.
	// +listType=set
	// +kubebuilder:validation:MaxItems=256
	// +kubebuilder:validation:items:MinLength=1
	// +kubebuilder:validation:items:MaxLength=253
	// +kubebuilder:validation:items:Pattern=`^(\*\.)?[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$`
	// +optional
	External []string `json:"external,omitempty"`

	// Owners says which namespaces may define hosts of which host namespaces
	// (FED118). It restricts the namespaces and the host namespaces that it lists,
	// and no others.
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=1024
	// +optional
	Owners []HostOwner `json:"owners,omitempty"`
}

// HostOwner lets namespaces define the hosts of host namespaces.
type HostOwner struct {
	// Namespaces that may define the hosts.
	// +listType=set
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=256
	Namespaces []string `json:"namespaces"`

	// HostNamespaces are the second labels of the hosts (<name>.<namespace>.<suffix>).
	// +listType=set
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=256
	HostNamespaces []string `json:"hostNamespaces"`
}

// AutoAllocated says whether federated entries may lean on Istio's allocator.
//
// +kubebuilder:validation:Enum=Forbid;Allow
type AutoAllocated string

// What becomes of federated entries without addresses.
const (
	// AutoAllocatedForbid asks for a declared address.
	AutoAllocatedForbid AutoAllocated = "Forbid"
	// AutoAllocatedAllow accepts entries that Istio allocates an address for.
	AutoAllocatedAllow AutoAllocated = "Allow"
)

// VIPs says which virtual addresses federated hosts may have. A range is an IP
// prefix in CIDR notation, such as 240.0.0.0/4.
type VIPs struct {
	// CIDRs are the ranges that addresses are taken from. A family with no
	// range is not restricted.
	// It is replaced as a whole, never added to.
	// +kubebuilder:default={"240.0.0.0/4"}
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=64
	// +kubebuilder:validation:items:MaxLength=43
	// +kubebuilder:validation:items:XValidation:rule="isCIDR(self)",message="must be an IP prefix such as 240.0.0.0/4"
	// +optional
	CIDRs []string `json:"cidrs,omitempty"`

	// Reserved are ranges that no virtual address may lie in: pod and node
	// ranges. Service ranges are read from ServiceCIDR objects.
	// +listType=set
	// +kubebuilder:validation:MaxItems=256
	// +kubebuilder:validation:items:MaxLength=43
	// +kubebuilder:validation:items:XValidation:rule="isCIDR(self)",message="must be an IP prefix such as 10.244.0.0/16"
	// +optional
	Reserved []string `json:"reserved,omitempty"`

	// AutoRanges are the ranges of Istio's own allocator
	// (PILOT_IP_AUTOALLOCATE_IPV4_PREFIX and its IPv6 sibling).
	// It is replaced as a whole, never added to.
	// +kubebuilder:default={"240.240.0.0/16","2001:2::/48"}
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=16
	// +kubebuilder:validation:items:MaxLength=43
	// +kubebuilder:validation:items:XValidation:rule="isCIDR(self)",message="must be an IP prefix such as 240.240.0.0/16"
	// +optional
	AutoRanges []string `json:"autoRanges,omitempty"`

	// AutoAllocated says whether entries may go without an address.
	// +kubebuilder:default=Forbid
	// +optional
	AutoAllocated AutoAllocated `json:"autoAllocated,omitempty"`
}

// Identity says where certificates and authorities are made, for the rules about
// cert-manager's Certificates and CertificateRequests (FED511 to FED514).
type Identity struct {
	// IssuerNamespaces may hold certificates of any workload, whatever namespace its
	// SPIFFE ID names, such as the one that istio-csr asks for them in. The root
	// namespace and cert-manager, unless others are listed.
	// +listType=set
	// +kubebuilder:validation:MaxItems=64
	// +optional
	IssuerNamespaces []string `json:"issuerNamespaces,omitempty"`

	// CANamespaces may hold certificates of authorities. The root namespace,
	// cert-manager, spire and spire-server, unless others are listed.
	// +listType=set
	// +kubebuilder:validation:MaxItems=64
	// +optional
	CANamespaces []string `json:"caNamespaces,omitempty"`
}
