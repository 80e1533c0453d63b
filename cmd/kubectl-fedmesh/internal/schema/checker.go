package schema

import (
	"bytes"
	"reflect"
	"slices"
	"sync"

	certmanager "github.com/cert-manager/cert-manager/pkg/apis/certmanager/v1"
	"github.com/go-json-experiment/json/jsontext"
	"google.golang.org/protobuf/proto"
	networking "istio.io/api/networking/v1alpha3"
	security "istio.io/api/security/v1beta1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"fedmesh.io/fedmesh/policies/mesh"
)

// Unknown is a field that the schema does not have.
type Unknown struct {
	// Path of the field. A name that is long or odd is quoted there.
	Path *field.Path
	// Fix is the one step that mends it.
	Fix string
}

// Checker knows the schemas. It is safe for use by several goroutines.
type Checker struct {
	objects map[mesh.Kind]func() *shape
}

// NewChecker returns a Checker. A schema is put together when it is first needed.
func NewChecker() *Checker {
	checker := &Checker{objects: map[mesh.Kind]func() *shape{}}
	for kind, spec := range map[mesh.Kind]proto.Message{
		mesh.ServiceEntry:        &networking.ServiceEntry{},
		mesh.DestinationRule:     &networking.DestinationRule{},
		mesh.Sidecar:             &networking.Sidecar{},
		mesh.Gateway:             &networking.Gateway{},
		mesh.WorkloadEntry:       &networking.WorkloadEntry{},
		mesh.VirtualService:      &networking.VirtualService{},
		mesh.EnvoyFilter:         &networking.EnvoyFilter{},
		mesh.PeerAuthentication:  &security.PeerAuthentication{},
		mesh.AuthorizationPolicy: &security.AuthorizationPolicy{},
	} {
		checker.objects[kind] = sync.OnceValue(func() *shape { return whole(messages{}.of(spec.ProtoReflect().Descriptor())) })
	}
	for kind, spec := range map[mesh.Kind]reflect.Type{
		mesh.Certificate:        reflect.TypeFor[certmanager.CertificateSpec](),
		mesh.CertificateRequest: reflect.TypeFor[certmanager.CertificateRequestSpec](),
	} {
		checker.objects[kind] = sync.OnceValue(func() *shape { return whole(types{}.of(spec)) })
	}
	return checker
}

// whole is the shape of an object whose specification has this one.
func whole(spec *shape) *shape {
	object := &shape{fields: map[string]known{}}
	for _, name := range []string{"apiVersion", "kind", "metadata", "status"} {
		object.add(name, nil)
	}
	object.add("spec", spec)
	return object
}

// versions are those that have these schemas. cert-manager's older ones had others.
func versions(kind mesh.Kind) []string {
	switch kind {
	case mesh.Certificate, mesh.CertificateRequest:
		return []string{"v1"}
	case mesh.PeerAuthentication, mesh.AuthorizationPolicy:
		return []string{"v1", "v1beta1"}
	}
	return []string{"v1", "v1beta1", "v1alpha3"}
}

// Check returns the unknown fields of an object in JSON, in their order there.
// Metadata and status are not looked at, nor are kinds and versions whose schema the
// Checker does not know.
func (c *Checker) Check(kind mesh.Kind, apiVersion string, text []byte) []Unknown {
	object, known := c.objects[kind]
	version, err := schema.ParseGroupVersion(apiVersion)
	if !known || err != nil || !slices.Contains(versions(kind), version.Version) {
		return nil
	}
	// That names are unique is known from reading YAML.
	walk := walk{decoder: jsontext.NewDecoder(bytes.NewBuffer(text), jsontext.AllowDuplicateNames(true)), whole: object()}
	if walk.decoder.PeekKind() == '{' {
		walk.inside(walk.whole)
	}
	return walk.found
}
