package policies

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"fedmesh.io/fedmesh/policies/mesh"
)

// TestSharedSecretRelated: the finding names all the others, in order of age and name.
func TestSharedSecretRelated(t *testing.T) {
	fixture := loadFixtures(t, "testdata/FED514/fail/three.yaml")[0]
	findings := checkSharedSecret(Review{Object: fixture.object}, mesh.NewView(fixture.index, fixture.federation, fixture.object))
	if len(findings) != 1 {
		t.Fatalf("got %v; want one finding", findings)
	}
	want := []mesh.Ref{
		{Kind: mesh.Certificate, Namespace: "istio-system", Name: "a"},
		{Kind: mesh.Certificate, Namespace: "istio-system", Name: "b"},
	}
	if diff := cmp.Diff(want, findings[0].Related); diff != "" {
		t.Errorf("related objects (-want +got):\n%s", diff)
	}
}
