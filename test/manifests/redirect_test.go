package manifests

import (
	"encoding/json"
	"errors"
	"fmt"
	"testing"

	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// redirect has all webhooks ask what config makes of the Service that the overlay
// has them ask.
func (o *overlay) redirect(t *testing.T, config func(*admissionregistrationv1.ServiceReference) admissionregistrationv1.WebhookClientConfig) {
	t.Helper()
	for _, kind := range []string{"mutating", "validating"} {
		var patch []map[string]any
		for i, webhook := range o.webhooks(t, kind) {
			patch = append(patch, map[string]any{
				"op":    "replace",
				"path":  fmt.Sprintf("/webhooks/%d/clientConfig", i),
				"value": config(o.services[webhook.name]),
			})
		}
		raw, err := json.Marshal(patch)
		if err != nil {
			t.Fatal(err)
		}
		o.kubectl(t, "patch", kind+"webhookconfiguration", "fedmesh", "--type=json", "--patch="+string(raw))
	}
}

// waitUntilCalled waits until requests arrive at the stand-in.
func (o *overlay) waitUntilCalled(t *testing.T) {
	t.Helper()
	namespace := o.optedIn(t, o.unique("opted-in"))
	o.eventually(t, "webhooks to be called", func() error {
		calls := o.standIn.during(func() error {
			return errors.Join(
				o.client.Create(t.Context(), newPod(namespace, "probe"), client.DryRunAll),
				o.client.Create(t.Context(), newMeshObjects("probe")[0], client.DryRunAll),
			)
		})
		if calls.err != nil || len(calls.lines) != 3 { // a pod is asked about twice
			return fmt.Errorf("calls %q, error %v", calls.lines, calls.err)
		}
		return nil
	})
}
