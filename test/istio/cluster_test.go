package istio

import (
	"context"
	"strings"
	"sync"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/util/sets"
	"k8s.io/apimachinery/pkg/util/validation"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"fedmesh.io/fedmesh/test/controlplane"
	"fedmesh.io/fedmesh/test/installation"
	"fedmesh.io/fedmesh/test/istio/istiod"
	"fedmesh.io/fedmesh/test/istio/proxy"
)

// The members of a federation as Istio is told of them: each with a trust domain of
// its own, the rest as Istio has it.
const (
	callingOperator = operatorHead + "foo.com\n"
	servingOperator = operatorHead + "bar.com\n"
	operatorHead    = `apiVersion: install.istio.io/v1alpha1
kind: IstioOperator
spec:
  profile: minimal
  meshConfig:
    trustDomain: `
)

// cluster is a control plane with istiod.
type cluster struct {
	plane  *controlplane.ControlPlane
	istiod *istiod.Istiod
	api    client.Client
	// sentinels counts the calls of catchUp, declarations those of declare.
	sentinels, declarations int
	warnings
}

// startCluster starts a control plane with istiod, configured by an IstioOperator,
// that lives as long as the test.
func startCluster(t *testing.T, operator string) *cluster {
	t.Helper()
	// Not the test's context, which ends before the cleanups.
	ctx := context.Background()
	c := &cluster{}
	var err error
	if c.plane, err = controlplane.Start(ctx, controlplane.Options{}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := c.plane.Stop(); err != nil {
			t.Error(err)
		}
	})
	c.istiod, err = istiod.Start(ctx, istiod.Options{ControlPlane: c.plane, Operator: operator, Logs: testWriter{t}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := c.istiod.Stop(); err != nil {
			t.Error(err)
		}
	})
	config := c.plane.Config()
	config.WarningHandler = &c.warnings
	config.QPS = -1 // the tests wait for servers, not for a limit of their own
	api, err := client.New(config, client.Options{})
	if err != nil {
		t.Fatal(err)
	}
	// As kubectl does: a field that nobody knows is an error.
	c.api = client.WithFieldValidation(api, metav1.FieldValidationStrict)
	return c
}

// installFedmesh installs fedmesh with the usual Federation for the rest of the
// test.
func (c *cluster) installFedmesh(t *testing.T) *installation.Installation {
	t.Helper()
	installed, err := installation.Install(context.Background(), installation.Options{
		ControlPlane: c.plane, Federation: usualFederation, Logs: testWriter{t},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := installed.Stop(); err != nil {
			t.Error(err)
		}
	})
	return installed
}

// kubectl runs kubectl and returns what it printed on both of its outputs.
func (c *cluster) kubectl(t *testing.T, stdin string, args ...string) string {
	t.Helper()
	result := c.plane.Kubectl(t.Context(), stdin, args...)
	if err := result.Err(); err != nil {
		t.Fatalf("%v\n%s", err, stdin)
	}
	return result.Stdout + result.Stderr
}

// makeNamespaces makes the namespaces of all objects that are not there yet.
func (c *cluster) makeNamespaces(t *testing.T, objects ...*unstructured.Unstructured) {
	t.Helper()
	names := sets.New[string]()
	for _, object := range objects {
		names.Insert(object.GetNamespace())
		exportTo, _, _ := unstructured.NestedStringSlice(object.Object, "spec", "exportTo")
		for _, name := range exportTo {
			if len(validation.IsDNS1123Label(name)) == 0 {
				names.Insert(name)
			}
		}
	}
	for name := range names.Delete("") {
		namespace := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name}}
		if err := client.IgnoreAlreadyExists(c.api.Create(t.Context(), namespace)); err != nil {
			t.Fatalf("cannot make namespace %s: %v", name, err)
		}
	}
}

// fetch returns what istiod has for a proxy.
func (c *cluster) fetch(ctx context.Context, p proxy.Proxy) (*proxy.Snapshot, error) {
	return p.Fetch(ctx, c.istiod.DiscoveryAddress)
}

// warnings keeps the warnings of the API server.
type warnings struct {
	lock  sync.Mutex
	texts []string
}

// HandleWarningHeader is how client-go passes a warning on.
func (w *warnings) HandleWarningHeader(_ int, _, text string) {
	w.lock.Lock()
	defer w.lock.Unlock()
	w.texts = append(w.texts, text)
}

// take returns the warnings since it was called last.
func (w *warnings) take() []string {
	w.lock.Lock()
	defer w.lock.Unlock()
	texts := w.texts
	w.texts = nil
	return texts
}

// testWriter writes to the log of a test.
type testWriter struct{ t *testing.T }

func (w testWriter) Write(text []byte) (int, error) {
	w.t.Log(strings.TrimSuffix(string(text), "\n"))
	return len(text), nil
}
