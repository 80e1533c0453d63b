package istio

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"fedmesh.io/fedmesh/test/installation"
)

// declare puts a Federation into force, or none at all if that is its name, and
// returns the first of the suffixes that are federated then. One more suffix, which
// no fixture uses, shows when it is in force.
func (c *cluster) declare(t *testing.T, text string) (suffix string) {
	t.Helper()
	objects, err := parseObjects([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	federation := objects[0]
	if federation.GetName() == "none" {
		c.kubectl(t, "", "delete", "federation", "default")
		c.waitForFinding(t, "Warn")
		return "global"
	}
	suffixes, _, err := unstructured.NestedStringSlice(federation.Object, "spec", "hosts", "suffixes")
	if err != nil {
		t.Fatal(err)
	}
	if suffixes == nil {
		suffixes = []string{"global"}
	}
	c.declarations++
	if err := unstructured.SetNestedStringSlice(federation.Object, append(slices.Clone(suffixes), c.declaredSuffix()), "spec", "hosts", "suffixes"); err != nil {
		t.Fatal(err)
	}
	c.replaceFederation(t, federation)
	c.waitForFinding(t, "Deny")
	return suffixes[0]
}

// declaredSuffix is federated only while the last Federation that declare stored is
// in force.
func (c *cluster) declaredSuffix() string { return fmt.Sprintf("declared-%d.example", c.declarations) }

// replaceFederation stores a Federation in place of the one that is there.
func (c *cluster) replaceFederation(t *testing.T, federation *unstructured.Unstructured) {
	t.Helper()
	before := &unstructured.Unstructured{}
	before.SetGroupVersionKind(federation.GroupVersionKind())
	err := c.api.Get(t.Context(), client.ObjectKeyFromObject(federation), before)
	switch {
	case apierrors.IsNotFound(err):
		err = c.api.Create(t.Context(), federation)
	case err == nil:
		federation.SetResourceVersion(before.GetResourceVersion())
		err = c.api.Update(t.Context(), federation)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// waitForFinding waits until an entry without an address, for a host of the suffix that was
// declared last, has a finding with that action.
func (c *cluster) waitForFinding(t *testing.T, action string) {
	t.Helper()
	entry := object("ServiceEntry", "undeclared", map[string]any{
		"hosts": []any{"httpbin.bar." + c.declaredSuffix()}, "location": "MESH_INTERNAL", "resolution": "STATIC",
		"ports": []any{map[string]any{"number": int64(80), "name": "http", "protocol": "HTTP"}},
	})
	c.makeNamespaces(t, entry)
	if err := installation.Poll(t.Context(), "the Federation does not come into force", func(ctx context.Context) error {
		got, err := c.findings(ctx, entry)
		switch {
		case err != nil:
			return err
		case action == "Warn" && len(got) > 0 && !strings.HasPrefix(got[0], "Warn"):
			return fmt.Errorf("got %q; want warnings at most", got)
		case action == "Deny" && (len(got) == 0 || !strings.HasPrefix(got[0], "Deny")):
			return fmt.Errorf("got %q; want the entry to be refused", got)
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
}

// indexSentinel shows that fedmesh knows what was stored before: it watches each
// kind in order. Its objects are in sentinelNamespace.
type indexSentinel struct {
	c     *cluster
	round int
	// suffix makes a host federated.
	suffix string
}

const sentinelNamespace = "sentinel"

// catchUp stores one more object of each kind that rules compare with others, and
// waits until fedmesh names them as what is in the way of another.
func (s *indexSentinel) catchUp(t *testing.T) {
	t.Helper()
	s.round++
	name := fmt.Sprintf("holder-%d", s.round)
	entry := func(name string) *unstructured.Unstructured {
		return object("ServiceEntry", name, map[string]any{
			"hosts": []any{fmt.Sprintf("holder-%d.sentinel.%s", s.round, s.suffix)}, "location": "MESH_INTERNAL",
			"exportTo":  []any{"."}, // no rule of another namespace is about it
			"addresses": []any{"198.51.100.255"}, "resolution": "STATIC",
			"ports":     []any{map[string]any{"number": int64(80), "name": "http", "protocol": "HTTP"}},
			"endpoints": []any{map[string]any{"address": "34.122.11.2", "ports": map[string]any{"http": int64(15443)}}},
		})
	}
	sidecar := func(name string) *unstructured.Unstructured {
		return object("Sidecar", name, map[string]any{"egress": []any{map[string]any{"hosts": []any{"./*"}}}})
	}
	for _, kind := range []func(string) *unstructured.Unstructured{entry, sidecar} {
		s.c.createUnseen(t, kind(name))
		if err := installation.Poll(t.Context(), "fedmesh does not know what is stored", func(ctx context.Context) error {
			got, err := s.c.findings(ctx, kind("rival"))
			if err == nil && !strings.Contains(strings.Join(got, "\n"), sentinelNamespace+"/"+name) {
				err = fmt.Errorf("got %q; want a finding that names %s/%s", got, sentinelNamespace, name)
			}
			return err
		}); err != nil {
			t.Fatal(err)
		}
	}
}

func object(kind, name string, spec map[string]any) *unstructured.Unstructured {
	return &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": "networking.istio.io/v1", "kind": kind,
		"metadata": map[string]any{"name": name, "namespace": sentinelNamespace},
		"spec":     spec,
	}}
}
