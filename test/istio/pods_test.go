package istio

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	"fedmesh.io/fedmesh/policies/api/v1alpha1"
	"fedmesh.io/fedmesh/test/installation"
)

// TestPods creates pods of every shape with fedmesh and Istio's injector in every
// order. What is stored is compared with a file, and held against what a pod of
// the federation has to have; what Istio alone accepts, both together must accept,
// and what Istio refuses is refused in its words.
func TestPods(t *testing.T) {
	c := startPodCluster(t, "testdata/operator.yaml")
	c.labelRootNamespace(t, "network-1")
	t.Run("usual", func(t *testing.T) { c.checkShapes(t, usual, shapes) })
	t.Run("any", c.checkAnyPod)
	t.Run("dry run", func(t *testing.T) { testDryRunOfPods(t, c) })
	t.Run("network that Istio does not know", func(t *testing.T) {
		c.labelRootNamespace(t, "")
		phase := usual.as("no-network")
		phase.settings.RootNetwork = ""
		c.checkShapes(t, phase, []shape{{name: "native"}, {name: "gateway"}, {name: "labelled"}})
	})
	t.Run("another network", func(t *testing.T) {
		c.labelRootNamespace(t, "network-3")
		phase := usual.as("other-network")
		phase.settings.RootNetwork = "network-3"
		c.checkShapes(t, phase, []shape{{name: "native"}})
	})
	t.Run("node without native sidecars", func(t *testing.T) {
		c.labelRootNamespace(t, "network-1")
		c.addOldNode(t)
		c.checkShapes(t, usual.as("old-node"), []shape{{name: "automatic"}, {name: "native"}})
	})
	t.Run("hostPath", func(t *testing.T) {
		c.useHostPath(t)
		phase := usual.as("host-path")
		phase.settings.Pods.WorkloadSocket = v1alpha1.WorkloadSocket{Type: v1alpha1.WorkloadSocketHostPath, Path: hostPath}
		c.checkShapes(t, phase, []shape{
			{name: "native"}, {name: "classic"}, {name: "gateway"}, {name: "hostpath-volume"},
			{name: "csi-volume", keepsVolume: true, warned: true},
		})
	})
}

// TestPodsWithCNI is TestPods where Istio's CNI plugin redirects traffic: it reads
// the environment of the proxy and puts another init container into the pod.
func TestPodsWithCNI(t *testing.T) {
	c := startPodCluster(t, "testdata/operator-cni.yaml")
	c.labelRootNamespace(t, "network-1")
	c.checkShapes(t, usual.as("cni"), []shape{{name: "native"}, {name: "classic"}, {name: "gateway"}, {name: "init-container"}})
}

// startPodCluster starts a cluster with Istio, configured by a file, and fedmesh
// in every order.
func startPodCluster(t *testing.T, operator string) *cluster {
	t.Helper()
	text, err := os.ReadFile(operator)
	if err != nil {
		t.Fatal(err)
	}
	c := startCluster(t, string(text))
	registerOrders(t, c, podCalls(c.installFedmesh(t).Replica()))
	return c
}

// shape is a directory of testdata/pods, and in what its pod differs from one
// that takes part in the federation in every way.
type shape struct {
	name string
	// refused says that Istio or the API server refuses the pod.
	refused bool
	// leftAlone says that fedmesh has no part in it.
	leftAlone bool
	// keepsVolume says that the pod brings a workload-socket of another source.
	keepsVolume bool
	// mountsAgain says that the pod has Istio mount the socket at a second path,
	// each time that it is injected.
	mountsAgain bool
	// warned says that the user is told of something.
	warned bool
	// keepsCapture says that the user has switched DNS capture off.
	keepsCapture bool
}

// shapes are all directories of testdata/pods.
var shapes = []shape{
	{name: "automatic"},
	{name: "checkout"},
	{name: "classic"},
	{name: "config-anchor"},
	{name: "config-block"},
	{name: "config-both-names"},
	{name: "config-capture-off", keepsCapture: true},
	{name: "config-capture-on"},
	{name: "config-empty"},
	{name: "config-json"},
	{name: "config-malformed", refused: true, warned: true},
	{name: "config-misspelt", warned: true},
	{name: "config-mistyped", refused: true, warned: true},
	{name: "config-null"},
	{name: "config-original-name"},
	{name: "config-other"},
	{name: "config-two-documents"},
	{name: "csi-and-emptydir"},
	{name: "csi-volume"},
	{name: "csi-volume-application"},
	{name: "csi-volume-classic"},
	{name: "csi-volume-writable"},
	{name: "gateway"},
	{name: "gateway-csi-volume"},
	{name: "hold-application"},
	{name: "host-network", leftAlone: true},
	{name: "hostpath-volume", keepsVolume: true, warned: true},
	{name: "init-container"},
	{name: "invalid-mount", refused: true},
	{name: "job"},
	{name: "job-classic"},
	{name: "labelled"},
	{name: "malformed-user-volume", refused: true},
	{name: "native"},
	{name: "not-injected", leftAlone: true},
	{name: "not-injected-annotation", leftAlone: true},
	{name: "opted-out", leftAlone: true},
	{name: "override-classic"},
	{name: "override-init"},
	{name: "override-native"},
	{name: "registered"},
	{name: "spire-template-classic", mountsAgain: true},
	{name: "spire-template-native", refused: true, warned: true},
	{name: "unknown-template", refused: true},
	{name: "user-volume", mountsAgain: true},
	{name: "user-volume-classic", mountsAgain: true},
	{name: "user-volume-other"},
}

// TestShapesAreListed: no directory is forgotten.
func TestShapesAreListed(t *testing.T) {
	directories, err := filepath.Glob("testdata/pods/*")
	if err != nil {
		t.Fatal(err)
	}
	for _, directory := range directories {
		if !slices.ContainsFunc(shapes, func(s shape) bool { return s.name == filepath.Base(directory) }) {
			t.Errorf("%s is not in shapes", directory)
		}
	}
}

// checkShapes creates the pod of each shape in each order.
func (c *cluster) checkShapes(t *testing.T, phase phase, shapes []shape) {
	namespaces := c.makeOrders(t, phase.name)
	for _, shape := range shapes {
		t.Run(shape.name, func(t *testing.T) {
			manifest := readShape(t, shape.name)
			answers := map[order]answer{}
			for o, namespace := range namespaces {
				answers[o] = c.create(t, manifest, namespace)
			}
			if got := answers[istioOnly].refusal; (got != "") != shape.refused {
				t.Fatalf("Istio alone: got refusal %q, want one: %t", got, shape.refused)
			}
			for _, o := range orders {
				t.Run(string(o.order), func(t *testing.T) {
					checkAnswer(t, phase, shape, o.order, answers[o.alone], answers[o.order])
				})
			}
			compareGolden(t, filepath.Join("testdata/pods", shape.name), phase.name, answers)
		})
	}
}

// answer is what became of a pod.
type answer struct {
	// stored is the pod; nil where it was refused.
	stored map[string]any
	// refusal is the message of the refusal.
	refusal string
	// warnings that came with either.
	warnings []string
}

// checkAnswer holds a pod against what Istio alone made of it and against what it
// is to have.
func checkAnswer(t *testing.T, phase phase, shape shape, o order, byIstio, got answer) {
	if len(got.warnings) > 0 && !shape.warned && o != before || len(got.warnings) == 0 && shape.warned && o == reinvoked {
		t.Errorf("got warnings %q, want any: %t", got.warnings, shape.warned)
	}
	switch {
	case got.refusal != byIstio.refusal:
		t.Fatalf("got refusal %q, want Istio's own: %q", got.refusal, byIstio.refusal)
	case shape.refused:
		return
	}
	pod := decodePod(t, got.stored)
	if shape.leftAlone {
		if diff := cmp.Diff(byIstio.stored, got.stored); diff != "" {
			t.Errorf("fedmesh is to leave the pod alone; it differs from Istio's (-Istio +got):\n%s", diff)
		}
		return
	}
	for _, problem := range problemsOf(pod, phase, shape, o) {
		t.Error(problem)
	}
	// Before Istio and not again, fedmesh cannot provide the socket. The check of
	// the finished pod says so, but to nobody who is a controller.
	told := slices.ContainsFunc(got.warnings, func(w string) bool { return strings.HasPrefix(w, "[FED601] ") })
	if o == before && !told && pod.GenerateName == "" && hasEmptySocket(pod) {
		t.Errorf("got warnings %q, want FED601's: the socket's volume is empty", got.warnings)
	}
}

// create creates what a manifest holds and returns what became of the pod: for a
// Job, the one that its controller makes. A dry run before it has the same answer
// and leaves nothing.
func (c *cluster) create(t *testing.T, manifest []byte, namespace string) answer {
	t.Helper()
	var object unstructured.Unstructured
	if err := yaml.Unmarshal(manifest, &object.Object); err != nil {
		t.Fatal(err)
	}
	object.SetNamespace(namespace)
	if object.GetKind() == "Job" {
		if err := c.api.Create(t.Context(), &object); err != nil {
			t.Fatal(err)
		}
		// Its pod is created by a controller, which gets the warnings.
		return answer{stored: normalize(t, c.podOfJob(t, &object))}
	}
	stored := c.countPods(t, namespace)
	dry := c.createPod(t, object.DeepCopy(), client.DryRunAll)
	if got := c.countPods(t, namespace); got != stored {
		t.Errorf("after the dry run: got %d pods, want %d as before", got, stored)
	}
	real := c.createPod(t, &object)
	if diff := cmp.Diff(dry, real, cmp.AllowUnexported(answer{})); diff != "" {
		t.Errorf("the dry run's answer differs from the real one (-dry run +real):\n%s", diff)
	}
	return real
}

func (c *cluster) countPods(t *testing.T, namespace string) int {
	t.Helper()
	var pods corev1.PodList
	if err := c.api.List(t.Context(), &pods, client.InNamespace(namespace)); err != nil {
		t.Fatal(err)
	}
	return len(pods.Items)
}

func (c *cluster) createPod(t *testing.T, pod *unstructured.Unstructured, options ...client.CreateOption) answer {
	t.Helper()
	namespace := pod.GetNamespace()
	c.warnings.take()
	err := c.api.Create(t.Context(), pod, options...)
	got := answer{warnings: c.warnings.take()}
	if err != nil {
		got.refusal = strings.ReplaceAll(err.Error(), namespace, "NAMESPACE")
		// Istio lists its templates in no order.
		if before, _, found := strings.Cut(got.refusal, "; have "); found {
			got.refusal = before + "; have ..."
		}
		return got
	}
	got.stored = normalize(t, pod.Object)
	return got
}

func (c *cluster) podOfJob(t *testing.T, job client.Object) map[string]any {
	t.Helper()
	var pods unstructured.UnstructuredList
	pods.SetGroupVersionKind(corev1.SchemeGroupVersion.WithKind("PodList"))
	if err := installation.Poll(t.Context(), "the Job has no pod", func(ctx context.Context) error {
		err := c.api.List(ctx, &pods, client.InNamespace(job.GetNamespace()), client.MatchingLabels{batchv1.JobNameLabel: job.GetName()})
		if err == nil && len(pods.Items) != 1 {
			err = fmt.Errorf("got %d pods, want 1", len(pods.Items))
		}
		return err
	}); err != nil {
		t.Fatal(err)
	}
	return pods.Items[0].Object
}

func readShape(t *testing.T, name string) []byte {
	t.Helper()
	manifest, err := os.ReadFile(filepath.Join("testdata/pods", name, "pod.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	return manifest
}

func decodePod(t *testing.T, object map[string]any) *corev1.Pod {
	t.Helper()
	text, err := json.Marshal(object)
	if err != nil {
		t.Fatal(err)
	}
	var pod corev1.Pod
	if err := json.Unmarshal(text, &pod); err != nil {
		t.Fatal(err)
	}
	return &pod
}
