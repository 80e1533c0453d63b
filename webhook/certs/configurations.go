package certs

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"sync"

	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	toolscache "k8s.io/client-go/tools/cache"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// ConfigurationName is the name of both webhook configurations. It sorts before
// "istio-", which has mutations run before Istio's injector.
const ConfigurationName = "fedmesh"

// Trust knows which authorities the API server trusts for fedmesh's webhooks:
// the caBundles of its two webhook configurations.
type Trust struct {
	lock    sync.RWMutex
	bundles map[string][][]byte // by kind of configuration
}

// NewTrust returns a Trust that knows nothing yet.
func NewTrust() *Trust { return &Trust{bundles: map[string][][]byte{}} }

// Watch keeps the Trust current from cache while ctx lasts.
func (t *Trust) Watch(ctx context.Context, source cache.Cache) error {
	for _, object := range []client.Object{
		&admissionregistrationv1.ValidatingWebhookConfiguration{},
		&admissionregistrationv1.MutatingWebhookConfiguration{},
	} {
		informer, err := source.GetInformer(ctx, object, cache.BlockUntilSynced(false))
		if err != nil {
			return fmt.Errorf("cannot watch the webhook configurations: %w", err)
		}
		if _, err := informer.AddEventHandler(toolscache.ResourceEventHandlerFuncs{
			AddFunc:    t.set,
			UpdateFunc: func(_, object any) { t.set(object) },
			DeleteFunc: t.forget,
		}); err != nil {
			return err
		}
	}
	return nil
}

func (t *Trust) set(object any) {
	kind, bundles := bundlesOf(object)
	t.lock.Lock()
	defer t.lock.Unlock()
	t.bundles[kind] = bundles
}

func (t *Trust) forget(object any) {
	if tombstone, ok := object.(toolscache.DeletedFinalStateUnknown); ok {
		object = tombstone.Obj
	}
	kind, _ := bundlesOf(object)
	t.lock.Lock()
	defer t.lock.Unlock()
	delete(t.bundles, kind)
}

// bundlesOf returns the caBundles of a webhook configuration named fedmesh.
func bundlesOf(object any) (kind string, bundles [][]byte) {
	switch configuration := object.(type) {
	case *admissionregistrationv1.ValidatingWebhookConfiguration:
		for _, webhook := range configuration.Webhooks {
			bundles = append(bundles, webhook.ClientConfig.CABundle)
		}
		return "ValidatingWebhookConfiguration", bundles
	case *admissionregistrationv1.MutatingWebhookConfiguration:
		for _, webhook := range configuration.Webhooks {
			bundles = append(bundles, webhook.ClientConfig.CABundle)
		}
		return "MutatingWebhookConfiguration", bundles
	}
	return "", nil
}

// Verify checks that the API server accepts certificate in every webhook of both
// configurations. While neither exists nobody calls, and nothing is accepted.
func (t *Trust) Verify(certificate *tls.Certificate) error {
	t.lock.RLock()
	defer t.lock.RUnlock()
	if len(t.bundles) == 0 {
		return errors.New("there is no webhook configuration named " + ConfigurationName)
	}
	for kind, bundles := range t.bundles {
		for _, bundle := range bundles {
			if err := Verify(certificate, bundle); err != nil {
				return fmt.Errorf("%s %s: %w", kind, ConfigurationName, err)
			}
		}
	}
	return nil
}
