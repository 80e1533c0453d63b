package policies

import (
	"fedmesh.io/fedmesh/policies/api/v1alpha1"
	"fedmesh.io/fedmesh/policies/pods"
)

// PodSettings is what the mutation of a pod depends on besides the pod.
type PodSettings struct {
	// Pods is the Federation's part on pods. What is left out has the default
	// that the API documents.
	Pods v1alpha1.Pods
	// Network is the local member's.
	Network string
	// RootNetwork is the label topology.istio.io/network of the root namespace,
	// empty when it has none.
	RootNetwork string
	// RootNamespace is the namespace of Istio's control plane; istio-system
	// when empty.
	RootNamespace string
	// PodSecurity is the Pod Security level that the pod's namespace enforces: the
	// value of its label PodSecurityLabel, empty when it has none.
	PodSecurity string
}

// PatchOperation is an operation of a JSON patch (RFC 6902).
type PatchOperation struct {
	Op    string `json:"op"`
	Path  string `json:"path"`
	Value any    `json:"value,omitempty"`
}

// PodPatch is what becomes of a pod.
type PodPatch struct {
	// Operations is nil when the pod is as it should be.
	Operations []PatchOperation
	// Warnings say what was left alone that may keep the pod from taking part in
	// the federation, one line of at most 256 bytes each.
	Warnings []string
	// Findings are those of rules on finished pods that can be told already, and
	// that nobody might tell later. What they lead to the rules' settings say; a
	// mutation refuses no pod.
	Findings []Finding
}

// statusAnnotation says what became of the pod.
const statusAnnotation = "fedmesh.io/status"

// MutatePod returns the patch that makes a pod of an opted-in namespace take
// part in the federation. It changes nothing that the user set, and the result
// is patched no further by a second pass, also when Istio's injector ran in
// between: annotation and labels are for the pass before Istio, the socket for
// the one after it, and each is right in the other pass too.
//
// The error names the field that could not be read.
func MutatePod(raw []byte, settings PodSettings) (PodPatch, error) {
	decoded, err := pods.Decode(raw)
	if err != nil {
		return PodPatch{}, err
	}
	if decoded.LeftAlone() {
		return PodPatch{}, nil
	}
	m := &podMutation{pod: decoded, settings: settings.withDefaults(), injected: decoded.Injected()}
	m.annotate(statusAnnotation, podStatus{
		WorkloadSocket: m.workloadSocket(),
		DNSCapture:     m.dnsCapture(),
		NetworkLabel:   m.networkLabel(),
		Registration:   m.registration(),
	}.String())
	return PodPatch{Operations: m.patch(), Warnings: m.warnings, Findings: m.findings}, nil
}

// withDefaults fills in the defaults of the API (v1alpha1.Pods).
func (s PodSettings) withDefaults() PodSettings {
	if s.RootNamespace == "" {
		s.RootNamespace = "istio-system"
	}
	socket := &s.Pods.WorkloadSocket
	if socket.Type == "" {
		socket.Type = v1alpha1.WorkloadSocketCSI
	}
	if socket.CSIDriver == "" {
		socket.CSIDriver = "csi.spiffe.io"
	}
	if s.Pods.NetworkLabel == "" {
		s.Pods.NetworkLabel = v1alpha1.NetworkLabelAuto
	}
	if s.Pods.RegistrationLabels == nil { // an empty map adds none
		s.Pods.RegistrationLabels = map[string]string{"spiffe.io/spire-managed-identity": "true"}
	}
	return s
}
