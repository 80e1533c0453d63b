package mesh

import (
	"strings"
	"testing"
)

// TestResource: every kind has the name and the versions by which it is asked for.
func TestResource(t *testing.T) {
	resources := Resources()
	if len(resources) != int(kindCount)-1 {
		t.Errorf("got %d resources, want %d", len(resources), kindCount-1)
	}
	for i, resource := range resources {
		kind := Kind(i + 1)
		stem := strings.ToLower(kind.String())[:len(kind.String())-1] // an entry has entries
		if resource.Kind != kind || !strings.HasPrefix(resource.Plural, stem) || len(resource.Versions) == 0 {
			t.Errorf("%s: got resource %q in versions %q; want its plural and at least one", kind, resource.Plural, resource.Versions)
		}
	}
	for kind, want := range map[Kind]string{
		AuthorizationPolicy: "authorizationpolicies.security.istio.io",
		Service:             "services",
	} {
		if got := kind.Resource().Name(); got != want {
			t.Errorf("%s: got name %q, want %q", kind, got, want)
		}
	}
}
