package webhook

import (
	"context"
	"crypto/tls"
	"math"
	"net/http"

	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/rest"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/apiutil"
	"sigs.k8s.io/controller-runtime/pkg/config"
	"sigs.k8s.io/controller-runtime/pkg/manager"
	metricsserver "sigs.k8s.io/controller-runtime/pkg/metrics/server"
	controllerwebhook "sigs.k8s.io/controller-runtime/pkg/webhook"

	"fedmesh.io/fedmesh/policies/api/v1alpha1"
	"fedmesh.io/fedmesh/webhook/certs"
)

// newManager returns a manager that watches no more than fedmesh may read.
func newManager(options Options, source certs.Source) (manager.Manager, error) {
	scheme := runtime.NewScheme()
	// Only what is watched or written: all of Kubernetes' kinds cost memory for nothing.
	for _, add := range []func(*runtime.Scheme) error{
		admissionregistrationv1.AddToScheme, coordinationv1.AddToScheme, corev1.AddToScheme, networkingv1.AddToScheme, v1alpha1.AddToScheme,
	} {
		if err := add(scheme); err != nil {
			return nil, err
		}
	}
	mapper, err := restMapper(scheme)
	if err != nil {
		return nil, err
	}
	named := func(name string) cache.ByObject {
		return cache.ByObject{Field: fields.OneTermEqualSelector("metadata.name", name)}
	}
	secret := named(certs.SecretName)
	secret.Namespaces = map[string]cache.Config{options.Namespace: {}}
	finish := finishTimeout
	return ctrl.NewManager(options.Config, ctrl.Options{
		Scheme: scheme,
		Logger: options.Log,
		// No question to the API server is needed to start: while it is away,
		// everything waits for it.
		MapperProvider: func(*rest.Config, *http.Client) (meta.RESTMapper, error) { return mapper, nil },
		Controller:     config.Controller{CacheSyncTimeout: math.MaxInt64},
		Cache: cache.Options{
			DefaultTransform: cache.TransformStripManagedFields(),
			ByObject: map[client.Object]cache.ByObject{
				&admissionregistrationv1.ValidatingWebhookConfiguration{}: named(certs.ConfigurationName),
				&admissionregistrationv1.MutatingWebhookConfiguration{}:   named(certs.ConfigurationName),
				&corev1.Secret{}: secret,
			},
		},
		Metrics:                 metricsserver.Options{BindAddress: options.MetricsAddress},
		HealthProbeBindAddress:  options.HealthAddress,
		GracefulShutdownTimeout: &finish,
		WebhookServer: controllerwebhook.NewServer(controllerwebhook.Options{
			Host: options.BindAddress,
			Port: options.Port,
			TLSOpts: []func(*tls.Config){func(serving *tls.Config) {
				serving.GetCertificate = source.GetCertificate
			}},
		}),
	})
}

// restMapper maps the kinds that are watched or written to resources.
func restMapper(scheme *runtime.Scheme) (meta.RESTMapper, error) {
	mapper := meta.NewDefaultRESTMapper(nil)
	for _, kind := range []struct {
		object runtime.Object
		scope  meta.RESTScope
	}{
		{&v1alpha1.Federation{}, meta.RESTScopeRoot},
		{&admissionregistrationv1.ValidatingWebhookConfiguration{}, meta.RESTScopeRoot},
		{&admissionregistrationv1.MutatingWebhookConfiguration{}, meta.RESTScopeRoot},
		{&corev1.Secret{}, meta.RESTScopeNamespace},
		{&coordinationv1.Lease{}, meta.RESTScopeNamespace},
		{&networkingv1.IPAddress{}, meta.RESTScopeRoot},
	} {
		groupVersionKind, err := apiutil.GVKForObject(kind.object, scheme)
		if err != nil {
			return nil, err
		}
		mapper.Add(groupVersionKind, kind.scope)
	}
	return mapper, nil
}

// replicated is a runnable that every replica runs.
type replicated func(context.Context) error

// Start runs it.
func (r replicated) Start(ctx context.Context) error { return r(ctx) }

// NeedLeaderElection is false.
func (r replicated) NeedLeaderElection() bool { return false }
