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

	var validating admissionregistrationv1.ValidatingWebhookConfiguration
	if err := i.inject(ctx, authority, &validating, func(set func([]byte) []byte) {
		for w := range validating.Webhooks {
			config := &validating.Webhooks[w].ClientConfig
			config.CABundle = set(config.CABundle)
		}
	}); err != nil {
		return reconcile.Result{}, err
	}
	var mutating admissionregistrationv1.MutatingWebhookConfiguration
	return reconcile.Result{}, i.inject(ctx, authority, &mutating, func(set func([]byte) []byte) {
		for w := range mutating.Webhooks {
			config := &mutating.Webhooks[w].ClientConfig
			config.CABundle = set(config.CABundle)
		}
	})
}

// inject reads a configuration, changes its caBundles and writes it back when
// that changed anything. The function each calls its argument for each caBundle.
func (i *Injector) inject(ctx context.Context, authority []byte, configuration client.Object, each func(set func([]byte) []byte)) error {
	if err := i.client.Get(ctx, types.NamespacedName{Name: ConfigurationName}, configuration); err != nil {
		return client.IgnoreNotFound(err)
	}
	before, ok := configuration.DeepCopyObject().(client.Object)
	if !ok {
		return fmt.Errorf("a %T is no object", configuration)
	}
	changed := false
	var failure error
	each(func(bundle []byte) []byte {
		merged, err := Merge(bundle, authority, time.Now())
		if err != nil {
			failure = err
			return bundle
		}
		changed = changed || !bytes.Equal(merged, bundle)
		return merged
	})
	if failure != nil || !changed {
		return failure
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
