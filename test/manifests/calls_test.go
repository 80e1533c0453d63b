package manifests

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"fedmesh.io/fedmesh/policies/mesh"
	"fedmesh.io/fedmesh/test/installation"
)

// refusedWithoutServer is what failurePolicy means for those who come before the
// first replica is ready.
func (o *overlay) refusedWithoutServer(t *testing.T) {
	entry := newMeshObjects(o.unique("early"))[0]
	o.eventually(t, "the API server to refuse a ServiceEntry", func() error {
		err := o.client.Create(t.Context(), entry.DeepCopy(), client.DryRunAll)
		if err == nil || !strings.Contains(err.Error(), `failed calling webhook "mesh.fedmesh.io"`) || !strings.Contains(err.Error(), "no endpoints available") {
			return fmt.Errorf("got the error %v", err)
		}
		return nil
	})
	err := o.client.DeleteAllOf(t.Context(), entry.DeepCopy(), client.InNamespace("default"))
	if err != nil {
		t.Errorf("deleting mesh objects: %v; want it to need no server", err)
	}
	namespace := o.optedIn(t, o.unique("early"))
	if err := o.client.Create(t.Context(), newPod(namespace, "early"), client.DryRunAll); err != nil {
		t.Errorf("a pod in an opted-in namespace: %v; want it admitted", err)
	}
	namespace = o.namespace(t, o.unique("early-deny"), map[string]string{"fedmesh.io/federation": "enabled", "fedmesh.io/final-check": "deny"})
	err = o.client.Create(t.Context(), newPod(namespace, "early"), client.DryRunAll)
	if err == nil || !strings.Contains(err.Error(), `failed calling webhook "finished-pods-deny.fedmesh.io"`) {
		t.Errorf("a pod in a namespace with final-check=deny: got the error %v; want it refused for want of an answer", err)
	}
}

// calledFor puts a server that allows everything where fedmesh would be, and
// looks at what the API server sends there.
func (o *overlay) calledFor(t *testing.T) {
	o.services = map[string]*admissionregistrationv1.ServiceReference{}
	for _, webhook := range slices.Concat(o.webhooks(t, "mutating"), o.webhooks(t, "validating")) {
		o.services[webhook.name] = webhook.clientConfig.Service
	}
	o.redirect(t, o.standIn.clientConfig)
	o.waitUntilCalled(t)

	t.Run("pods", func(t *testing.T) { o.calledForPods(t) })
	t.Run("mesh", func(t *testing.T) { o.calledForMesh(t) })
	t.Run("federations", func(t *testing.T) { o.calledForFederations(t) })
}

func (o *overlay) calledForPods(t *testing.T) {
	namespace := o.optedIn(t, o.unique("opted-in"))
	// Patched, and checked when all mutators have been there.
	both := []string{"/pods v1 Pod CREATE", "/finished-pods v1 Pod CREATE"}
	for name, test := range map[string]struct {
		change func(*corev1.Pod)
		want   []string
	}{
		"ordinary":            {func(*corev1.Pod) {}, both},
		"on the host network": {func(p *corev1.Pod) { p.Spec.HostNetwork = true }, nil},
		"inject=false":        {func(p *corev1.Pod) { p.Labels = map[string]string{"fedmesh.io/inject": "false"} }, nil},
		"inject=true":         {func(p *corev1.Pod) { p.Labels = map[string]string{"fedmesh.io/inject": "true"} }, both},
		"has a sidecar": {func(p *corev1.Pod) {
			p.Spec.Containers = append(p.Spec.Containers, *p.Spec.Containers[0].DeepCopy())
			p.Spec.Containers[1].Name = "istio-proxy"
		}, both},
	} {
		pod := newPod(namespace, "pod")
		test.change(pod)
		calls := o.standIn.during(func() error { return o.client.Create(t.Context(), pod, client.DryRunAll) })
		expect(t, "a pod, "+name, calls, test.want...)
	}

	// A manifest that says false, which a client with types would leave out.
	explicit := fmt.Sprintf(`{"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "explicit", "namespace": %q},
		"spec": {"hostNetwork": false, "containers": [{"name": "app", "image": "app"}]}}`, namespace)
	calls := o.standIn.during(func() error {
		return o.plane.Kubectl(t.Context(), explicit, "create", "--dry-run=server", "--filename=-").Err()
	})
	expect(t, "a pod with hostNetwork: false", calls, both...)

	// Only the creation. A pod that is stored can be labelled and deleted.
	pod := newPod(namespace, "stored")
	calls = o.standIn.during(func() error { return o.client.Create(t.Context(), pod) })
	expect(t, "a pod that is stored", calls, both...)
	calls = o.standIn.during(func() error {
		pod.Labels = map[string]string{"changed": "yes"}
		return errors.Join(o.client.Update(t.Context(), pod), o.client.Delete(t.Context(), pod))
	})
	expect(t, "a pod that is changed and deleted", calls)

	// There are two webhooks for finished pods, and a pod is one's.
	namespace = o.namespace(t, o.unique("final-check"), map[string]string{"fedmesh.io/federation": "enabled", "fedmesh.io/final-check": "deny"})
	calls = o.standIn.during(func() error {
		return o.client.Create(t.Context(), newPod(namespace, "pod"), client.DryRunAll)
	})
	expect(t, "a pod in a namespace with final-check=deny", calls, both...)

	namespace = o.namespace(t, o.unique("not-opted-in"), map[string]string{"fedmesh.io/final-check": "deny"})
	calls = o.standIn.during(func() error {
		return o.client.Create(t.Context(), newPod(namespace, "pod"), client.DryRunAll)
	})
	expect(t, "a pod in a namespace without label", calls)

	for _, check := range []string{"warn", "deny"} {
		namespace = o.namespace(t, o.unique("ambient-"+check), map[string]string{
			"fedmesh.io/federation": "enabled", "fedmesh.io/final-check": check, "istio.io/dataplane-mode": "ambient",
		})
		calls = o.standIn.during(func() error {
			return o.client.Create(t.Context(), newPod(namespace, "pod"), client.DryRunAll)
		})
		expect(t, "a pod in an ambient namespace with final-check="+check, calls)
	}

	for _, name := range []string{"kube-system", "kube-public", "kube-node-lease", installation.Namespace, "cert-manager", "istio-system", "spire", "spire-mgmt", "spire-server", "spire-system"} {
		for _, check := range []string{"warn", "deny"} {
			namespace := o.namespace(t, name, map[string]string{"fedmesh.io/federation": "enabled", "fedmesh.io/final-check": check})
			calls := o.standIn.during(func() error {
				return o.client.Create(t.Context(), newPod(namespace, "pod"), client.DryRunAll)
			})
			expect(t, "a pod in namespace "+name+" with final-check="+check, calls)
		}
	}
}

func (o *overlay) calledForMesh(t *testing.T) {
	for _, version := range []string{"v1", "v1beta1", "v1alpha3"} {
		for _, object := range newMeshObjects("called-for") {
			object.SetAPIVersion("networking.istio.io/" + version)
			calls := o.standIn.during(func() error { return o.client.Create(t.Context(), object, client.DryRunAll) })
			expect(t, object.GetKind(), calls, "/mesh "+version+" "+object.GetKind()+" CREATE")
		}
	}

	entry := newMeshObjects(o.unique("stored"))[0]
	calls := o.standIn.during(func() error { return o.client.Create(t.Context(), entry) })
	expect(t, "a ServiceEntry that is stored", calls, "/mesh v1 ServiceEntry CREATE")
	calls = o.standIn.during(func() error {
		entry.SetLabels(map[string]string{"changed": "yes"})
		return o.client.Update(t.Context(), entry)
	})
	expect(t, "a ServiceEntry that is changed", calls, "/mesh v1 ServiceEntry UPDATE")
	calls = o.standIn.during(func() error {
		patch := client.RawPatch("application/merge-patch+json", []byte(`{"status": {"addresses": [{"host": "a.b.global", "value": "240.240.0.1"}]}}`))
		return o.client.Status().Patch(t.Context(), entry, patch)
	})
	expect(t, "the status of a ServiceEntry", calls)
	calls = o.standIn.during(func() error { return o.client.Delete(t.Context(), entry) })
	expect(t, "a ServiceEntry that is deleted", calls)

	rule := newMeshObjects(o.unique("deleted"))[1]
	calls = o.standIn.during(func() error { return o.client.Create(t.Context(), rule) })
	expect(t, "a DestinationRule that is stored", calls, "/mesh v1 DestinationRule CREATE")
	calls = o.standIn.during(func() error { return o.client.Delete(t.Context(), rule) })
	expect(t, "a DestinationRule that is deleted", calls, "/optional v1 DestinationRule DELETE")

	for _, other := range []struct {
		apiVersion, kind string
		spec             map[string]any
		want             []string
	}{
		{"networking.istio.io/v1", "VirtualService", map[string]any{"hosts": []any{"a.b.global"}}, []string{"/optional v1 VirtualService CREATE"}},
		{"networking.istio.io/v1alpha3", "EnvoyFilter", map[string]any{}, []string{"/optional v1alpha3 EnvoyFilter CREATE"}},
		{"networking.istio.io/v1beta1", "WorkloadEntry", map[string]any{"address": "10.0.0.1"}, []string{"/optional v1beta1 WorkloadEntry CREATE"}},
		{"security.istio.io/v1", "PeerAuthentication", map[string]any{}, []string{"/optional v1 PeerAuthentication CREATE"}},
		{"security.istio.io/v1", "AuthorizationPolicy", map[string]any{}, []string{"/optional v1 AuthorizationPolicy CREATE"}},
		{"security.istio.io/v1", "RequestAuthentication", map[string]any{}, nil},
		{"networking.istio.io/v1", "WorkloadGroup", map[string]any{"template": map[string]any{}}, nil},
		{"cert-manager.io/v1", "Certificate", map[string]any{"secretName": "a", "issuerRef": map[string]any{"name": "a"}, "dnsNames": []any{"a"}},
			[]string{"/optional v1 Certificate CREATE"}},
		{"cert-manager.io/v1", "CertificateRequest", map[string]any{"request": "AA==", "issuerRef": map[string]any{"name": "a"}},
			[]string{"/optional v1 CertificateRequest CREATE"}},
		{"cert-manager.io/v1", "Issuer", map[string]any{"selfSigned": map[string]any{}}, nil},
		{"fedmesh.io/v1alpha1", "FederationExemption", map[string]any{
			"rules": []any{"FED105"}, "targets": []any{map[string]any{"kind": "ServiceEntry", "name": "a"}}, "reason": "a", "expiresAt": "2030-01-01T00:00:00Z",
		}, []string{"/exemptions v1alpha1 FederationExemption CREATE"}},
	} {
		object := newMeshObjects("other")[0]
		object.SetAPIVersion(other.apiVersion)
		object.SetKind(other.kind)
		object.Object["spec"] = other.spec
		calls = o.standIn.during(func() error { return o.client.Create(t.Context(), object, client.DryRunAll) })
		expect(t, "a "+other.kind, calls, other.want...)
	}
}

// calledForFederations applies the sample, as its reader does.
func (o *overlay) calledForFederations(t *testing.T) {
	const sample = "../../manifests/samples/federation.yaml"
	applySample := func() error {
		result := o.plane.Kubectl(t.Context(), "", "apply", "--server-side", "--validate=strict", "--filename="+sample)
		if result.Stderr != "" && result.ExitCode == 0 {
			return fmt.Errorf("kubectl apply warns: %s", result.Stderr)
		}
		return result.Err()
	}
	calls := o.standIn.during(applySample)
	expect(t, "the sample", calls, "/federations v1alpha1 Federation CREATE")

	stored := o.unstructured(t, "fedmesh.io/v1alpha1", "Federation", "", "default")
	// What the sample shows as defaults, in comments, is what the API server adds.
	for _, value := range []struct {
		path []string
		want any
	}{
		{[]string{"spec", "localMember"}, "cluster-1"},
		{[]string{"spec", "rootNamespace"}, "istio-system"},
		{[]string{"spec", "clusterDomain"}, "cluster.local"},
		{[]string{"spec", "vips", "autoRanges"}, []any{"240.240.0.0/16", "2001:2::/48"}},
	} {
		if diff := cmp.Diff(value.want, field[any](t, stored, value.path...)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", strings.Join(value.path, "."), diff)
		}
	}
	// What only fedmesh checks.
	if _, errs := mesh.Compile(o.federation(t).Spec); len(errs) > 0 {
		t.Errorf("fedmesh does not accept the sample: %v", errs.ToAggregate())
	}

	calls = o.standIn.during(applySample)
	expect(t, "the sample, again", calls, "/federations v1alpha1 Federation UPDATE")
	if again := o.unstructured(t, "fedmesh.io/v1alpha1", "Federation", "", "default"); again.GetResourceVersion() != stored.GetResourceVersion() {
		t.Errorf("applying the sample a second time changes it:\n%s", cmp.Diff(stored, again))
	}

	calls = o.standIn.during(func() error {
		return o.client.Status().Patch(t.Context(), stored, client.RawPatch("application/merge-patch+json", []byte(`{"status": {"observedGeneration": 1}}`)))
	})
	expect(t, "the status of the Federation", calls)
	calls = o.standIn.during(func() error { return o.client.Delete(t.Context(), stored, client.DryRunAll) })
	expect(t, "the Federation, deleted", calls, "/federations v1alpha1 Federation DELETE")
}
