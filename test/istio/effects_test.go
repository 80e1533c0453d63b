package istio

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"fedmesh.io/fedmesh/test/installation"
	"fedmesh.io/fedmesh/test/istio/proxy"
)

// effect is what istiod makes of configuration that a rule refuses, beside what it
// makes of what the rule asks for.
type effect struct {
	name string
	// pass and fail are fixtures of the rule, or files of testdata/effects. The
	// first document is stored last, a second later than the others: where age
	// decides, it is the younger.
	pass, fail string
	// look takes from the configuration of proxies what the rule is about.
	look               func(views) (any, error)
	wantPass, wantFail any
}

// views are the proxies of one cluster at one time: a sidecar of namespace clients,
// and the gateway that other members dial.
type views struct{ sidecar, gateway *proxy.Snapshot }

// testEffects keeps the rules honest: when Istio mends what a rule warns of, the
// rule is to go. The objects are stored on a cluster without fedmesh.
func testEffects(t *testing.T, c *cluster) {
	c.store(t, readObjects(t, "testdata/walkthrough/gateway.yaml")...)
	for _, effects := range [][]effect{entryEffects, ruleEffects, sidecarEffects} {
		for _, e := range effects {
			t.Run(e.name, func(t *testing.T) {
				for _, side := range []struct {
					file string
					want any
				}{{e.pass, e.wantPass}, {e.fail, e.wantFail}} {
					t.Run(side.file, func(t *testing.T) {
						c.storeInTurn(t, readObjects(t, side.file))
						c.catchUp(t)
						got, err := e.look(c.views(t))
						if err != nil {
							t.Fatal(err)
						}
						if diff := cmp.Diff(side.want, got); diff != "" {
							t.Errorf("what istiod generates differs (-want +got):\n%s", diff)
						}
					})
				}
			})
		}
	}
}

func (c *cluster) views(t *testing.T) views {
	t.Helper()
	sidecar, err := c.fetch(t.Context(), proxy.Proxy{Namespace: "clients"})
	if err != nil {
		t.Fatal(err)
	}
	gateway, err := c.fetch(t.Context(), eastWestGateway)
	if err != nil {
		t.Fatal(err)
	}
	return views{sidecar: sidecar, gateway: gateway}
}

// readObjects reads a file, or a fixture of policies/testdata without its Federation.
func readObjects(t *testing.T, file string) []*unstructured.Unstructured {
	t.Helper()
	data, err := os.ReadFile(file)
	if os.IsNotExist(err) {
		data, err = os.ReadFile(filepath.Join(fixturesDir, file))
	}
	if err != nil {
		t.Fatal(err)
	}
	objects, err := parseObjects(data)
	if err != nil {
		t.Fatalf("%s: %v", file, err)
	}
	return slices.DeleteFunc(objects, func(object *unstructured.Unstructured) bool { return object.GetKind() == "Federation" })
}

// storeInTurn creates the first of objects when the others are a second old: the
// API server's times have no fractions.
func (c *cluster) storeInTurn(t *testing.T, objects []*unstructured.Unstructured) {
	t.Helper()
	first, others := objects[0], objects[1:]
	c.store(t, others...)
	if len(others) > 0 {
		c.makeNamespaces(t, first)
		created := c.now(t, first)
		if err := installation.Poll(t.Context(), "the clock stands still", func(context.Context) error {
			if now := c.now(t, first); !now.After(created) {
				return fmt.Errorf("it is still %v", now)
			}
			return nil
		}); err != nil {
			t.Fatal(err)
		}
	}
	c.store(t, first)
}

// now is the creation time that the object would have.
func (c *cluster) now(t *testing.T, object *unstructured.Unstructured) time.Time {
	t.Helper()
	object = object.DeepCopy()
	if err := c.api.Create(t.Context(), object, client.DryRunAll); err != nil {
		t.Fatal(err)
	}
	return object.GetCreationTimestamp().Time
}
