package mesh

import (
	"testing"

	"sigs.k8s.io/yaml"

	"fedmesh.io/fedmesh/policies/api/v1alpha1"
)

// decode reads an object from YAML or JSON.
func decode(tb testing.TB, kind Kind, text string) *Object {
	tb.Helper()
	data, err := yaml.YAMLToJSON([]byte(text))
	if err != nil {
		tb.Fatal(err)
	}
	object, err := Decode(kind, data)
	if err != nil {
		tb.Fatal(err)
	}
	return object
}

// federation compiles a specification of two members, changed by change.
func federation(tb testing.TB, change func(*v1alpha1.FederationSpec)) *Federation {
	tb.Helper()
	spec := twoMembers()
	if change != nil {
		change(&spec)
	}
	federation, errs := Compile(spec)
	if errs != nil {
		tb.Fatal(errs.ToAggregate())
	}
	return federation
}

func twoMembers() v1alpha1.FederationSpec {
	return v1alpha1.FederationSpec{
		LocalMember: "cluster-1",
		Members: []v1alpha1.Member{
			{Name: "cluster-1", Network: "network-1", TrustDomain: "foo.com", Gateways: []v1alpha1.Gateway{{Address: "34.136.67.85"}}},
			{Name: "cluster-2", Network: "network-2", TrustDomain: "bar.com", Gateways: []v1alpha1.Gateway{{Address: "34.122.11.2"}}},
		},
	}
}
