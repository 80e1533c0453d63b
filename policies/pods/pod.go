package pods

import (
	"fmt"
	"slices"
	"strconv"
)

// Pod is what fedmesh needs to know of a pod. Everything else in it is stepped
// over, and nothing is ever encoded again: patches address what they change by
// name or index.
type Pod struct {
	HasMetadata         bool
	Labels, Annotations Strings
	HostNetwork         bool

	// Applications says whether spec.containers has any item.
	Applications bool
	// Containers are those of Istio in both lists, init containers first.
	Containers []Container

	HasVolumes bool
	Volumes    []Volume

	namespace, name []byte
}

// Labels and annotations that say whether a pod is fedmesh's business and what
// Istio's injector made of it.
const (
	InjectLabel         = "fedmesh.io/inject"
	SidecarInjectLabel  = "sidecar.istio.io/inject" // and the annotation of that name
	DataplaneModeLabel  = "istio.io/dataplane-mode"
	InjectionAnnotation = "sidecar.istio.io/status"
	ConfigAnnotation    = "proxy.istio.io/config"
)

// Decode reads a pod. Errors name the field. Of members of one name the last
// counts, as for the library with which the API server applies patches.
//
// The pod refers to raw, which must not be changed afterwards.
func Decode(raw []byte) (*Pod, error) {
	decoded := &Pod{}
	if err := decoded.decode(scanJSON(raw)); err != nil {
		return nil, fmt.Errorf("cannot read the pod: %w", err)
	}
	return decoded, nil
}

func (p *Pod) decode(scanner *jsonScanner) error {
	if scanner.PeekKind() != '{' {
		return inField("pod", scanner.mistyped("an object"))
	}
	_, err := scanner.object(func(key []byte) error {
		switch string(key) {
		case "metadata":
			return p.decodeMetadata(scanner)
		case "spec":
			return p.decodeSpec(scanner)
		default:
			return scanner.skip()
		}
	})
	if err != nil {
		return err
	}
	return scanner.end()
}

func (p *Pod) decodeMetadata(scanner *jsonScanner) (err error) {
	p.Labels, p.Annotations, p.namespace, p.name = Strings{}, Strings{}, nil, nil
	p.HasMetadata, err = scanner.object(func(key []byte) (err error) {
		switch string(key) {
		case "name":
			p.name, err = scanner.text()
		case "namespace":
			p.namespace, err = scanner.text()
		case "labels":
			err = p.Labels.decode(scanner)
		case "annotations":
			err = p.Annotations.decode(scanner)
		default:
			err = scanner.skip()
		}
		return err
	})
	return err
}

func (p *Pod) decodeSpec(scanner *jsonScanner) error {
	p.HostNetwork, p.Applications, p.HasVolumes, p.Volumes = false, false, false, nil
	var containers, initContainers []Container
	_, err := scanner.object(func(key []byte) (err error) {
		switch string(key) {
		case "hostNetwork":
			p.HostNetwork, err = scanner.boolean()
		case "containers":
			containers, p.Applications, err = decodeContainers(scanner, containersPath)
		case "initContainers":
			initContainers, _, err = decodeContainers(scanner, initContainersPath)
		case "volumes":
			err = p.decodeVolumes(scanner)
		default:
			err = scanner.skip()
		}
		return err
	})
	p.Containers = append(initContainers, containers...)
	return err
}

// Name is the pod's name; empty while the API server has yet to make one.
func (p *Pod) Name() string { return string(p.name) }

// Namespace is the one that the pod names itself. It may leave that to the
// request that creates it.
func (p *Pod) Namespace() string { return string(p.namespace) }

// LeftAlone reports whether the pod is none of fedmesh's business.
func (p *Pod) LeftAlone() bool { return p.LeftAloneFor() != "" }

// LeftAloneFor says why the pod is none of fedmesh's business, such as "it is on
// the host network"; empty for one that is. Pods without containers are for the API
// server to refuse.
func (p *Pod) LeftAloneFor() string {
	switch {
	case p.HostNetwork:
		return "it is on the host network"
	case !p.Applications:
		return "it has no containers"
	}
	if value, _ := p.Labels.Lookup(InjectLabel); value == "false" {
		return "its label " + InjectLabel + ` is "false"`
	}
	if value, _ := p.Labels.Lookup(DataplaneModeLabel); value == "ambient" {
		return "its label " + DataplaneModeLabel + " is ambient, and there is no sidecar"
	}
	// The label comes before the annotation, and only "false" keeps the injector
	// away (pkg/kube/inject/inject.go, injectRequired).
	by := "label"
	inject, labelled := p.Labels.Lookup(SidecarInjectLabel)
	if !labelled {
		inject, _ = p.Annotations.Lookup(SidecarInjectLabel)
		by = "annotation"
	}
	if inject == "false" {
		return "its " + by + " " + SidecarInjectLabel + ` is "false", and there is no sidecar`
	}
	return ""
}

// Injected reports whether Istio's injector has been here. A container
// istio-proxy without an image, or with the image auto, is what a user declares
// to override parts of the injector's (pkg/kube/inject/webhook.go,
// reapplyOverwrittenContainers).
func (p *Pod) Injected() bool {
	if p.Annotations.Has(InjectionAnnotation) {
		return true
	}
	return slices.ContainsFunc(p.Containers, func(c Container) bool {
		return c.IsProxy() && len(c.Image) > 0 && string(c.Image) != imageAuto
	})
}

// Pointer returns the JSON pointer to an item of a list.
func Pointer(list string, index int) string { return list + strconv.Itoa(index) }
