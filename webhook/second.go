package webhook

import (
	"context"
	"fmt"
	"time"

	"github.com/go-logr/logr"
	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"fedmesh.io/fedmesh/webhook/certs"
)

// refuseSecond returns an error when the webhook configuration belongs to an
// installation in another namespace as this one starts: two would each keep claims
// that the other does not see. While the API server is away, or nothing is installed, there is
// nothing to refuse.
func refuseSecond(ctx context.Context, api client.Reader, namespace string, log logr.Logger) error {
	const pause = 2 * time.Second
	for {
		var configuration admissionregistrationv1.ValidatingWebhookConfiguration
		err := api.Get(ctx, client.ObjectKey{Name: certs.ConfigurationName}, &configuration)
		if err == nil {
			if other := owner(&configuration); other != "" && other != namespace {
				return fmt.Errorf("ValidatingWebhookConfiguration %s calls the fedmesh in namespace %s, and this one is in %s; "+
					"a cluster has one installation: delete one of the two", certs.ConfigurationName, other, namespace)
			}
		}
		if err == nil || apierrors.IsNotFound(err) {
			<-ctx.Done() // a runnable that ends would be taken for one that failed
			return nil
		}
		log.V(1).Info("Cannot tell yet whether there is another installation", "reason", err.Error())
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(pause):
		}
	}
}

// owner is the namespace of the installation that a configuration calls; empty
// when it calls a URL.
func owner(configuration *admissionregistrationv1.ValidatingWebhookConfiguration) string {
	for _, webhook := range configuration.Webhooks {
		if service := webhook.ClientConfig.Service; service != nil {
			return service.Namespace
		}
	}
	return ""
}
