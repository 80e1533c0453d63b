package fleet

import (
	"encoding/json"
	"slices"
	"strings"

	"google.golang.org/protobuf/encoding/protojson"
	meshconfig "istio.io/api/mesh/v1alpha1"
	"k8s.io/apimachinery/pkg/util/validation/field"
	"sigs.k8s.io/yaml"

	"fedmesh.io/fedmesh/policies/mesh"
)

// meshConfig is what is read of Istio's mesh configuration.
type meshConfig struct {
	TrustDomain string
	// Accepted are the trust domains whose certificates sidecars take beside their own
	// (istio pilot/pkg/networking/plugin/authn/util.go, TrustDomainsForValidation).
	Accepted []string
	// Authorities is true when it says anything of other trust domains.
	Authorities bool
}

// silent reports whether the configuration says nothing of other trust domains and may
// be a layer of a larger one: an IstioOperator always may, what istiod reads when it
// has a trust domain is the whole.
func (m *meshConfig) silent(kind mesh.Kind) bool {
	return !m.Authorities && (m.TrustDomain == "" || kind == mesh.IstioOperator)
}

func (m *meshConfig) accepts(domain string) bool { return slices.Contains(m.Accepted, domain) }

// meshConfigOf reads the mesh configuration that an object holds, and returns where
// fields of it are written; nil when it holds none, or one that Istio could not read.
func meshConfigOf(object *mesh.Object, root string) (*meshConfig, func(string) *field.Path) {
	var text []byte
	var path func(string) *field.Path
	switch object.Kind {
	case mesh.ConfigMap:
		if object.Namespace != root || object.Name != "istio" && !strings.HasPrefix(object.Name, "istio-") {
			return nil, nil
		}
		var read struct {
			Data struct {
				Mesh string `json:"mesh"`
			} `json:"data"`
		}
		if json.Unmarshal(object.Raw, &read) != nil || read.Data.Mesh == "" {
			return nil, nil
		}
		converted, err := yaml.YAMLToJSON([]byte(read.Data.Mesh))
		if err != nil {
			return nil, nil
		}
		// It is one text for Kubernetes, in which fields have no path.
		text, path = converted, func(string) *field.Path { return field.NewPath("data", "mesh") }
	case mesh.IstioOperator:
		var read struct {
			Spec struct {
				MeshConfig json.RawMessage `json:"meshConfig"`
			} `json:"spec"`
		}
		if json.Unmarshal(object.Raw, &read) != nil || len(read.Spec.MeshConfig) == 0 {
			return nil, nil
		}
		text, path = read.Spec.MeshConfig, func(name string) *field.Path { return field.NewPath("spec", "meshConfig").Child(name) }
	}
	var config meshconfig.MeshConfig
	if (protojson.UnmarshalOptions{DiscardUnknown: true}).Unmarshal(text, &config) != nil {
		return nil, nil
	}
	found := &meshConfig{TrustDomain: config.GetTrustDomain(), Accepted: slices.Clone(config.GetTrustDomainAliases())}
	for _, authority := range config.GetCaCertificates() {
		found.Accepted = append(found.Accepted, authority.GetTrustDomains()...)
	}
	found.Authorities = len(config.GetTrustDomainAliases())+len(config.GetCaCertificates()) > 0
	return found, path
}
