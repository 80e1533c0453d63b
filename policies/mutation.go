package policies

import (
	"fmt"
	"slices"

	"fedmesh.io/fedmesh/policies/api/v1alpha1"
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
}

// Labels and annotations that mutations read and write.
const (
	injectLabel         = "fedmesh.io/inject"
	sidecarInjectLabel  = "sidecar.istio.io/inject" // and the annotation of that name
	dataplaneModeLabel  = "istio.io/dataplane-mode"
	statusAnnotation    = "fedmesh.io/status"
	injectionAnnotation = "sidecar.istio.io/status"
	configAnnotation    = "proxy.istio.io/config"
)

// MutatePod returns the patch that makes a pod of an opted-in namespace take
// part in the federation. It changes nothing that the user set, and the result
// is patched no further by a second pass, also when Istio's injector ran in
// between: annotation and labels are for the pass before Istio, the socket for
// the one after it, and each is right in the other pass too.
//
// The error names the field that could not be read.
func MutatePod(raw []byte, settings PodSettings) (PodPatch, error) {
	decoded, err := decodePod(raw)
	if err != nil {
		return PodPatch{}, fmt.Errorf("cannot read the pod: %w", err)
	}
	if decoded.leftAlone() {
		return PodPatch{}, nil
	}
	m := &podMutation{pod: decoded, settings: settings.withDefaults(), injected: decoded.injected()}
	m.annotate(statusAnnotation, podStatus{
		WorkloadSocket: m.workloadSocket(),
		DNSCapture:     m.dnsCapture(),
		NetworkLabel:   m.networkLabel(),
		Registration:   m.registration(),
	}.String())
	return PodPatch{Operations: m.patch(), Warnings: m.warnings}, nil
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

// leftAlone reports whether the pod is none of fedmesh's business. Pods without
// containers are for the API server to refuse.
func (p *pod) leftAlone() bool {
	if p.hostNetwork || !p.applications {
		return true
	}
	if value, _ := p.labels.lookup(injectLabel); value == "false" {
		return true
	}
	if value, _ := p.labels.lookup(dataplaneModeLabel); value == "ambient" {
		return true
	}
	// The label comes before the annotation, and only "false" keeps the injector
	// away (pkg/kube/inject/inject.go, injectRequired).
	inject, labelled := p.labels.lookup(sidecarInjectLabel)
	if !labelled {
		inject, _ = p.annotations.lookup(sidecarInjectLabel)
	}
	return inject == "false"
}

// injected reports whether Istio's injector has been here. A container
// istio-proxy without an image, or with the image auto, is what a user declares
// to override parts of the injector's (pkg/kube/inject/webhook.go,
// reapplyOverwrittenContainers).
func (p *pod) injected() bool {
	if p.annotations.has(injectionAnnotation) {
		return true
	}
	return slices.ContainsFunc(p.containers, func(c container) bool {
		return c.isProxy() && len(c.image) > 0 && string(c.image) != imageAuto
	})
}
