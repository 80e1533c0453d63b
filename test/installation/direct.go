package installation

import (
	"context"
	"errors"
	"fmt"
	"net/url"

	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	"k8s.io/client-go/util/retry"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// configurationName is the name of both webhook configurations.
const configurationName = "fedmesh"

// Direct has the API server ask replica from now on, and nobody else, and
// returns when it does.
func (i *Installation) Direct(ctx context.Context, replica *Replica) error {
	var validating admissionregistrationv1.ValidatingWebhookConfiguration
	if err := i.change(ctx, &validating, func() (err error) {
		for n := range validating.Webhooks {
			err = errors.Join(err, point(&validating.Webhooks[n].ClientConfig, replica))
		}
		return err
	}); err != nil {
		return err
	}
	var mutating admissionregistrationv1.MutatingWebhookConfiguration
	if err := i.change(ctx, &mutating, func() (err error) {
		for n := range mutating.Webhooks {
			err = errors.Join(err, point(&mutating.Webhooks[n].ClientConfig, replica))
		}
		return err
	}); err != nil {
		return err
	}
	if err := i.waitUntilAsked(ctx, replica); err != nil {
		return err
	}
	i.lock.Lock()
	defer i.lock.Unlock()
	i.asked = replica
	return nil
}

// change reads a webhook configuration, lets modify change it and writes it
// back, over again when the server wrote its caBundle in between.
func (i *Installation) change(ctx context.Context, configuration client.Object, modify func() error) error {
	err := retry.RetryOnConflict(retry.DefaultBackoff, func() error {
		if err := i.client.Get(ctx, client.ObjectKey{Name: configurationName}, configuration); err != nil {
			return err
		}
		if err := modify(); err != nil {
			return err
		}
		return i.client.Update(ctx, configuration)
	})
	if err != nil {
		return fmt.Errorf("cannot redirect the webhooks: %w", err)
	}
	return nil
}

// point has a webhook ask replica on the path that it asked the Service, or the
// replica before, on.
func point(config *admissionregistrationv1.WebhookClientConfig, replica *Replica) error {
	var path string
	switch {
	case config.Service != nil && config.Service.Path != nil:
		path = *config.Service.Path
	case config.URL != nil:
		asked, err := url.Parse(*config.URL)
		if err != nil {
			return fmt.Errorf("cannot read a webhook's URL: %w", err)
		}
		path = asked.Path
	}
	target := replica.URL + path
	config.Service, config.URL = nil, &target
	return nil
}
