package istio

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"fedmesh.io/fedmesh/test/installation"
	"fedmesh.io/fedmesh/test/istio/istiod"
)

// An order is a way in which fedmesh's webhook for pods and Istio's can follow
// each other. A namespace's label says which one it is for: for each order there
// are configurations of its own, so that all are there at the same time.
type order string

const (
	// istioOnly is Istio without fedmesh: what it makes of a pod by itself.
	// istioAgain is the same where Istio's installation sets reinvocationPolicy to
	// IfNeeded.
	istioOnly  order = "istio-only"
	istioAgain order = "istio-again"
	// reinvoked is what the manifests install: fedmesh, Istio, fedmesh again.
	reinvoked order = "reinvoked"
	// before is fedmesh and then Istio, as where somebody has set
	// reinvocationPolicy to Never.
	before order = "before"
	// after is Istio and then fedmesh, as where somebody has renamed either. It is
	// called once: with IfNeeded it would be called again, because the API server
	// gives the proxy the mounts of other containers after the webhooks.
	after order = "after"
	// both is fedmesh and Istio, and then each again, so that Istio has the last
	// word.
	both order = "both"
)

// orders are those that fedmesh has a part in.
var orders = []struct {
	order order
	// calls is how often fedmesh is called for a pod.
	calls int
	// alone is the order that shows what Istio does there without fedmesh.
	alone order
}{
	{reinvoked, 2, istioOnly},
	{before, 1, istioOnly},
	{after, 1, istioOnly},
	{both, 2, istioAgain},
}

// orderLabel says on a namespace which order its pods are for.
const orderLabel = "test.fedmesh.io/order"

// registerOrders makes the configurations of all orders from the two that are
// installed, and returns when the API server follows them.
func registerOrders(t *testing.T, c *cluster, calls func(context.Context) (int, error)) {
	t.Helper()
	ctx := t.Context()
	for _, derived := range []struct {
		from, name string
		policy     admissionregistrationv1.ReinvocationPolicyType
		orders     []string
	}{
		// Configurations are called in the order of their names.
		{"fedmesh", "fedmesh-before", admissionregistrationv1.NeverReinvocationPolicy, []string{string(before)}},
		{"fedmesh", "zz-fedmesh-after", admissionregistrationv1.NeverReinvocationPolicy, []string{string(after)}},
		{istiod.InjectorConfiguration, istiod.InjectorConfiguration + "-both", admissionregistrationv1.IfNeededReinvocationPolicy, []string{string(both), string(istioAgain)}},
	} {
		var installed admissionregistrationv1.MutatingWebhookConfiguration
		if err := c.api.Get(ctx, client.ObjectKey{Name: derived.from}, &installed); err != nil {
			t.Fatal(err)
		}
		configuration := &admissionregistrationv1.MutatingWebhookConfiguration{
			ObjectMeta: metav1.ObjectMeta{Name: derived.name},
			Webhooks:   installed.DeepCopy().Webhooks,
		}
		for i := range configuration.Webhooks {
			webhook := &configuration.Webhooks[i]
			webhook.ReinvocationPolicy = &derived.policy
			restrict(webhook, metav1.LabelSelectorOpIn, derived.orders)
			restrict(&installed.Webhooks[i], metav1.LabelSelectorOpNotIn, derived.orders)
		}
		if err := c.api.Create(ctx, configuration); err != nil {
			t.Fatal(err)
		}
		if err := c.api.Update(ctx, &installed); err != nil {
			t.Fatal(err)
		}
	}
	for _, o := range orders {
		namespace := c.makeNamespace(t, "probe", o.order)
		if err := installation.Poll(ctx, "the API server does not follow the order "+string(o.order), func(ctx context.Context) error {
			earlier, err := calls(ctx)
			if err != nil {
				return err
			}
			pod := &corev1.Pod{
				ObjectMeta: metav1.ObjectMeta{Name: "probe", Namespace: namespace},
				Spec:       corev1.PodSpec{Containers: []corev1.Container{{Name: "probe", Image: "probe.example.com/probe"}}},
			}
			if err := c.api.Create(ctx, pod, client.DryRunAll); err != nil {
				return err
			}
			later, err := calls(ctx)
			if err == nil && later-earlier != o.calls {
				err = fmt.Errorf("a pod led to %d calls of fedmesh, want %d", later-earlier, o.calls)
			}
			return err
		}); err != nil {
			t.Fatal(err)
		}
	}
}

func restrict(webhook *admissionregistrationv1.MutatingWebhook, operator metav1.LabelSelectorOperator, values []string) {
	webhook.NamespaceSelector.MatchExpressions = append(webhook.NamespaceSelector.MatchExpressions,
		metav1.LabelSelectorRequirement{Key: orderLabel, Operator: operator, Values: values})
}

// makeOrders makes the namespaces of all orders in a phase of a test.
func (c *cluster) makeOrders(t *testing.T, phase string) map[order]string {
	t.Helper()
	namespaces := map[order]string{}
	for _, o := range []order{istioOnly, istioAgain, reinvoked, before, after, both} {
		namespaces[o] = c.makeNamespace(t, phase, o)
	}
	return namespaces
}

// makeNamespace makes the namespace of an order in a phase of a test. Istio
// injects its pods, and they take part in the federation unless Istio is to be
// alone.
func (c *cluster) makeNamespace(t *testing.T, phase string, o order) string {
	t.Helper()
	namespace := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{
		Name:   phase + "-" + string(o),
		Labels: map[string]string{"istio-injection": "enabled", orderLabel: string(o)},
	}}
	if o != istioOnly && o != istioAgain {
		namespace.Labels["fedmesh.io/federation"] = "enabled"
	}
	if err := c.api.Create(t.Context(), namespace); err != nil {
		t.Fatal(err)
	}
	// A pod is refused until its ServiceAccount is there.
	if err := installation.Poll(t.Context(), "no ServiceAccount in "+namespace.Name, func(ctx context.Context) error {
		return c.api.Get(ctx, client.ObjectKey{Namespace: namespace.Name, Name: "default"}, &corev1.ServiceAccount{})
	}); err != nil {
		t.Fatal(err)
	}
	return namespace.Name
}

// podCalls counts the requests that a replica has answered about pods.
func podCalls(replica *installation.Replica) func(context.Context) (int, error) {
	return func(ctx context.Context) (int, error) {
		request, err := http.NewRequestWithContext(ctx, http.MethodGet, replica.MetricsURL+"/metrics", nil)
		if err != nil {
			return 0, err
		}
		response, err := http.DefaultClient.Do(request)
		if err != nil {
			return 0, err
		}
		defer response.Body.Close()
		body, err := io.ReadAll(response.Body)
		if err != nil {
			return 0, err
		}
		var count int
		for line := range strings.Lines(string(body)) {
			if rest, found := strings.CutPrefix(line, `controller_runtime_webhook_latency_seconds_count{webhook="/pods"} `); found {
				_, err = fmt.Sscan(rest, &count)
			}
		}
		return count, err
	}
}
