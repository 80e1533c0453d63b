package mesh

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	certmanager "github.com/cert-manager/cert-manager/pkg/apis/certmanager/v1"
	jsonv2 "github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	networking "istio.io/api/networking/v1alpha3"
	security "istio.io/api/security/v1beta1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"fedmesh.io/fedmesh/policies/api/v1alpha1"
	"fedmesh.io/fedmesh/policies/pods"
)

// RevisionLabel names the control plane revision that an object is for.
const RevisionLabel = "istio.io/rev"

// ReplacesAnnotation names the object, of the same kind and namespace, that its
// bearer takes over from.
const ReplacesAnnotation = "fedmesh.io/replaces"

// Object is a decoded object of one of the kinds that fedmesh knows. Of the
// pointers to specifications the one of its kind is set, also when the object
// has no specification.
type Object struct {
	Ref
	// UID and ResourceVersion are empty where the API server has not given them,
	// as in files.
	UID             types.UID
	ResourceVersion string
	// Revision is the control plane revision that the object is for; empty for
	// one that is for all of them (istio pkg/config/model.go, LabelsInRevision).
	// That of a pod is the one that injected it, or is to inject it.
	Revision string
	// Created is zero for objects from files and for those being created.
	Created time.Time
	// Labels of the object.
	Labels map[string]string
	// Replaces is the value of the annotation ReplacesAnnotation, as it was
	// written; Predecessor is what it means.
	Replaces string
	// Controller is the object that made this one and looks after it
	// (metadata.ownerReferences); the zero Ref for one that nobody does, or one of a
	// kind that fedmesh does not know.
	Controller Ref

	ServiceEntry        *networking.ServiceEntry
	DestinationRule     *networking.DestinationRule
	Sidecar             *networking.Sidecar
	Gateway             *networking.Gateway
	WorkloadEntry       *networking.WorkloadEntry
	VirtualService      *networking.VirtualService
	EnvoyFilter         *networking.EnvoyFilter
	PeerAuthentication  *security.PeerAuthentication
	AuthorizationPolicy *security.AuthorizationPolicy
	Certificate         *certmanager.CertificateSpec
	CertificateRequest  *certmanager.CertificateRequestSpec
	Exemption           *v1alpha1.FederationExemptionSpec
	Service             *ServiceSpec
	IPAddress           *IPAddressSpec
	ServiceCIDR         *ServiceCIDRSpec
	// Terminating is true for a Namespace that is being deleted.
	Terminating bool
	// Raw is all of an object of a kind that is kept whole, as it came.
	Raw json.RawMessage
	// Pod is the whole pod, which says as much in its labels and annotations.
	Pod *pods.Pod

	// Automatic are the addresses that Istio's allocator gave a ServiceEntry.
	Automatic []*networking.ServiceEntryAddress

	rawSpec json.RawMessage
}

// ServiceSpec is what fedmesh reads of a Service.
type ServiceSpec struct {
	ClusterIPs []string `json:"clusterIPs"`
}

// IPAddressSpec is what fedmesh reads of an IPAddress.
type IPAddressSpec struct {
	ParentRef struct {
		Group     string `json:"group"`
		Resource  string `json:"resource"`
		Namespace string `json:"namespace"`
		Name      string `json:"name"`
	} `json:"parentRef"`
}

// ServiceCIDRSpec is what fedmesh reads of a ServiceCIDR.
type ServiceCIDRSpec struct {
	CIDRs []string `json:"cidrs"`
}

// envelope is the part of an object that is decoded before its kind matters.
type envelope struct {
	Metadata struct {
		Name              string            `json:"name"`
		Namespace         string            `json:"namespace"`
		UID               types.UID         `json:"uid"`
		ResourceVersion   string            `json:"resourceVersion"`
		Labels            map[string]string `json:"labels"`
		CreationTimestamp metav1.Time       `json:"creationTimestamp"`

		OwnerReferences []metav1.OwnerReference `json:"ownerReferences"`
		// Of the annotations only the one that matters is read: what kubectl puts
		// there can be as large as the object itself.
		Annotations struct {
			Replaces string `json:"fedmesh.io/replaces"` // ReplacesAnnotation
		} `json:"annotations"`
	} `json:"metadata"`
	Spec   jsontext.Value `json:"spec"`
	Status jsontext.Value `json:"status"`
}

// Decode reads an object of the given kind from JSON. Errors name the field
// that could not be read. Fields that fedmesh does not know are passed over, as
// Istio itself does; an absent or null specification is an empty one.
func Decode(kind Kind, data []byte) (*Object, error) {
	if kind == Pod {
		return decodePod(data)
	}
	parts, err := Split(data)
	if err != nil {
		return nil, fmt.Errorf("cannot read the %s: %w", kind, err)
	}
	object, err := DecodeParts(kind, parts)
	if kind.Whole() && err == nil {
		object.Raw = data
	}
	return object, err
}

// decodePod reads a pod. It has a decoder of its own, which reads all of it at
// once.
func decodePod(data []byte) (*Object, error) {
	pod, err := pods.Decode(data)
	if err != nil {
		return nil, err
	}
	object := &Object{
		Ref:     Ref{Kind: Pod, Namespace: pod.Namespace(), Name: pod.Name()},
		Labels:  pod.Labels.Map(),
		Pod:     pod,
		rawSpec: data, // what an annotation says counts like the specification
	}
	// The injector says which it was (istio files/injection-template.yaml); the
	// label asks for one, and may name it by a tag.
	revision, injected := pod.Annotations.Lookup(RevisionLabel)
	if !injected {
		revision = object.Labels[RevisionLabel]
	}
	object.Revision = revision
	return object, nil
}

// Split reads the metadata of an object in JSON and leaves the rest as it is.
func Split(data []byte) (Parts, error) {
	var envelope envelope
	if err := jsonv2.Unmarshal(data, &envelope); err != nil {
		return Parts{}, err
	}
	meta := &envelope.Metadata
	return Parts{
		Namespace:       meta.Namespace,
		Name:            meta.Name,
		UID:             meta.UID,
		ResourceVersion: meta.ResourceVersion,
		Created:         meta.CreationTimestamp.Time,
		Labels:          meta.Labels,
		Replaces:        meta.Annotations.Replaces,
		Owners:          meta.OwnerReferences,
		Spec:            json.RawMessage(envelope.Spec),
		Status:          json.RawMessage(envelope.Status),
	}, nil
}

// Parts are the parts of an object whose metadata has been read already.
type Parts struct {
	Namespace, Name string
	UID             types.UID
	ResourceVersion string
	Created         time.Time
	Labels          map[string]string
	// Replaces is the value of the annotation ReplacesAnnotation.
	Replaces string
	Owners   []metav1.OwnerReference
	// Spec and Status are JSON.
	Spec, Status json.RawMessage
}

// DecodeParts is Decode for an object whose metadata has been read already. A pod
// is read whole, by Decode.
func DecodeParts(kind Kind, parts Parts) (*Object, error) {
	object := &Object{
		Ref:             Ref{Kind: kind, Namespace: parts.Namespace, Name: parts.Name},
		UID:             parts.UID,
		ResourceVersion: parts.ResourceVersion,
		Revision:        parts.Labels[RevisionLabel],
		Created:         parts.Created,
		Labels:          parts.Labels,
		Replaces:        parts.Replaces,
		Controller:      controllerOf(parts),
		rawSpec:         parts.Spec,
	}
	var err error
	switch kind {
	case ServiceEntry:
		object.ServiceEntry = &networking.ServiceEntry{}
		err = decodeMessage("spec", parts.Spec, object.ServiceEntry)
		// A status is no user's to mend; one that cannot be read gives nothing.
		var status networking.ServiceEntryStatus
		if decodeMessage("status", parts.Status, &status) == nil {
			object.Automatic = status.GetAddresses()
		}
	case DestinationRule:
		object.DestinationRule = &networking.DestinationRule{}
		err = decodeMessage("spec", parts.Spec, object.DestinationRule)
	case Sidecar:
		object.Sidecar = &networking.Sidecar{}
		err = decodeMessage("spec", parts.Spec, object.Sidecar)
	case Gateway:
		object.Gateway = &networking.Gateway{}
		err = decodeMessage("spec", parts.Spec, object.Gateway)
	case WorkloadEntry:
		object.WorkloadEntry = &networking.WorkloadEntry{}
		err = decodeMessage("spec", parts.Spec, object.WorkloadEntry)
	case VirtualService:
		object.VirtualService = &networking.VirtualService{}
		err = decodeMessage("spec", parts.Spec, object.VirtualService)
	case EnvoyFilter:
		object.EnvoyFilter = &networking.EnvoyFilter{}
		err = decodeMessage("spec", parts.Spec, object.EnvoyFilter)
	case PeerAuthentication:
		object.PeerAuthentication = &security.PeerAuthentication{}
		err = decodeMessage("spec", parts.Spec, object.PeerAuthentication)
	case AuthorizationPolicy:
		object.AuthorizationPolicy = &security.AuthorizationPolicy{}
		err = decodeMessage("spec", parts.Spec, object.AuthorizationPolicy)
	case Certificate:
		object.Certificate = &certmanager.CertificateSpec{}
		err = decodePlain(parts.Spec, object.Certificate)
	case CertificateRequest:
		object.CertificateRequest = &certmanager.CertificateRequestSpec{}
		err = decodePlain(parts.Spec, object.CertificateRequest)
	case FederationExemption:
		object.Exemption = &v1alpha1.FederationExemptionSpec{}
		err = decodePlain(parts.Spec, object.Exemption)
	case Service:
		object.Service = &ServiceSpec{}
		err = decodePlain(parts.Spec, object.Service)
	case IPAddress:
		object.IPAddress = &IPAddressSpec{}
		err = decodePlain(parts.Spec, object.IPAddress)
	case ServiceCIDR:
		object.ServiceCIDR = &ServiceCIDRSpec{}
		err = decodePlain(parts.Spec, object.ServiceCIDR)
	case Namespace:
		object.Terminating = terminating(parts.Status)
	case FederationKind, ConfigMap, IstioOperator, ClusterFederatedTrustDomain, ClusterSPIFFEID:
		// Whoever reads them reads what Decode keeps.
	default:
		return nil, fmt.Errorf("cannot read an object of %s", kind)
	}
	if err != nil {
		return nil, fmt.Errorf("cannot read %s: %w", object.Ref, err)
	}
	return object, nil
}

// terminating reports whether this is the status of a Namespace that is being
// deleted. A status is no user's to mend; one that cannot be read says nothing.
func terminating(status json.RawMessage) bool {
	var read struct {
		Phase string `json:"phase"`
	}
	return decodePlain(status, &read) == nil && read.Phase == "Terminating"
}

// Predecessor returns the object that this one takes over from, of the same kind
// and namespace, whether there is one of that name or not. An object that names
// itself, as a copied manifest can, has none.
func (o *Object) Predecessor() (Ref, bool) {
	if o.Replaces == "" || o.Replaces == o.Name {
		return Ref{}, false
	}
	return Ref{Kind: o.Kind, Namespace: o.Namespace, Name: o.Replaces}, true
}

func absent(data json.RawMessage) bool {
	return len(data) == 0 || bytes.Equal(data, []byte("null"))
}

// message is a message of Istio's API, with the decoder that Istio uses.
type message interface {
	proto.Message
	json.Unmarshaler
}

// decodeMessage reads JSON into a message of Istio's API as Istio does. Its own
// decoder takes more than protojson, durations such as 30ms and 5m for one; but
// protojson is several times faster and says where it failed, so it goes first.
func decodeMessage(name string, data json.RawMessage, into message) error {
	if absent(data) {
		return nil
	}
	strict := (protojson.UnmarshalOptions{DiscardUnknown: true}).Unmarshal(data, into)
	if strict == nil {
		return nil
	}
	proto.Reset(into)
	if into.UnmarshalJSON(data) == nil {
		return nil
	}
	return describe(name, data, strict)
}

// describe says in which field protojson failed: its own texts give a line and
// column. It puts a no-break space behind its prefix at random, so that nobody
// relies on the texts; an answer to a user has to be stable.
func describe(name string, data json.RawMessage, err error) error {
	text := strings.ReplaceAll(err.Error(), "\u00a0", " ")
	text = strings.TrimSpace(strings.TrimPrefix(text, "proto:"))
	before, place, found := strings.Cut(text, "(line ")
	if !found {
		return fmt.Errorf("%s: %s", name, text)
	}
	place, after, _ := strings.Cut(place, "): ")
	var line, column int
	if _, scanErr := fmt.Sscanf(place, "%d:%d", &line, &column); scanErr != nil {
		return fmt.Errorf("%s: %s", name, text)
	}
	offset := column - 1
	for rest := data; line > 1; line-- {
		end := bytes.IndexByte(rest, '\n') + 1
		offset, rest = offset+end, rest[end:]
	}
	return fmt.Errorf("%s: %s%s", fieldAt(name, data, offset), before, after)
}

func decodePlain(data json.RawMessage, value any) error {
	if absent(data) {
		return nil
	}
	if err := json.Unmarshal(data, value); err != nil {
		return fmt.Errorf("spec: %w", err)
	}
	return nil
}

// SameSpec reports whether the specifications of a and b say the same.
func SameSpec(a, b *Object) bool {
	if bytes.Equal(a.rawSpec, b.rawSpec) {
		return true
	}
	left, right := a.message(), b.message()
	return left != nil && right != nil && proto.Equal(left, right)
}

// message is the specification of an Istio object, and nil for other kinds.
func (o *Object) message() message {
	switch o.Kind {
	case ServiceEntry:
		return o.ServiceEntry
	case DestinationRule:
		return o.DestinationRule
	case Sidecar:
		return o.Sidecar
	case Gateway:
		return o.Gateway
	case WorkloadEntry:
		return o.WorkloadEntry
	case VirtualService:
		return o.VirtualService
	case EnvoyFilter:
		return o.EnvoyFilter
	case PeerAuthentication:
		return o.PeerAuthentication
	case AuthorizationPolicy:
		return o.AuthorizationPolicy
	}
	return nil
}
