package v1alpha1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// FederationExemption lets objects of its own namespace pass rules until a day: what
// the rules find there is recorded for the audit, and neither denied nor warned of.
// Whoever may create one in a namespace may exempt what is in it; who that is, RBAC
// says.
//
// +kubebuilder:object:root=true
// +kubebuilder:resource:scope=Namespaced,shortName=fedex
// +kubebuilder:printcolumn:name="Rules",type=string,JSONPath=`.spec.rules`
// +kubebuilder:printcolumn:name="Expires",type=string,format=date-time,JSONPath=`.spec.expiresAt`
// +kubebuilder:printcolumn:name="Reason",type=string,JSONPath=`.spec.reason`
// +kubebuilder:printcolumn:name="Age",type=date,JSONPath=`.metadata.creationTimestamp`
type FederationExemption struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitempty"`

	// Spec is what is exempt, why, and until when.
	Spec FederationExemptionSpec `json:"spec"`
}

// FederationExemptionList is a list of FederationExemption objects.
//
// +kubebuilder:object:root=true
type FederationExemptionList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`

	Items []FederationExemption `json:"items"`
}

// FederationExemptionSpec is what is exempt, why, and until when.
type FederationExemptionSpec struct {
	// Rules whose findings count for nothing, such as FED105.
	// +listType=set
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=128
	// +kubebuilder:validation:items:Pattern=`^FED[0-9]{3}$`
	Rules []string `json:"rules"`

	// Targets are the objects that are exempt, in the namespace of the exemption.
	// +listType=atomic
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=256
	Targets []ExemptionTarget `json:"targets"`

	// Reason why, for whoever finds it later.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=1024
	Reason string `json:"reason"`

	// ExpiresAt is when the exemption ends. From then on it counts for nothing.
	ExpiresAt metav1.Time `json:"expiresAt"`
}

// ExemptionTarget names objects.
type ExemptionTarget struct {
	// Kind of the objects.
	// +kubebuilder:validation:Enum=ServiceEntry;DestinationRule;Sidecar;Gateway;WorkloadEntry;VirtualService;EnvoyFilter;PeerAuthentication;AuthorizationPolicy;Certificate;CertificateRequest;Pod
	Kind string `json:"kind"`

	// Name of the object. A "*" at its end stands for anything, so that "*" is every
	// object of the kind and "web-*" the pods of a Deployment.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	// +kubebuilder:validation:Pattern=`^[^*]*\*?$`
	Name string `json:"name"`
}
