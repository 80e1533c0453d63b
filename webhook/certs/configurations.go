package certs

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"maps"
	"net/url"
	"slices"
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
	lock   sync.RWMutex
	called map[string][]calledWebhook // by kind of configuration
	synced []func() bool
}

// calledWebhook is a webhook as the API server calls it.
type calledWebhook struct {
	host   string
	bundle []byte
}

// NewTrust returns a Trust that knows nothing yet.
func NewTrust() *Trust { return &Trust{called: map[string][]calledWebhook{}} }

// Watch keeps the Trust current from source while ctx lasts.
func (t *Trust) Watch(ctx context.Context, source cache.Cache) error {
	for _, object := range configurations() {
		informer, err := source.GetInformer(ctx, object, cache.BlockUntilSynced(false))
		if err != nil {
			return fmt.Errorf("cannot watch the webhook configurations: %w", err)
		}
		registration, err := informer.AddEventHandler(toolscache.ResourceEventHandlerFuncs{
			AddFunc:    t.set,
			UpdateFunc: func(_, object any) { t.set(object) },
			DeleteFunc: t.forget,
		})
		if err != nil {
			return err
		}
		t.lock.Lock()
		t.synced = append(t.synced, registration.HasSynced)
		t.lock.Unlock()
	}
	return nil
}

func (t *Trust) set(object any) {
	kind, configs := clientConfigs(object)
	var called []calledWebhook
	for _, config := range configs {
		called = append(called, calledBy(config))
	}
	t.lock.Lock()
	defer t.lock.Unlock()
	t.called[kind] = called
}

func (t *Trust) forget(object any) {
	if tombstone, ok := object.(toolscache.DeletedFinalStateUnknown); ok {
		object = tombstone.Obj
	}
	kind, _ := clientConfigs(object)
	t.lock.Lock()
	defer t.lock.Unlock()
	delete(t.called, kind)
}

// configurations returns an empty object for each of the two configurations.
func configurations() []client.Object {
	return []client.Object{
		&admissionregistrationv1.ValidatingWebhookConfiguration{},
		&admissionregistrationv1.MutatingWebhookConfiguration{},
	}
}

// clientConfigs returns how the webhooks of a configuration are called. They are
// the configuration's own, so that changing one changes it.
func clientConfigs(object any) (kind string, configs []*admissionregistrationv1.WebhookClientConfig) {
	switch configuration := object.(type) {
	case *admissionregistrationv1.ValidatingWebhookConfiguration:
		for i := range configuration.Webhooks {
			configs = append(configs, &configuration.Webhooks[i].ClientConfig)
		}
		return "ValidatingWebhookConfiguration", configs
	case *admissionregistrationv1.MutatingWebhookConfiguration:
		for i := range configuration.Webhooks {
			configs = append(configs, &configuration.Webhooks[i].ClientConfig)
		}
		return "MutatingWebhookConfiguration", configs
	}
	return "", nil
}

// calledBy returns the name that the API server wants to see in a webhook's
// certificate (k8s.io/apiserver pkg/util/webhook/client.go, HookClient).
func calledBy(config *admissionregistrationv1.WebhookClientConfig) calledWebhook {
	called := calledWebhook{bundle: config.CABundle}
	switch {
	case config.Service != nil:
		called.host = config.Service.Name + "." + config.Service.Namespace + ".svc"
	case config.URL != nil:
		if parsed, err := url.Parse(*config.URL); err == nil {
			called.host = parsed.Hostname()
		}
	}
	return called
}

// Verify checks that the API server accepts certificate in every webhook of both
// configurations. While neither exists nobody calls, and nothing is accepted.
func (t *Trust) Verify(certificate *tls.Certificate) error {
	t.lock.RLock()
	defer t.lock.RUnlock()
	if len(t.synced) < len(configurations()) || slices.ContainsFunc(t.synced, func(synced func() bool) bool { return !synced() }) {
		return errors.New("the webhook configurations are not known yet")
	}
	if len(t.called) == 0 {
		return errors.New("there is no webhook configuration named " + ConfigurationName)
	}
	for _, kind := range slices.Sorted(maps.Keys(t.called)) {
		for _, webhook := range t.called[kind] {
			if err := Verify(certificate, webhook.host, webhook.bundle); err != nil {
				return fmt.Errorf("%s %s: %w", kind, ConfigurationName, err)
			}
		}
	}
	return nil
}
