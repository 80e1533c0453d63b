package certs

import (
	"bytes"
	"context"
	"fmt"
	"time"

	"github.com/go-logr/logr"
	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
)

// Injector writes the self-managed authority into the caBundles of fedmesh's
// webhook configurations, and writes it again whenever it is changed. Every
// replica runs it: what is right already is left alone.
type Injector struct {
	client    client.Client
	namespace string
	log       logr.Logger
}

// NewInjector returns an Injector of the authority that is stored in namespace.
func NewInjector(client client.Client, namespace string, log logr.Logger) *Injector {
	return &Injector{client: client, namespace: namespace, log: log}
}

// SetUp has manager run the Injector.
func (i *Injector) SetUp(manager ctrl.Manager) error {
	everywhere := handler.EnqueueRequestsFromMapFunc(func(context.Context, client.Object) []reconcile.Request {
		return []reconcile.Request{{NamespacedName: types.NamespacedName{Name: ConfigurationName}}}
	})
	replicated := false
	return ctrl.NewControllerManagedBy(manager).
		Named("ca-injector").
		Watches(&corev1.Secret{}, everywhere).
		Watches(&admissionregistrationv1.ValidatingWebhookConfiguration{}, everywhere).
		Watches(&admissionregistrationv1.MutatingWebhookConfiguration{}, everywhere).
		WithOptions(controller.Options{NeedLeaderElection: &replicated}).
		Complete(i)
}

// Reconcile writes the authority into both configurations, where they exist.
func (i *Injector) Reconcile(ctx context.Context, _ reconcile.Request) (reconcile.Result, error) {
	var secret corev1.Secret
	if err := i.client.Get(ctx, types.NamespacedName{Namespace: i.namespace, Name: SecretName}, &secret); err != nil {
		return reconcile.Result{}, client.IgnoreNotFound(err) // its creation wakes us again
	}
	authority := secret.Data[corev1.TLSCertKey]

	for _, configuration := range configurations() {
		if err := i.inject(ctx, authority, configuration); err != nil {
			return reconcile.Result{}, err
		}
	}
	return reconcile.Result{}, nil
}

// inject reads a configuration into the given one, changes its caBundles and
// writes it back when that changed anything.
func (i *Injector) inject(ctx context.Context, authority []byte, configuration client.Object) error {
	if err := i.client.Get(ctx, types.NamespacedName{Name: ConfigurationName}, configuration); err != nil {
		return client.IgnoreNotFound(err)
	}
	before, ok := configuration.DeepCopyObject().(client.Object)
	if !ok {
		return fmt.Errorf("a %T is no object", configuration)
	}
	changed := false
	_, called := clientConfigs(configuration)
	for _, config := range called {
		merged, err := Merge(config.CABundle, authority, time.Now())
		if err != nil {
			return err
		}
		changed = changed || !bytes.Equal(merged, config.CABundle)
		config.CABundle = merged
	}
	if !changed {
		return nil
	}
	patch := client.MergeFromWithOptions(before, client.MergeFromWithOptimisticLock{})
	if err := i.client.Patch(ctx, configuration, patch, client.FieldOwner("fedmesh")); err != nil {
		if apierrors.IsConflict(err) {
			return nil // another replica was faster; its write wakes us again
		}
		return fmt.Errorf("cannot write the caBundle of %T %s: %w", configuration, ConfigurationName, err)
	}
	i.log.Info("Wrote the caBundle", "configuration", fmt.Sprintf("%T", configuration))
	return nil
}
