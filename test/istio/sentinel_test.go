package istio

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"fedmesh.io/fedmesh/test/installation"
	"fedmesh.io/fedmesh/test/istio/istiod"
	"fedmesh.io/fedmesh/test/istio/proxy"
)

// gatewayAddress is where the gateway of the tests listens.
const gatewayAddress = "0.0.0.0:15443"

// eastWestGateway is a pod that the Gateways of the tests select.
var eastWestGateway = proxy.Proxy{
	Gateway: true, Name: "eastwestgateway", Namespace: istiod.Namespace, Labels: map[string]string{"istio": "eastwestgateway"},
}

// catchUp waits until istiod answers with all that was stored or deleted before. It
// watches each kind in order, but not one kind after another, so there is an object
// of each that has to be seen: an entry, a rule for it and a Sidecar. They stay for
// the length of the test.
func (c *cluster) catchUp(t *testing.T) {
	t.Helper()
	c.sentinels++
	s := &pushSentinel{c: c, round: c.sentinels}
	name, number := fmt.Sprintf("sentinel-%d", s.round), strconv.Itoa(s.round)
	entry := object("ServiceEntry", name, map[string]any{
		"hosts": []any{s.host()}, "location": "MESH_INTERNAL", "resolution": "STATIC",
		"addresses": []any{fmt.Sprintf("240.255.0.%d", s.round)},
		"ports":     []any{map[string]any{"number": int64(80), "name": "http", "protocol": "HTTP"}},
		"endpoints": []any{map[string]any{"address": "192.0.2.80"}},
	})
	rule := object("DestinationRule", name, map[string]any{
		"host": s.host(), "trafficPolicy": map[string]any{"tls": map[string]any{"mode": "ISTIO_MUTUAL", "sni": name}},
	})
	sidecar := object("Sidecar", name, map[string]any{
		"workloadSelector": map[string]any{"labels": map[string]any{"sentinel": number}},
		"egress":           []any{map[string]any{"hosts": []any{"./" + s.host()}}},
	})
	c.store(t, entry, rule, sidecar)
	if err := installation.Poll(t.Context(), "istiod does not answer with what is stored", func(ctx context.Context) error {
		return errors.Join(s.seenBySidecar(ctx), s.seenBySelected(ctx, number), s.seenByGateway(ctx))
	}); err != nil {
		t.Fatal(err)
	}
}

// pushSentinel is what catchUp stores.
type pushSentinel struct {
	c     *cluster
	round int
}

func (s *pushSentinel) host() string { return fmt.Sprintf("sentinel-%d.test.global", s.round) }

// seenBySidecar: the entry is there with its rule.
func (s *pushSentinel) seenBySidecar(ctx context.Context) error {
	snapshot, err := s.c.fetch(ctx, proxy.Proxy{Namespace: sentinelNamespace})
	if err != nil {
		return err
	}
	endpoints, err := snapshot.Endpoints(proxy.ClusterName(s.host(), "", 80))
	if err != nil {
		return err
	}
	if len(endpoints) != 1 || endpoints[0].TLS == nil {
		return fmt.Errorf("%s has endpoints %+v; want one, with TLS", s.host(), endpoints)
	}
	return nil
}

// seenBySelected: the Sidecar leaves its pods the entry and nothing else.
func (s *pushSentinel) seenBySelected(ctx context.Context, number string) error {
	snapshot, err := s.c.fetch(ctx, proxy.Proxy{Namespace: sentinelNamespace, Labels: map[string]string{"sentinel": number}})
	if err != nil {
		return err
	}
	kubernetes := proxy.ClusterName("kubernetes.default.svc.cluster.local", "", 443)
	if !snapshot.HasCluster(proxy.ClusterName(s.host(), "", 80)) || snapshot.HasCluster(kubernetes) {
		return fmt.Errorf("a selected sidecar has clusters %q; want one for %s and none for %s", snapshot.Clusters(), s.host(), kubernetes)
	}
	return nil
}

// seenByGateway: the gateway passes connections for the entry through.
func (s *pushSentinel) seenByGateway(ctx context.Context) error {
	snapshot, err := s.c.fetch(ctx, eastWestGateway)
	if err != nil {
		return err
	}
	passes, err := passes(snapshot, proxy.SNI(s.host(), "", 80))
	if err == nil && !passes {
		err = fmt.Errorf("the gateway has no filter chain for %s", s.host())
	}
	return err
}

// passes says whether the gateway passes a connection with that SNI through.
func passes(gateway *proxy.Snapshot, sni string) (bool, error) {
	chains, err := gateway.Chains(gatewayAddress)
	return slices.ContainsFunc(chains, func(chain proxy.Chain) bool { return slices.Contains(chain.SNIs, sni) }), err
}

// store creates objects, for the length of a test.
func (c *cluster) store(t *testing.T, objects ...*unstructured.Unstructured) {
	t.Helper()
	c.makeNamespaces(t, objects...)
	for _, object := range objects {
		object := object.DeepCopy()
		if err := c.api.Create(t.Context(), object); err != nil {
			t.Fatalf("cannot store %s %s/%s: %v", object.GetKind(), object.GetNamespace(), object.GetName(), err)
		}
		t.Cleanup(func() {
			if err := client.IgnoreNotFound(c.api.Delete(context.Background(), object)); err != nil {
				t.Error(err)
			}
		})
	}
}
