package manifests

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"fedmesh.io/fedmesh/test/installation"
)

// render looks at what kubectl's own kustomize makes of the overlay.
func (o *overlay) render(t *testing.T) {
	o.objects = parse(t, o.kubectl(t, "kustomize", o.dir))
	var configurations []string
	for i, object := range o.objects {
		if !strings.HasSuffix(object.GetKind(), "WebhookConfiguration") {
			continue
		}
		configurations = append(configurations, object.GetKind()+" "+object.GetName())
		if rest := len(o.objects) - i; rest > 2 {
			t.Errorf("%s comes before %d other objects; want the webhook configurations last", object.GetKind(), rest-1)
		}
	}
	// Mutating configurations are called in the order of their names, and this
	// one has to come before istio-sidecar-injector.
	want := []string{"MutatingWebhookConfiguration fedmesh", "ValidatingWebhookConfiguration fedmesh"}
	if !slices.Equal(configurations, want) {
		t.Errorf("webhook configurations %q, want %q", configurations, want)
	}
}

// apply runs the command of the overlay's comment on a fresh cluster. Anything
// on standard error would be a warning: of an unknown field, of Pod Security.
func (o *overlay) apply(t *testing.T) {
	result := o.plane.Kubectl(t.Context(), "", "apply", "--server-side", "--validate=strict", "--kustomize="+o.dir)
	if err := result.Err(); err != nil {
		t.Fatal(err)
	}
	if result.Stderr != "" {
		t.Errorf("kubectl apply warns: %s", result.Stderr)
	}
}

// podsAreAdmitted waits until the controllers have made the replicas, which Pod
// Security, the quota and the priority class could each prevent.
func (o *overlay) podsAreAdmitted(t *testing.T) {
	deployment := o.deployment(t)
	pods := &corev1.PodList{}
	o.eventually(t, "the pods of the Deployment", func() error {
		if err := o.client.List(t.Context(), pods, client.InNamespace(installation.Namespace), client.MatchingLabels(deployment.Spec.Selector.MatchLabels)); err != nil {
			return err
		}
		if len(pods.Items) != int(*deployment.Spec.Replicas) {
			return fmt.Errorf("%d pods, want %d: %s", len(pods.Items), *deployment.Spec.Replicas,
				o.plane.Kubectl(t.Context(), "", "get", "events", "--namespace="+installation.Namespace, "--field-selector=type=Warning").Stdout)
		}
		return nil
	})
	spec := pods.Items[0].Spec
	const critical = 2_000_000_000 // of system-cluster-critical
	if spec.Priority == nil || *spec.Priority < critical {
		t.Errorf("pod has the priority class %q, want a critical one", spec.PriorityClassName)
	}
	hasToken := slices.ContainsFunc(spec.Volumes, func(v corev1.Volume) bool { return v.Projected != nil })
	if !hasToken {
		t.Error("pod has no token for the API server")
	}

	// Pod Security is what admitted them, and not its absence.
	pod := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Name: "violates", Namespace: installation.Namespace}, Spec: *deployment.Spec.Template.Spec.DeepCopy()}
	pod.Spec.Containers[0].SecurityContext.AllowPrivilegeEscalation = nil
	err := o.client.Create(t.Context(), pod, client.DryRunAll)
	if !apierrors.IsForbidden(err) || !strings.Contains(err.Error(), `violates PodSecurity "restricted:`) {
		t.Errorf("a pod that may escalate its privileges: %v; want it refused by Pod Security", err)
	}
}

// applyAgain applies over what others have added in the meantime: nothing may
// change, and least of all may the caBundle go.
func (o *overlay) applyAgain(t *testing.T) {
	for _, kind := range []string{"mutating", "validating"} {
		var patch []string
		for i := range len(o.webhooks(t, kind)) {
			patch = append(patch, fmt.Sprintf(`{"op": "add", "path": "/webhooks/%d/clientConfig/caBundle", "value": %q}`, i, o.caBundle(t)))
		}
		o.kubectl(t, "patch", kind+"webhookconfiguration", "fedmesh", "--field-manager=authority", "--type=json", "--patch=["+strings.Join(patch, ",")+"]")
	}
	before := o.snapshot(t)
	o.kubectl(t, "apply", "--server-side", "--validate=strict", "--kustomize="+o.dir)
	if diff := cmp.Diff(before, o.snapshot(t)); diff != "" {
		t.Errorf("applying a second time changes (-before +after):\n%s", diff)
	}
	for _, kind := range []string{"mutating", "validating"} {
		for _, webhook := range o.webhooks(t, kind) {
			if len(webhook.clientConfig.CABundle) == 0 {
				t.Errorf("webhook %s has lost its caBundle", webhook.name)
			}
		}
	}
}

// caBundle is a valid one: the API server refuses others.
func (o *overlay) caBundle(t *testing.T) string {
	t.Helper()
	roots := &corev1.ConfigMap{}
	o.get(t, "default", "kube-root-ca.crt", roots)
	raw, err := json.Marshal([]byte(roots.Data["ca.crt"]))
	if err != nil {
		t.Fatal(err)
	}
	return strings.Trim(string(raw), `"`)
}

// snapshot is what applying has to leave alone: everything but what controllers
// write by themselves all the time.
func (o *overlay) snapshot(t *testing.T) map[string]any {
	t.Helper()
	snapshot := map[string]any{}
	for _, rendered := range o.objects {
		object := rendered.DeepCopy()
		o.get(t, object.GetNamespace(), object.GetName(), object)
		managed := slices.DeleteFunc(object.GetManagedFields(), func(fields metav1.ManagedFieldsEntry) bool {
			return fields.Operation != metav1.ManagedFieldsOperationApply || fields.Subresource != ""
		})
		for i := range managed {
			// New whenever the order of the entries changes, as it does once after a
			// controller has applied a status.
			managed[i].Time = nil
		}
		object.SetManagedFields(managed)
		object.SetResourceVersion("")
		annotations := object.GetAnnotations()
		maps.DeleteFunc(annotations, func(name, _ string) bool { return name == "deployment.kubernetes.io/revision" })
		object.SetAnnotations(annotations)
		unstructured.RemoveNestedField(object.Object, "status")
		snapshot[object.GetKind()+" "+object.GetName()] = object.Object
	}
	return snapshot
}

// uninstall runs the other commands of the overlay's comment, with the Federation
// still there and nobody to answer requests.
func (o *overlay) uninstall(t *testing.T) {
	claim, guard := o.leaveBehind(t)
	foreign := newIPAddress("240.9.0.2", "example.com")
	if err := o.client.Create(t.Context(), foreign); err != nil {
		t.Fatal(err)
	}
	o.kubectl(t, "delete", "--wait=true", "--timeout=60s", "--kustomize="+o.dir)
	for _, object := range o.objects {
		err := o.client.Get(t.Context(), client.ObjectKeyFromObject(object), object.DeepCopy())
		if !apierrors.IsNotFound(err) && !meta.IsNoMatchError(err) {
			t.Errorf("%s %s is still there: %v", object.GetKind(), object.GetName(), err)
		}
	}
	if err := o.client.Get(t.Context(), client.ObjectKeyFromObject(claim), claim); !apierrors.IsNotFound(err) {
		t.Errorf("a claim is still there: %v", err)
	}
	if err := o.client.Get(t.Context(), client.ObjectKeyFromObject(guard), guard); err != nil {
		t.Errorf("the IPAddress of a claim: %v; want it to be there until it is deleted", err)
	}
	o.kubectl(t, "delete", "ipaddresses", "--selector="+networkingv1.LabelManagedBy+"=fedmesh.io")
	if err := o.client.Get(t.Context(), client.ObjectKeyFromObject(guard), guard); !apierrors.IsNotFound(err) {
		t.Errorf("the IPAddress of a claim is still there: %v", err)
	}
	if err := o.client.Delete(t.Context(), foreign); err != nil {
		t.Errorf("the IPAddress of somebody else: %v; want it to be there still", err)
	}
	o.eventually(t, "mesh objects to be free again", func() error {
		return o.client.Create(t.Context(), newMeshObjects(o.unique("late"))[0], client.DryRunAll)
	})
}

// leaveBehind writes, with the ServiceAccount's own token, what a server leaves: a
// claim and the IPAddress of one.
func (o *overlay) leaveBehind(t *testing.T) (*coordinationv1.Lease, *networkingv1.IPAddress) {
	t.Helper()
	claim := &coordinationv1.Lease{ObjectMeta: metav1.ObjectMeta{
		Namespace: installation.Namespace, Name: "vip-240.9.0.1", Labels: map[string]string{"fedmesh.io/claim": "vip"},
	}}
	guard := newIPAddress("240.9.0.1", "fedmesh.io")
	server := newClient(t, o.serviceAccountConfig(t, installation.Name))
	if err := errors.Join(server.Create(t.Context(), claim), server.Create(t.Context(), guard)); err != nil {
		t.Fatal(err)
	}
	return claim, guard
}
