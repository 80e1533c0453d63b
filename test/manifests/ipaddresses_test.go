package manifests

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"fedmesh.io/fedmesh/test/installation"
)

// ipAddresses looks at who may do what with IPAddresses that are fedmesh's by their
// label, and with those that are not.
func (o *overlay) ipAddresses(t *testing.T) {
	o.policyIsChecked(t)
	o.eventually(t, "the policy to be in force", func() error {
		err := o.client.Create(t.Context(), newIPAddress("240.8.0.1", "fedmesh.io"), client.DryRunAll)
		if !apierrors.IsForbidden(err) {
			return fmt.Errorf("creating one with fedmesh's label: %v, want it forbidden", err)
		}
		return nil
	})
	o.ipAddressRules(t)
	o.ipAddressByKubectl(t)
	o.serviceAddress(t)
}

// policyIsChecked waits until Kubernetes has compared the expressions with the
// schema of IPAddresses, and expects it to be content.
func (o *overlay) policyIsChecked(t *testing.T) {
	policy := &admissionregistrationv1.ValidatingAdmissionPolicy{}
	o.eventually(t, "the expressions to be checked", func() error {
		o.get(t, "", "fedmesh-ipaddresses", policy)
		if policy.Status.TypeChecking == nil || policy.Status.ObservedGeneration != policy.Generation {
			return fmt.Errorf("status %+v of generation %d", policy.Status, policy.Generation)
		}
		return nil
	})
	for _, warning := range policy.Status.TypeChecking.ExpressionWarnings {
		t.Errorf("%s: %s", warning.FieldRef, warning.Warning)
	}
}

// ipAddressRules has one after the other create, change or delete an IPAddress.
func (o *overlay) ipAddressRules(t *testing.T) {
	account := "system:serviceaccount:" + installation.Namespace + ":"
	admin := writer{"the administrator", o.client}
	fedmesh := writer{"fedmesh", newClient(t, o.serviceAccountConfig(t, installation.Name))}
	// With all that RBAC could ever permit it.
	mighty := o.as(t, account+installation.Name)
	neighbour := o.as(t, account+"default")
	apiServer := o.as(t, "system:apiserver")
	collector := o.as(t, "system:serviceaccount:kube-system:generic-garbage-collector")

	const (
		created = "created" // in place of a label: there is no IPAddress before
		deleted = "deleted" // there is none after
		none    = ""
		own     = "fedmesh.io"
		others  = "example.com"

		allowed       = ""
		onlyOwn       = "fedmesh may write only IPAddresses with the label ipaddress.kubernetes.io/managed-by: fedmesh.io, and this one has another or none; "
		onlyByFedmesh = "only fedmesh gives an IPAddress the label ipaddress.kubernetes.io/managed-by: fedmesh.io, and it deletes what has it; "
		keepsLabel    = "this IPAddress is fedmesh's, which finds it by the label ipaddress.kubernetes.io/managed-by: fedmesh.io; leave the label, "
		byRBAC        = `cannot patch resource "ipaddresses" in API group "networking.k8s.io"`
	)
	for _, test := range []struct {
		by            writer
		before, after string
		want          string
	}{
		{fedmesh, created, own, allowed},
		{fedmesh, created, none, onlyOwn},
		{fedmesh, created, others, onlyOwn},
		{fedmesh, created, "ipallocator.k8s.io", onlyOwn},
		{fedmesh, own, deleted, allowed},
		{fedmesh, none, deleted, onlyOwn},
		{fedmesh, others, deleted, onlyOwn},
		{fedmesh, own, own, byRBAC},
		{mighty, own, own, allowed},
		{mighty, own, none, onlyOwn},
		{mighty, own, others, onlyOwn},
		{mighty, none, own, onlyOwn},
		{mighty, others, own, onlyOwn},
		{mighty, others, others, onlyOwn},

		{admin, created, own, onlyByFedmesh},
		{admin, created, none, allowed},
		{admin, created, others, allowed},
		{admin, none, own, onlyByFedmesh},
		{admin, others, own, onlyByFedmesh},
		{admin, own, none, keepsLabel},
		{admin, own, others, keepsLabel},
		{admin, own, own, allowed},
		{admin, none, others, allowed},
		{admin, others, none, allowed},
		{admin, own, deleted, allowed},
		{admin, others, deleted, allowed},
		{neighbour, created, own, onlyByFedmesh},
		{neighbour, own, deleted, allowed},
		{apiServer, own, deleted, allowed},
		{collector, own, deleted, allowed},
	} {
		object := newIPAddress("240.8.0.1", test.before)
		var err error
		if test.before == created {
			object = newIPAddress("240.8.0.1", test.after)
			err = test.by.client.Create(t.Context(), object)
		} else {
			by := admin
			if test.before == own {
				by = fedmesh
			}
			if err := by.client.Create(t.Context(), object); err != nil {
				t.Fatal(err)
			}
			if test.after == deleted {
				err = test.by.client.Delete(t.Context(), object)
			} else {
				err = relabel(t, test.by.client, object, test.after)
			}
		}
		if test.want == allowed && err != nil || test.want != allowed && (!apierrors.IsForbidden(err) || !strings.Contains(err.Error(), test.want)) {
			t.Errorf("%s, label %q before and %q after: error %v, want %q", test.by.name, test.before, test.after, err, test.want)
		}
		if err := o.client.Delete(t.Context(), newIPAddress("240.8.0.1", none)); client.IgnoreNotFound(err) != nil {
			t.Fatal(err)
		}
	}
}

// writer is somebody who may write IPAddresses.
type writer struct {
	name   string
	client client.Client
}

// as is a writer whom RBAC permits everything.
func (o *overlay) as(t *testing.T, user string) writer {
	t.Helper()
	config := o.plane.Config()
	config.Impersonate = rest.ImpersonationConfig{UserName: user, Groups: []string{"system:masters"}}
	return writer{user, newClient(t, config)}
}

// relabel patches one label, and an annotation, so that there is always a change.
func relabel(t *testing.T, by client.Client, object *networkingv1.IPAddress, value string) error {
	t.Helper()
	label := "null"
	if value != "" {
		label = fmt.Sprintf("%q", value)
	}
	patch := fmt.Sprintf(`{"metadata": {"annotations": {"changed": "yes"}, "labels": {%q: %s}}}`, networkingv1.LabelManagedBy, label)
	return by.Patch(t.Context(), object, client.RawPatch("application/merge-patch+json", []byte(patch)))
}

// ipAddressByKubectl looks at what a user is told, also on dry-run and by an apply.
func (o *overlay) ipAddressByKubectl(t *testing.T) {
	const manifest = `{"apiVersion": "networking.k8s.io/v1", "kind": "IPAddress",
		"metadata": {"name": "240.8.0.1", "labels": {"ipaddress.kubernetes.io/managed-by": "fedmesh.io"}},
		"spec": {"parentRef": {"group": "networking.istio.io", "resource": "serviceentries", "namespace": "default", "name": "entry"}}}`
	for _, arguments := range [][]string{
		{"create", "--filename=-"},
		{"create", "--filename=-", "--dry-run=server"},
		{"apply", "--filename=-", "--server-side"},
	} {
		const want = "write a ServiceEntry and let fedmesh make the IPAddress"
		result := o.plane.Kubectl(t.Context(), manifest, arguments...)
		if result.ExitCode == 0 || !strings.Contains(result.Stderr, want) {
			t.Errorf("kubectl %s: exit code %d, %q; want it refused with %q", strings.Join(arguments, " "), result.ExitCode, result.Stderr, want)
		}
	}
}

// serviceAddress creates and deletes a Service, for which the API server writes an
// IPAddress through the same admission.
func (o *overlay) serviceAddress(t *testing.T) {
	service := &corev1.Service{
		ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: o.unique("address")},
		Spec:       corev1.ServiceSpec{Ports: []corev1.ServicePort{{Port: 80}}},
	}
	if err := o.client.Create(t.Context(), service); err != nil {
		t.Fatal(err)
	}
	address := &networkingv1.IPAddress{}
	o.get(t, "", service.Spec.ClusterIP, address)
	if got, want := address.Labels[networkingv1.LabelManagedBy], "ipallocator.k8s.io"; got != want {
		t.Errorf("the IPAddress of a Service is managed by %q, want %q", got, want)
	}
	fedmesh := newClient(t, o.serviceAccountConfig(t, installation.Name))
	if err := fedmesh.Delete(t.Context(), address.DeepCopy()); !apierrors.IsForbidden(err) {
		t.Errorf("fedmesh deletes the IPAddress of a Service: %v, want it forbidden", err)
	}
	if err := o.client.Delete(t.Context(), service); err != nil {
		t.Fatal(err)
	}
	o.eventually(t, "the address to be free", func() error {
		err := o.client.Get(t.Context(), client.ObjectKeyFromObject(address), address)
		if apierrors.IsNotFound(err) {
			return nil
		}
		return errors.Join(errors.New("the IPAddress is still there"), err)
	})
}
