package istiod

import (
	"context"
	"errors"
	"fmt"
	"strings"

	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/client-go/util/retry"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"fedmesh.io/fedmesh/test/installation"
)

// The webhook configurations of the manifests.
const (
	// InjectorConfiguration is the MutatingWebhookConfiguration of Istio's
	// sidecar injector.
	InjectorConfiguration  = "istio-sidecar-injector"
	validatorConfiguration = "istio-validator-istio-system"
)

// register points Istio's webhooks at the process.
func (i *Istiod) register(ctx context.Context) error {
	var injector admissionregistrationv1.MutatingWebhookConfiguration
	if err := i.change(ctx, InjectorConfiguration, &injector, func() {
		for n := range injector.Webhooks {
			i.point(&injector.Webhooks[n].ClientConfig)
		}
	}); err != nil {
		return err
	}
	var validator admissionregistrationv1.ValidatingWebhookConfiguration
	return i.change(ctx, validatorConfiguration, &validator, func() {
		for n := range validator.Webhooks {
			i.point(&validator.Webhooks[n].ClientConfig)
			validator.Webhooks[n].ObjectSelector = &metav1.LabelSelector{}
		}
	})
}

// change reads a webhook configuration, lets modify change it and writes it back,
// over again when istiod wrote to it in between.
func (i *Istiod) change(ctx context.Context, name string, configuration client.Object, modify func()) error {
	err := retry.RetryOnConflict(retry.DefaultBackoff, func() error {
		if err := i.client.Get(ctx, client.ObjectKey{Name: name}, configuration); err != nil {
			return err
		}
		modify()
		return i.client.Update(ctx, configuration)
	})
	if err != nil {
		return fmt.Errorf("cannot point Istio's webhooks at istiod: %w", err)
	}
	return nil
}

func (i *Istiod) point(config *admissionregistrationv1.WebhookClientConfig) {
	if config.Service == nil || config.Service.Path == nil {
		return
	}
	url := i.process.webhooks + *config.Service.Path
	config.Service, config.URL, config.CABundle = nil, &url, i.process.authority
}

// waitUntilCalled waits until the API server asks istiod about pods and about
// mesh objects: it takes a moment until it knows of changed configurations.
func (i *Istiod) waitUntilCalled(ctx context.Context) (err error) {
	namespace := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{
		GenerateName: "istio-probe-",
		Labels:       map[string]string{"istio-injection": "enabled"},
	}}
	if err := i.client.Create(ctx, namespace); err != nil {
		return fmt.Errorf("cannot make a namespace to see whether pods are injected: %w", err)
	}
	defer func() { err = errors.Join(err, i.client.Delete(context.WithoutCancel(ctx), namespace)) }()
	if err := installation.Poll(ctx, "pods are not injected", func(ctx context.Context) error {
		pod := &corev1.Pod{
			ObjectMeta: metav1.ObjectMeta{Name: "probe", Namespace: namespace.Name},
			Spec:       corev1.PodSpec{Containers: []corev1.Container{{Name: "probe", Image: "probe.example.com/probe"}}},
		}
		if err := i.client.Create(ctx, pod, client.DryRunAll); err != nil {
			return err
		}
		if _, injected := pod.Annotations["sidecar.istio.io/status"]; !injected {
			return errors.New("a pod was left as it is")
		}
		return nil
	}); err != nil {
		return fmt.Errorf("%w; %s", err, i.process.log.LastLines())
	}
	return installation.Poll(ctx, "mesh objects are not validated", func(ctx context.Context) error {
		err := i.client.Create(ctx, invalidEntry(namespace.Name), client.DryRunAll)
		if err == nil || !strings.Contains(err.Error(), "validation.istio.io") {
			return fmt.Errorf("the ServiceEntry of the probe, which is invalid, was not refused by Istio's webhook: %w", err)
		}
		return nil
	})
}

// invalidEntry passes the CRD's schema and not Istio's own validation.
func invalidEntry(namespace string) *unstructured.Unstructured {
	return &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": "networking.istio.io/v1",
		"kind":       "ServiceEntry",
		"metadata":   map[string]any{"name": "istio-probe", "namespace": namespace},
		"spec": map[string]any{
			"hosts":      []any{"istio-probe.example.com"},
			"resolution": "STATIC",
			"ports":      []any{map[string]any{"number": int64(80), "name": "http", "protocol": "HTTP"}},
			"endpoints":  []any{map[string]any{"address": "no-address.example.com"}},
		},
	}}
}
