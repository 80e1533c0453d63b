package manifests

import (
	"context"
	"encoding/json"
	"testing"

	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"fedmesh.io/fedmesh/test/installation"
)

// hook is what the two kinds of webhooks have in common.
type hook struct {
	name         string
	clientConfig admissionregistrationv1.WebhookClientConfig
}

func (o *overlay) webhooks(t *testing.T, kind string) []hook {
	t.Helper()
	var webhooks []hook
	if kind == "mutating" {
		configuration := &admissionregistrationv1.MutatingWebhookConfiguration{}
		o.get(t, "", "fedmesh", configuration)
		for _, webhook := range configuration.Webhooks {
			webhooks = append(webhooks, hook{webhook.Name, webhook.ClientConfig})
		}
		return webhooks
	}
	configuration := &admissionregistrationv1.ValidatingWebhookConfiguration{}
	o.get(t, "", "fedmesh", configuration)
	for _, webhook := range configuration.Webhooks {
		webhooks = append(webhooks, hook{webhook.Name, webhook.ClientConfig})
	}
	return webhooks
}

func (o *overlay) deployment(t *testing.T) *appsv1.Deployment {
	t.Helper()
	deployment := &appsv1.Deployment{}
	o.get(t, installation.Namespace, installation.Name, deployment)
	return deployment
}

// name makes a name that the other overlay's test does not use.
func (o *overlay) unique(name string) string { return name + "-" + o.name }

func (o *overlay) optedIn(t *testing.T, name string) string {
	t.Helper()
	return o.namespace(t, name, map[string]string{"fedmesh.io/federation": "enabled"})
}

// namespace makes a namespace, or adds the labels to one that exists, and waits
// until pods can be created there.
func (o *overlay) namespace(t *testing.T, name string, labels map[string]string) string {
	t.Helper()
	namespace := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name, Labels: labels}}
	err := o.client.Create(t.Context(), namespace)
	if apierrors.IsAlreadyExists(err) {
		var patch []byte
		if patch, err = json.Marshal(map[string]any{"metadata": map[string]any{"labels": labels}}); err == nil {
			err = o.client.Patch(t.Context(), namespace, client.RawPatch("application/merge-patch+json", patch))
		}
	}
	if err != nil {
		t.Fatal(err)
	}
	o.eventually(t, "ServiceAccount of namespace "+name, func() error {
		return o.client.Get(t.Context(), client.ObjectKey{Namespace: name, Name: "default"}, &corev1.ServiceAccount{})
	})
	return name
}

func (o *overlay) get(t *testing.T, namespace, name string, object client.Object) {
	t.Helper()
	if err := o.client.Get(t.Context(), client.ObjectKey{Namespace: namespace, Name: name}, object); err != nil {
		t.Fatal(err)
	}
}

func (o *overlay) unstructured(t *testing.T, apiVersion, kind, namespace, name string) *unstructured.Unstructured {
	t.Helper()
	object := &unstructured.Unstructured{}
	object.SetGroupVersionKind(schema.FromAPIVersionAndKind(apiVersion, kind))
	o.get(t, namespace, name, object)
	return object
}

func (o *overlay) kubectl(t *testing.T, arguments ...string) string {
	t.Helper()
	result := o.plane.Kubectl(t.Context(), "", arguments...)
	if err := result.Err(); err != nil {
		t.Fatal(err)
	}
	return result.Stdout
}

// serviceAccountConfig is the configuration of a client that has the token of a
// ServiceAccount of fedmesh's namespace.
func (o *overlay) serviceAccountConfig(t *testing.T, name string) *rest.Config {
	t.Helper()
	kubeconfig, err := o.plane.ServiceAccountKubeconfig(t.Context(), installation.Namespace, name)
	if err != nil {
		t.Fatal(err)
	}
	config, err := clientcmd.BuildConfigFromFlags("", kubeconfig)
	if err != nil {
		t.Fatal(err)
	}
	return config
}

func newClient(t *testing.T, config *rest.Config) client.Client {
	t.Helper()
	c, err := client.New(config, client.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// eventually repeats check until it is content.
func (o *overlay) eventually(t *testing.T, what string, check func() error) {
	t.Helper()
	if err := installation.Poll(t.Context(), "waiting for "+what, func(context.Context) error { return check() }); err != nil {
		t.Fatal(err)
	}
}
