package manifests

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	eventsv1 "k8s.io/api/events/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"fedmesh.io/fedmesh/policies/api/v1alpha1"
	"fedmesh.io/fedmesh/test/installation"
)

// server installs once more, over what the steps before have left, this time with
// the real server. It runs with the arguments, the environment and the
// ServiceAccount that the overlay gives it, until it is ready, is asked by the API
// server and has reported on the Federation.
func (o *overlay) server(t *testing.T) {
	// Only the stand-in accepts this; the server reports it by an Event.
	o.setRange(t, "240.0.0.1/4")
	o.redirect(t, o.serviceConfig)
	options := installation.Options{ControlPlane: o.plane, Overlay: o.name}
	if o.name == "certmanager" {
		// In place of the mounted Secret. The caBundle is that of the stand-in,
		// in place of what cainjector would write.
		options.ExtraArgs = []string{"--certificate-dir=" + o.standIn.writeCertificate(t)}
	}
	ctx := context.WithoutCancel(t.Context())
	log := &bytes.Buffer{} // read only after the server has ended
	options.Logs = log
	installed, err := installation.Install(ctx, options)
	if err != nil {
		t.Fatalf("%v\nthe server said:\n%s", err, log)
	}
	t.Cleanup(func() {
		if err := installed.Stop(); err != nil {
			t.Error(err)
		}
		if strings.Contains(log.String(), "forbidden") {
			t.Error("the server wants something that its ServiceAccount may not do")
		}
		if t.Failed() {
			t.Logf("the server said:\n%s", log)
		}
	})
	o.reports(t, metav1.ConditionFalse)
	o.eventually(t, "an Event about the Federation", func() error {
		written := &eventsv1.EventList{}
		if err := o.client.List(t.Context(), written, client.InNamespace(metav1.NamespaceDefault)); err != nil {
			return err
		}
		federation := o.federation(t)
		for _, event := range written.Items {
			if event.Regarding.UID == federation.UID && event.Reason == "Invalid" {
				return nil
			}
		}
		return errors.New("none in the namespace default")
	})
	o.setRange(t, "240.0.0.0/4")
	o.reports(t, metav1.ConditionTrue)
	if o.name == "selfmanaged" {
		// Not told for which names, as in a pod, it makes a certificate that is
		// good for the Service. It would not be ready with another.
		o.redirect(t, o.serviceConfig)
		if _, err := installed.StartReplica(ctx, "--dns-names="); err != nil {
			t.Error(err)
		}
	}
}

// serviceConfig has a webhook ask service again. The stand-in's caBundle stays: the
// server of one overlay adds its own, that of the other has the stand-in's
// certificate.
func (o *overlay) serviceConfig(service *admissionregistrationv1.ServiceReference) admissionregistrationv1.WebhookClientConfig {
	return admissionregistrationv1.WebhookClientConfig{Service: service, CABundle: o.standIn.caBundle}
}

// reports waits until the server says of the Federation as it is now whether it is
// in force.
func (o *overlay) reports(t *testing.T, want metav1.ConditionStatus) {
	t.Helper()
	o.eventually(t, "the status of the Federation", func() error {
		federation := o.federation(t)
		ready := meta.FindStatusCondition(federation.Status.Conditions, v1alpha1.ConditionReady)
		if ready == nil || ready.Status != want || ready.ObservedGeneration != federation.Generation {
			return fmt.Errorf("%+v in generation %d, want Ready to be %s", federation.Status.Conditions, federation.Generation, want)
		}
		return nil
	})
}

// federation returns the one that is stored.
func (o *overlay) federation(t *testing.T) *v1alpha1.Federation {
	t.Helper()
	stored := o.unstructured(t, "fedmesh.io/v1alpha1", "Federation", "", "default")
	federation := &v1alpha1.Federation{}
	if err := runtime.DefaultUnstructuredConverter.FromUnstructured(stored.Object, federation); err != nil {
		t.Fatal(err)
	}
	return federation
}

// setRange changes the range of virtual addresses.
func (o *overlay) setRange(t *testing.T, cidr string) {
	t.Helper()
	patch := client.RawPatch(types.MergePatchType, fmt.Appendf(nil, `{"spec": {"vips": {"cidrs": [%q]}}}`, cidr))
	if err := o.client.Patch(t.Context(), o.unstructured(t, "fedmesh.io/v1alpha1", "Federation", "", "default"), patch); err != nil {
		t.Fatal(err)
	}
}
