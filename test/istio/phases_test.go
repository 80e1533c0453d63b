package istio

import (
	"context"
	"fmt"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	"fedmesh.io/fedmesh/policies"
	"fedmesh.io/fedmesh/test/installation"
	"fedmesh.io/fedmesh/test/istio/istiod"
)

// phase is what holds in the cluster while pods are created.
type phase struct {
	// name heads the names of files and namespaces.
	name string
	// settings are those that fedmesh patches pods by.
	settings policies.PodSettings
}

// usual is the phase in which Istio knows the network of the local member.
var usual = phase{"usual", policies.PodSettings{Network: "network-1", RootNetwork: "network-1"}}

// as is the same phase with another name.
func (p phase) as(name string) phase {
	p.name = name
	return p
}

// hostPath is the directory of the node that sockets come from, where they do.
const hostPath = "/run/spire/agent-sockets"

// addOldNode adds a node that Istio does not trust with native sidecars.
func (c *cluster) addOldNode(t *testing.T) {
	t.Helper()
	node := &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: "old"}}
	if err := c.api.Create(t.Context(), node); err != nil {
		t.Fatal(err)
	}
	node.Status.NodeInfo.KubeletVersion = "v1.31.4"
	if err := c.api.Status().Update(t.Context(), node); err != nil {
		t.Fatal(err)
	}
}

// labelRootNamespace says in which network the mesh is, and returns when fedmesh
// has seen it.
func (c *cluster) labelRootNamespace(t *testing.T, network string) {
	t.Helper()
	value := "null"
	if network != "" {
		value = fmt.Sprintf("%q", network)
	}
	patch := fmt.Sprintf(`{"metadata": {"labels": {"topology.istio.io/network": %s}}}`, value)
	root := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: istiod.Namespace}}
	if err := c.api.Patch(t.Context(), root, client.RawPatch(types.MergePatchType, []byte(patch))); err != nil {
		t.Fatal(err)
	}
	want := map[string]string{
		"":          "skipped: namespace istio-system has no label",
		"network-1": "applied: network-1",
		"network-3": "skipped: namespace istio-system has topology.istio.io/network=network-3",
	}[network]
	c.waitForStatus(t, "network-label", want)
}

// useHostPath configures the socket of a directory of the node.
func (c *cluster) useHostPath(t *testing.T) {
	t.Helper()
	c.kubectl(t, "", "patch", "federation", "default", "--type=merge",
		`--patch={"spec": {"pods": {"workloadSocket": {"type": "HostPath", "path": "`+hostPath+`", "csiDriver": null}}}}`)
	c.waitForStatus(t, "workload-socket", "applied: hostPath "+hostPath)
}

// waitForStatus waits until pods get a status that says so of a mutation.
func (c *cluster) waitForStatus(t *testing.T, mutation, prefix string) {
	t.Helper()
	manifest := readShape(t, "native")
	if err := installation.Poll(t.Context(), "fedmesh does not know what has changed", func(ctx context.Context) error {
		var pod corev1.Pod
		if err := yaml.Unmarshal(manifest, &pod); err != nil {
			return err
		}
		pod.Namespace = "probe-" + string(reinvoked)
		if err := c.api.Create(ctx, &pod, client.DryRunAll); err != nil {
			return err
		}
		if got := statusOf(&pod)[mutation]; !strings.HasPrefix(got, prefix) {
			return fmt.Errorf("the status says %s: %q, want %q", mutation, got, prefix)
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
}
