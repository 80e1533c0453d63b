package istio

import (
	"context"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"fedmesh.io/fedmesh/test/installation"
	"fedmesh.io/fedmesh/test/istio/proxy"
)

// walkthrough is the directory of what README.md tells users to apply on both
// sides.
const walkthrough = "testdata/walkthrough"

const sampleFederation = "../../manifests/samples/federation.yaml"

// testWalkthrough follows a request from a pod of one cluster to a pod of another:
// the name resolves, the connection goes to the other gateway on 15443 with mutual
// TLS, and that gateway has a filter chain for the SNI and an endpoint behind it.
func testWalkthrough(t *testing.T, calling, serving *cluster) {
	calling.declare(t, readFile(t, sampleFederation))
	serving.serve(t)
	greeting := calling.call(t)

	gateway := serving.views(t).gateway
	chain, err := chainFor(gateway, greeting.SNI)
	if err != nil {
		t.Fatal(err)
	}
	if chain == nil {
		t.Fatalf("the gateway of the serving side has no filter chain for SNI %s", greeting.SNI)
	}
	for _, protocol := range greeting.ALPN {
		if !slices.Contains(chain.ALPN, protocol) {
			t.Errorf("the filter chain is for protocols %q; want all that the client offers, which are %q", chain.ALPN, greeting.ALPN)
		}
	}
	got, err := gateway.Endpoints(chain.Cluster)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]proxy.Endpoint{{Address: servingPod + ":8080"}}, got); diff != "" {
		t.Errorf("the endpoints behind the filter chain differ (-want +got):\n%s", diff)
	}
}

// servingPod is the address of httpbin's pod.
const servingPod = "10.244.0.7"

// serve sets the serving side up: first as it was enough before Istio 1.20, which
// exposes nothing any more, and then with the entry that it takes.
func (c *cluster) serve(t *testing.T) {
	t.Helper()
	sni := proxy.SNI(httpbin, "", 8000)
	c.apply(t, "serving/workload.yaml")
	c.run(t, client.ObjectKey{Namespace: "bar", Name: "httpbin"})
	c.apply(t, "gateway.yaml")
	c.catchUp(t)
	if chain, err := chainFor(c.views(t).gateway, sni); err != nil || chain != nil {
		t.Errorf("without an entry for the federated host the gateway has filter chain %+v, %v; want none", chain, err)
	}
	c.apply(t, "serving/entry.yaml")
	if err := installation.Poll(t.Context(), "the gateway does not expose the host", func(ctx context.Context) error {
		gateway, err := c.fetch(ctx, eastWestGateway)
		if err != nil {
			return err
		}
		chain, err := chainFor(gateway, sni)
		if err != nil {
			return err
		}
		if chain == nil {
			return fmt.Errorf("there is no filter chain for %s", sni)
		}
		endpoints, err := gateway.Endpoints(chain.Cluster)
		if err == nil && len(endpoints) == 0 {
			err = fmt.Errorf("cluster %s has no endpoints", chain.Cluster)
		}
		return err
	}); err != nil {
		t.Fatal(err)
	}
}

// call sets the clients' side up and returns how a sidecar there begins TLS.
func (c *cluster) call(t *testing.T) *proxy.TLS {
	t.Helper()
	for _, file := range []string{"client/rule.yaml", "gateway.yaml", "client/entry.yaml", "client/sidecar.yaml"} {
		if output := c.apply(t, file); strings.Contains(output, "Warning") {
			t.Errorf("%s: got %q; want nobody to warn", file, output)
		}
	}
	c.catchUp(t)
	sidecar := c.views(t).sidecar

	if diff := cmp.Diff([]string{"240.0.0.2"}, sidecar.Resolve(httpbin)); diff != "" {
		t.Errorf("the answers to a DNS query differ (-want +got):\n%s", diff)
	}
	cluster := proxy.ClusterName(httpbin, "", 8000)
	chain, err := sidecar.Connect(netip.MustParseAddrPort("240.0.0.2:8000"), proxy.HTTP)
	if err != nil {
		t.Fatal(err)
	}
	if got := sidecar.Request(chain.Routes, httpbin); got != cluster {
		t.Errorf("a request to 240.0.0.2:8000 goes to %q; want %q", got, cluster)
	}
	got, err := sidecar.Endpoints(cluster)
	if err != nil {
		t.Fatal(err)
	}
	tls := mutual(httpbin, "", 8000, "spiffe://bar.com/ns/bar/sa/httpbin")
	if diff := cmp.Diff([]proxy.Endpoint{{Address: "34.122.11.2:15443", TLS: tls}}, got); diff != "" {
		t.Fatalf("the endpoints differ (-want +got):\n%s", diff)
	}
	return got[0].TLS
}

// chainFor returns the gateway's filter chain for an SNI, or nil.
func chainFor(gateway *proxy.Snapshot, sni string) (*proxy.Chain, error) {
	chains, err := gateway.Chains(gatewayAddress)
	for _, chain := range chains {
		if slices.Contains(chain.SNIs, sni) {
			return &chain, nil
		}
	}
	return nil, err
}

// run gives a pod what a node gives it: an address and the condition that it is
// ready.
func (c *cluster) run(t *testing.T, key client.ObjectKey) {
	t.Helper()
	var pod corev1.Pod
	if err := c.api.Get(t.Context(), key, &pod); err != nil {
		t.Fatal(err)
	}
	pod.Status.Phase = corev1.PodRunning
	pod.Status.PodIP = servingPod
	pod.Status.PodIPs = []corev1.PodIP{{IP: servingPod}}
	pod.Status.Conditions = append(pod.Status.Conditions, corev1.PodCondition{Type: corev1.PodReady, Status: corev1.ConditionTrue})
	if err := c.api.Status().Update(t.Context(), &pod); err != nil {
		t.Fatal(err)
	}
}

// apply applies a file of the walkthrough as a user does, for the length of a test,
// and returns what kubectl printed.
func (c *cluster) apply(t *testing.T, file string) string {
	t.Helper()
	text := readFile(t, filepath.Join(walkthrough, file))
	objects, err := parseObjects([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	if objects[0].GetKind() != "Namespace" {
		c.makeNamespaces(t, objects...)
	}
	output := c.kubectl(t, text, "apply", "--filename=-")
	t.Cleanup(func() {
		result := c.plane.Kubectl(context.Background(), text, "delete", "--wait=false", "--filename=-")
		if err := result.Err(); err != nil {
			t.Error(err)
		}
	})
	return output
}

func readFile(t *testing.T, path string) string {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}
