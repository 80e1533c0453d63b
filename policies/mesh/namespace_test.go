package mesh

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestOptedInNamespaces(t *testing.T) {
	index := NewIndex()
	for _, text := range []string{
		`{metadata: {name: b, labels: {fedmesh.io/federation: enabled}}}`,
		`{metadata: {name: a, labels: {fedmesh.io/federation: enabled, x: z}}}`,
		`{metadata: {name: c, labels: {fedmesh.io/federation: disabled}}}`,
		`{metadata: {name: d}}`,
		`{metadata: {name: e, labels: {fedmesh.io/federation: enabled, istio.io/dataplane-mode: ambient}}}`,
	} {
		index.Put(NewRecord(decode(t, Namespace, text)))
	}
	view := NewView(index, Undeclared(), decode(t, PeerAuthentication, `{metadata: {name: asker}}`))
	if diff := cmp.Diff([]string{"a", "b"}, view.OptedInNamespaces()); diff != "" {
		t.Errorf("differs (-want +got):\n%s", diff)
	}
	if !view.Reads().Has(Namespace) {
		t.Errorf("reads %v; want Namespace among them", view.Reads().List())
	}
}
