package claims

import (
	"testing"

	"sigs.k8s.io/yaml"

	"fedmesh.io/fedmesh/policies/api/v1alpha1"
	"fedmesh.io/fedmesh/policies/mesh"
)

// decode reads an object in YAML.
func decode(t testing.TB, kind mesh.Kind, text string) *mesh.Object {
	t.Helper()
	data, err := yaml.YAMLToJSON([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	object, err := mesh.Decode(kind, data)
	if err != nil {
		t.Fatal(err)
	}
	return object
}

// twoClusters is a federation whose suffix is global.
func twoClusters(t testing.TB) *mesh.Federation {
	t.Helper()
	federation, errs := mesh.Compile(v1alpha1.FederationSpec{
		LocalMember: "cluster-1",
		Members:     []v1alpha1.Member{{Name: "cluster-1"}, {Name: "cluster-2"}},
	})
	if len(errs) > 0 {
		t.Fatal(errs.ToAggregate())
	}
	return federation
}
