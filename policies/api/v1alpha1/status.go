package v1alpha1

import metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

// The types of a Federation's conditions.
const (
	// ConditionReady is true when the specification is in force.
	ConditionReady = "Ready"
	// ConditionNetworkLabelled is true when pods get the network label.
	ConditionNetworkLabelled = "NetworkLabelled"
)

// FederationStatus is what fedmesh found.
type FederationStatus struct {
	// ObservedGeneration is the generation of the specification that the
	// conditions speak of.
	// +optional
	ObservedGeneration int64 `json:"observedGeneration,omitempty"`

	// Conditions of the federation.
	// +listType=map
	// +listMapKey=type
	// +optional
	Conditions []metav1.Condition `json:"conditions,omitempty"`
}
