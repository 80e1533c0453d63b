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
	if err := i.redirect(ctx, replica, func(webhook admissionregistrationv1.ValidatingWebhook) ([]admissionregistrationv1.ValidatingWebhook, error) {
		err := point(&webhook.ClientConfig, replica)
		return []admissionregistrationv1.ValidatingWebhook{webhook}, err
	}); err != nil {
		return err
	}
	if err := i.waitForObjects(ctx, replica, probePrefix); err != nil {
		return err
	}
	return i.settle(ctx, replica)
}

// redirect has all webhooks ask replica, but for the one for mesh objects: spread
// returns what takes its place, whether it was one or several until now.
func (i *Installation) redirect(ctx context.Context, replica *Replica,
	spread func(admissionregistrationv1.ValidatingWebhook) ([]admissionregistrationv1.ValidatingWebhook, error)) error {
	var validating admissionregistrationv1.ValidatingWebhookConfiguration
	if err := i.change(ctx, &validating, func() error {
		var webhooks []admissionregistrationv1.ValidatingWebhook
		copied := false
		for _, webhook := range validating.Webhooks {
			switch {
			case !copyOf(webhook):
				if err := point(&webhook.ClientConfig, replica); err != nil {
					return err
				}
				webhooks = append(webhooks, webhook)
			case !copied:
				copies, err := spread(original(webhook))
				if err != nil {
					return err
				}
				webhooks, copied = append(webhooks, copies...), true
			}
		}
		validating.Webhooks = webhooks
		return nil
	}); err != nil {
		return err
	}
	var mutating admissionregistrationv1.MutatingWebhookConfiguration
	return i.change(ctx, &mutating, func() (err error) {
		for n := range mutating.Webhooks {
			err = errors.Join(err, point(&mutating.Webhooks[n].ClientConfig, replica))
		}
		return err
	})
}

// settle waits until the API server asks replica about pods, too, and notes that
// it does.
func (i *Installation) settle(ctx context.Context, replica *Replica) error {
	if err := i.waitForPods(ctx, replica); err != nil {
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
