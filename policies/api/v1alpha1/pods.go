package v1alpha1

// Pods says what pods of opted-in namespaces get.
type Pods struct {
	// WorkloadSocket is the source of the SPIFFE Workload API socket.
	// +kubebuilder:default={}
	// +optional
	WorkloadSocket WorkloadSocket `json:"workloadSocket,omitempty"`

	// DNSCapture has the sidecar answer DNS.
	// +kubebuilder:default=true
	// +optional
	DNSCapture *bool `json:"dnsCapture,omitempty"`

	// NetworkLabel says whether pods get the local member's network label.
	// +kubebuilder:default=Auto
	// +optional
	NetworkLabel NetworkLabel `json:"networkLabel,omitempty"`

	// RegistrationLabels are added to pods so that SPIRE registers them. An
	// empty map adds none.
	// +kubebuilder:default={"spiffe.io/spire-managed-identity":"true"}
	// +kubebuilder:validation:MaxProperties=16
	// +optional
	RegistrationLabels map[string]string `json:"registrationLabels,omitempty"`

	// FinalCheck says what findings of FED601 to FED606 lead to: of a pod that,
	// after all mutators, cannot take part in the federation. The label
	// fedmesh.io/final-check=deny on a namespace makes Deny of Warn there, and not
	// of Off; whatever this says, it has the namespace's pods refused while fedmesh
	// does not answer. Settings of rules for a single ID win over both.
	// +kubebuilder:default=Warn
	// +optional
	FinalCheck FinalCheck `json:"finalCheck,omitempty"`
}

// WorkloadSocketType is the kind of volume that the Workload API socket comes from.
//
// +kubebuilder:validation:Enum=CSI;HostPath;None
type WorkloadSocketType string

// The sources of the Workload API socket.
const (
	// WorkloadSocketCSI is the SPIFFE CSI driver.
	WorkloadSocketCSI WorkloadSocketType = "CSI"
	// WorkloadSocketHostPath is a directory of the node.
	WorkloadSocketHostPath WorkloadSocketType = "HostPath"
	// WorkloadSocketNone leaves Istio's own volume alone.
	WorkloadSocketNone WorkloadSocketType = "None"
)

// WorkloadSocket is the source of the SPIFFE Workload API socket.
//
// +kubebuilder:validation:XValidation:rule="!has(self.type) || self.type != 'HostPath' || (has(self.path) && self.path.startsWith('/'))",message="path must be an absolute path when type is HostPath"
// +kubebuilder:validation:XValidation:rule="(has(self.type) && self.type == 'HostPath') || !has(self.path)",message="path is for type HostPath only"
type WorkloadSocket struct {
	// Type of the volume.
	// +kubebuilder:default=CSI
	// +optional
	Type WorkloadSocketType `json:"type,omitempty"`

	// CSIDriver is the name of the driver when Type is CSI.
	// +kubebuilder:default="csi.spiffe.io"
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=63
	// +optional
	CSIDriver string `json:"csiDriver,omitempty"`

	// Path is the node's directory that holds the socket when Type is HostPath.
	// +kubebuilder:validation:MaxLength=4096
	// +optional
	Path string `json:"path,omitempty"`
}

// NetworkLabel says when pods get the label topology.istio.io/network.
//
// +kubebuilder:validation:Enum=Auto;Always;Never
type NetworkLabel string

// When pods get the network label.
const (
	// NetworkLabelAuto labels pods when the root namespace's label says the
	// same network.
	NetworkLabelAuto NetworkLabel = "Auto"
	// NetworkLabelAlways labels every pod.
	NetworkLabelAlways NetworkLabel = "Always"
	// NetworkLabelNever labels none.
	NetworkLabelNever NetworkLabel = "Never"
)

// FinalCheck says what findings of the finished-pod check lead to.
//
// +kubebuilder:validation:Enum=Warn;Deny;"Off"
type FinalCheck string

// What findings of the finished-pod check lead to.
const (
	// FinalCheckWarn warns.
	FinalCheckWarn FinalCheck = "Warn"
	// FinalCheckDeny refuses the pod.
	FinalCheckDeny FinalCheck = "Deny"
	// FinalCheckOff looks at nothing.
	FinalCheckOff FinalCheck = "Off"
)
