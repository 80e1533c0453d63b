package integration

import (
	"bytes"
	"context"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	admissionv1 "k8s.io/api/admission/v1"
	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	appsv1 "k8s.io/api/apps/v1"
	authorizationv1 "k8s.io/api/authorization/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/intstr"
	utilyaml "k8s.io/apimachinery/pkg/util/yaml"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"fedmesh.io/fedmesh/policies/api/v1alpha1"
	"fedmesh.io/fedmesh/policies/mesh"
	"fedmesh.io/fedmesh/test/controlplane"
)

const (
	manifestsNamespace = "fedmesh-system"
	manifestsName      = "fedmesh-webhook"
	manifestsTimeout   = time.Minute
)

// manifestsCriticalPods has critical pods refused outside of namespaces with a
// quota for them, as some providers do.
const manifestsCriticalPods = `
apiVersion: apiserver.config.k8s.io/v1
kind: AdmissionConfiguration
plugins:
- name: ResourceQuota
  configuration:
    apiVersion: apiserver.config.k8s.io/v1
    kind: ResourceQuotaConfiguration
    limitedResources:
    - resource: pods
      matchScopes:
      - scopeName: PriorityClass
        operator: In
        values: [system-node-critical, system-cluster-critical]
`

// TestManifests installs fedmesh as a user does, from each overlay, and looks at
// what the API server makes of it. TestWebhook is about what fedmesh does.
func TestManifests(t *testing.T) {
	criticalPods := filepath.Join(t.TempDir(), "admission.yaml")
	if err := os.WriteFile(criticalPods, []byte(manifestsCriticalPods), 0o600); err != nil {
		t.Fatal(err)
	}
	plane, err := controlplane.Start(t.Context(), controlplane.Options{APIServerArgs: map[string][]string{
		"admission-control-config-file": {criticalPods},
	}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := plane.Stop(); err != nil {
			t.Error(err)
		}
	})
	if err := errors.Join(plane.InstallIstioCRDs(t.Context()), plane.InstallCertManagerCRDs(t.Context())); err != nil {
		t.Fatal(err)
	}
	for _, overlay := range []string{"selfmanaged", "certmanager"} {
		t.Run(overlay, func(t *testing.T) {
			c, err := client.New(plane.Config(), client.Options{})
			if err != nil {
				t.Fatal(err)
			}
			m := &manifestsTest{plane: plane, client: c, dir: "../../manifests/overlays/" + overlay, overlay: overlay}
			m.run(t)
		})
	}
}

// manifestsTest is the life of one installation. The steps build on each other.
type manifestsTest struct {
	plane   *controlplane.ControlPlane
	client  client.Client
	overlay string
	dir     string
	// objects are what the overlay renders to.
	objects []*unstructured.Unstructured
	// recorder answers in place of fedmesh once it is redirected to.
	recorder *manifestsRecorder
}

func (m *manifestsTest) run(t *testing.T) {
	m.recorder = newManifestsRecorder(t)
	steps := []struct {
		name string
		step func(*manifestsTest, *testing.T)
	}{
		{"render", (*manifestsTest).render},
		{"apply", (*manifestsTest).apply},
		{"pods are admitted", (*manifestsTest).podsAreAdmitted},
		{"apply again", (*manifestsTest).applyAgain},
		{"references", (*manifestsTest).references},
		{"certificate", (*manifestsTest).certificate},
		{"permissions", (*manifestsTest).permissions},
		{"permissions in use", (*manifestsTest).permissionsInUse},
		{"refused without a server", (*manifestsTest).refusedWithoutServer},
		{"called for", (*manifestsTest).calledFor},
		{"server", (*manifestsTest).server},
		{"uninstall", (*manifestsTest).uninstall},
	}
	for _, s := range steps {
		if !t.Run(s.name, func(t *testing.T) { s.step(m, t) }) && s.name == "apply" {
			t.Fatal("without an installation there is nothing more to look at")
		}
	}
}

// render looks at what kubectl's own kustomize makes of the overlay.
func (m *manifestsTest) render(t *testing.T) {
	m.objects = manifestsParse(t, m.kubectl(t, "kustomize", m.dir))
	var configurations []string
	for i, object := range m.objects {
		if !strings.HasSuffix(object.GetKind(), "WebhookConfiguration") {
			continue
		}
		configurations = append(configurations, object.GetKind()+" "+object.GetName())
		if rest := len(m.objects) - i; rest > 2 {
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
func (m *manifestsTest) apply(t *testing.T) {
	result := m.plane.Kubectl(t.Context(), "", "apply", "--server-side", "--validate=strict", "--kustomize="+m.dir)
	if err := result.Err(); err != nil {
		t.Fatal(err)
	}
	if result.Stderr != "" {
		t.Errorf("kubectl apply warns: %s", result.Stderr)
	}
}

// podsAreAdmitted waits until the controllers have made the replicas, which Pod
// Security, the quota and the priority class could each prevent.
func (m *manifestsTest) podsAreAdmitted(t *testing.T) {
	deployment := m.deployment(t)
	pods := &corev1.PodList{}
	m.eventually(t, "the pods of the Deployment", func() error {
		if err := m.client.List(t.Context(), pods, client.InNamespace(manifestsNamespace), client.MatchingLabels(deployment.Spec.Selector.MatchLabels)); err != nil {
			return err
		}
		if len(pods.Items) != int(*deployment.Spec.Replicas) {
			return fmt.Errorf("%d pods, want %d: %s", len(pods.Items), *deployment.Spec.Replicas,
				m.plane.Kubectl(t.Context(), "", "get", "events", "--namespace="+manifestsNamespace, "--field-selector=type=Warning").Stdout)
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
	pod := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Name: "violates", Namespace: manifestsNamespace}, Spec: *deployment.Spec.Template.Spec.DeepCopy()}
	pod.Spec.Containers[0].SecurityContext.AllowPrivilegeEscalation = nil
	err := m.client.Create(t.Context(), pod, client.DryRunAll)
	if !apierrors.IsForbidden(err) || !strings.Contains(err.Error(), `violates PodSecurity "restricted:`) {
		t.Errorf("a pod that may escalate its privileges: %v; want it refused by Pod Security", err)
	}
}

// applyAgain applies over what others have added in the meantime: nothing may
// change, and least of all may the caBundle go.
func (m *manifestsTest) applyAgain(t *testing.T) {
	for _, kind := range []string{"mutating", "validating"} {
		var patch []string
		for i := range len(m.webhooks(t, kind)) {
			patch = append(patch, fmt.Sprintf(`{"op": "add", "path": "/webhooks/%d/clientConfig/caBundle", "value": %q}`, i, m.caBundle(t)))
		}
		m.kubectl(t, "patch", kind+"webhookconfiguration", "fedmesh", "--field-manager=authority", "--type=json", "--patch=["+strings.Join(patch, ",")+"]")
	}
	before := m.snapshot(t)
	m.kubectl(t, "apply", "--server-side", "--validate=strict", "--kustomize="+m.dir)
	if diff := cmp.Diff(before, m.snapshot(t)); diff != "" {
		t.Errorf("applying a second time changes (-before +after):\n%s", diff)
	}
	for _, kind := range []string{"mutating", "validating"} {
		for _, webhook := range m.webhooks(t, kind) {
			if len(webhook.clientConfig.CABundle) == 0 {
				t.Errorf("webhook %s has lost its caBundle", webhook.name)
			}
		}
	}
}

// references follows the names from the webhooks to the port of the container.
func (m *manifestsTest) references(t *testing.T) {
	container := m.deployment(t).Spec.Template.Spec.Containers[0]
	for _, kind := range []string{"mutating", "validating"} {
		for _, webhook := range m.webhooks(t, kind) {
			reference := webhook.clientConfig.Service
			service := &corev1.Service{}
			m.get(t, reference.Namespace, reference.Name, service)
			i := slices.IndexFunc(service.Spec.Ports, func(p corev1.ServicePort) bool { return p.Port == *reference.Port })
			if i < 0 {
				t.Errorf("webhook %s: Service %s has no port %d", webhook.name, service.Name, *reference.Port)
				continue
			}
			target := service.Spec.Ports[i].TargetPort
			j := slices.IndexFunc(container.Ports, func(p corev1.ContainerPort) bool { return intstr.FromString(p.Name) == target })
			if j < 0 {
				t.Errorf("webhook %s: the container has no port %s", webhook.name, target.String())
				continue
			}
			if want := fmt.Sprintf("--port=%d", container.Ports[j].ContainerPort); !slices.Contains(container.Args, want) {
				t.Errorf("the container has the arguments %q, want %s among them", container.Args, want)
			}
			for key, value := range service.Spec.Selector {
				if got := m.deployment(t).Spec.Template.Labels[key]; got != value {
					t.Errorf("Service %s selects %s=%s, the pods have %q", service.Name, key, value, got)
				}
			}
		}
	}
}

// certificate follows the names from the webhook configurations to the files
// that the server is told to read.
func (m *manifestsTest) certificate(t *testing.T) {
	const flag = "--certificate-dir="
	pod := m.deployment(t).Spec.Template.Spec
	container := pod.Containers[0]
	i := slices.IndexFunc(container.Args, func(argument string) bool { return strings.HasPrefix(argument, flag) })
	if m.overlay == "selfmanaged" {
		if i >= 0 {
			t.Errorf("the server is told to read a certificate: %s", container.Args[i])
		}
		return
	}
	if i < 0 {
		t.Fatalf("the container has the arguments %q, want %s among them", container.Args, flag)
	}
	dir := strings.TrimPrefix(container.Args[i], flag)
	j := slices.IndexFunc(container.VolumeMounts, func(mount corev1.VolumeMount) bool { return mount.MountPath == dir && mount.SubPath == "" })
	if j < 0 {
		t.Fatalf("nothing is mounted at %s", dir)
	}
	k := slices.IndexFunc(pod.Volumes, func(volume corev1.Volume) bool { return volume.Name == container.VolumeMounts[j].Name })
	secret := pod.Volumes[k].Secret.SecretName

	for _, kind := range []string{"MutatingWebhookConfiguration", "ValidatingWebhookConfiguration"} {
		configuration := m.unstructured(t, "admissionregistration.k8s.io/v1", kind, "", "fedmesh")
		namespace, name, _ := strings.Cut(configuration.GetAnnotations()["cert-manager.io/inject-ca-from"], "/")
		leaf := m.unstructured(t, "cert-manager.io/v1", "Certificate", namespace, name)
		if got := manifestsField[string](t, leaf, "spec", "secretName"); got != secret {
			t.Errorf("%s: its authority is that of Secret %s, the server reads Secret %s", kind, got, secret)
		}
		names := manifestsField[[]any](t, leaf, "spec", "dnsNames")
		for _, webhook := range slices.Concat(m.webhooks(t, "mutating"), m.webhooks(t, "validating")) {
			want := webhook.clientConfig.Service.Name + "." + webhook.clientConfig.Service.Namespace + ".svc"
			if !slices.Contains(names, any(want)) {
				t.Errorf("webhook %s: the certificate is for %v, want %s among them", webhook.name, names, want)
			}
		}

		issuer := m.unstructured(t, "cert-manager.io/v1", "Issuer", namespace, manifestsField[string](t, leaf, "spec", "issuerRef", "name"))
		authority := m.unstructured(t, "cert-manager.io/v1", "Certificate", namespace, manifestsField[string](t, issuer, "spec", "ca", "secretName"))
		m.unstructured(t, "cert-manager.io/v1", "Issuer", namespace, manifestsField[string](t, authority, "spec", "issuerRef", "name"))
		// A certificate of the old authority has been renewed before that ends,
		// and the new one has the same key.
		if margin, life := manifestsDuration(t, authority, "renewBefore"), manifestsDuration(t, leaf, "duration"); margin <= life {
			t.Errorf("the authority is renewed %v before its end; want more than the %v of a serving certificate", margin, life)
		}
		if policy := manifestsField[string](t, authority, "spec", "privateKey", "rotationPolicy"); policy != "Never" {
			t.Errorf("the authority's key has the rotation policy %s; want Never", policy)
		}
	}
}

// manifestsWrites are the permissions that change something. Who adds one to the
// manifests has to add it here, too, and think twice.
func manifestsWrites(overlay string) []string {
	writes := []string{
		"cluster: create events.events.k8s.io",
		"cluster: patch events.events.k8s.io",
		"cluster: patch federations/status.fedmesh.io",
	}
	if overlay == "selfmanaged" {
		writes = append(writes,
			"cluster: patch mutatingwebhookconfigurations.admissionregistration.k8s.io fedmesh",
			"cluster: patch validatingwebhookconfigurations.admissionregistration.k8s.io fedmesh",
			"fedmesh-system: create secrets",
			"fedmesh-system: update secrets fedmesh-ca",
		)
	}
	slices.Sort(writes)
	return writes
}

// permissions looks at what the ServiceAccount may do: first at all that changes
// something, as the manifests have it, then at what the API server says to some
// telling questions.
func (m *manifestsTest) permissions(t *testing.T) {
	var writes []string
	for _, object := range m.objects {
		if object.GetKind() != "Role" && object.GetKind() != "ClusterRole" {
			continue
		}
		role := &rbacv1.ClusterRole{}
		if err := runtime.DefaultUnstructuredConverter.FromUnstructured(object.Object, role); err != nil {
			t.Fatal(err)
		}
		scope := "cluster"
		if object.GetKind() == "Role" {
			scope = object.GetNamespace()
		}
		for _, permission := range manifestsPermissions(role.Rules) {
			if strings.Contains(permission, "*") {
				t.Errorf("%s %s allows %s; want no wildcards", object.GetKind(), object.GetName(), permission)
			}
			switch verb, _, _ := strings.Cut(permission, " "); verb {
			case "get", "list", "watch":
			default:
				writes = append(writes, scope+": "+permission)
			}
		}
	}
	slices.Sort(writes)
	if diff := cmp.Diff(manifestsWrites(m.overlay), writes); diff != "" {
		t.Errorf("permissions that change something (-want +got):\n%s", diff)
	}

	selfmanaged := m.overlay == "selfmanaged"
	for _, question := range []struct {
		want bool
		// what is asked: verb, resource.group[/subresource], name, namespace.
		verb, resource, name, namespace string
	}{
		{true, "list", "serviceentries.networking.istio.io", "", ""},
		{true, "watch", "sidecars.networking.istio.io", "", ""},
		{true, "watch", "services", "", ""},
		{true, "list", "namespaces", "", ""},
		{true, "watch", "ipaddresses.networking.k8s.io", "", ""},
		{true, "list", "servicecidrs.networking.k8s.io", "", ""},
		{true, "watch", "federations.fedmesh.io", "", ""},
		{true, "patch", "federations.fedmesh.io/status", "default", ""},
		{true, "watch", "mutatingwebhookconfigurations.admissionregistration.k8s.io", "fedmesh", ""},
		{true, "list", "validatingwebhookconfigurations.admissionregistration.k8s.io", "fedmesh", ""},
		{true, "create", "events.events.k8s.io", "", "default"},
		{true, "patch", "events.events.k8s.io", "", "foo"},

		{selfmanaged, "patch", "mutatingwebhookconfigurations.admissionregistration.k8s.io", "fedmesh", ""},
		{selfmanaged, "patch", "validatingwebhookconfigurations.admissionregistration.k8s.io", "fedmesh", ""},
		{selfmanaged, "create", "secrets", "", manifestsNamespace},
		{selfmanaged, "watch", "secrets", "fedmesh-ca", manifestsNamespace},
		{selfmanaged, "update", "secrets", "fedmesh-ca", manifestsNamespace},

		{false, "list", "secrets", "", ""},
		{false, "list", "secrets", "", manifestsNamespace},
		{false, "get", "secrets", "fedmesh-webhook-ca", manifestsNamespace},
		{false, "get", "secrets", "fedmesh-ca", "default"},
		{false, "create", "secrets", "", "default"},
		{false, "list", "mutatingwebhookconfigurations.admissionregistration.k8s.io", "", ""},
		{false, "patch", "mutatingwebhookconfigurations.admissionregistration.k8s.io", "istio-sidecar-injector", ""},
		{false, "update", "mutatingwebhookconfigurations.admissionregistration.k8s.io", "istio-sidecar-injector", ""},
		{false, "update", "validatingwebhookconfigurations.admissionregistration.k8s.io", "fedmesh", ""},
		{false, "create", "validatingwebhookconfigurations.admissionregistration.k8s.io", "", ""},
		{false, "delete", "validatingwebhookconfigurations.admissionregistration.k8s.io", "fedmesh", ""},
		{false, "list", "pods", "", ""},
		{false, "create", "pods", "", manifestsNamespace},
		{false, "create", "pods/exec", "", manifestsNamespace},
		{false, "update", "federations.fedmesh.io", "default", ""},
		{false, "update", "serviceentries.networking.istio.io", "", "foo"},
		{false, "delete", "sidecars.networking.istio.io", "", "foo"},
		{false, "update", "namespaces", "foo", ""},
		{false, "update", "leases.coordination.k8s.io", "kube-scheduler", "kube-system"},
		{false, "create", "serviceaccounts/token", manifestsName, manifestsNamespace},
		{false, "bind", "clusterroles.rbac.authorization.k8s.io", "cluster-admin", ""},
		{false, "impersonate", "users", "", ""},
	} {
		path, subresource, _ := strings.Cut(question.resource, "/")
		resource, group, _ := strings.Cut(path, ".")
		review := &authorizationv1.SubjectAccessReview{Spec: authorizationv1.SubjectAccessReviewSpec{
			User: "system:serviceaccount:" + manifestsNamespace + ":" + manifestsName,
			// As the API server authenticates it.
			Groups: []string{"system:serviceaccounts", "system:serviceaccounts:" + manifestsNamespace, "system:authenticated"},
			ResourceAttributes: &authorizationv1.ResourceAttributes{
				Verb: question.verb, Group: group, Version: "*", Resource: resource, Subresource: subresource,
				Name: question.name, Namespace: question.namespace,
			},
		}}
		if err := m.client.Create(t.Context(), review); err != nil {
			t.Fatal(err)
		}
		if review.Status.Allowed != question.want {
			t.Errorf("may %s %s %q in namespace %q: %t, want %t", question.verb, question.resource, question.name, question.namespace, review.Status.Allowed, question.want)
		}
	}
}

// manifestsPermissions spells rules out, one resource and verb at a time.
func manifestsPermissions(rules []rbacv1.PolicyRule) []string {
	var permissions []string
	for _, rule := range rules {
		names := rule.ResourceNames
		if len(names) == 0 {
			names = []string{""}
		}
		for _, group := range rule.APIGroups {
			for _, resource := range rule.Resources {
				for _, verb := range rule.Verbs {
					for _, name := range names {
						permission := strings.TrimSuffix(verb+" "+resource+"."+group, ".")
						permissions = append(permissions, strings.TrimSpace(permission+" "+name))
					}
				}
			}
		}
	}
	return permissions
}

// permissionsInUse lists and watches by name with the ServiceAccount's own token:
// that a field selector stands for the name is nothing that an access review says.
func (m *manifestsTest) permissionsInUse(t *testing.T) {
	kubeconfig, err := m.plane.ServiceAccountKubeconfig(t.Context(), manifestsNamespace, manifestsName)
	if err != nil {
		t.Fatal(err)
	}
	const (
		mutating   = "/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations"
		validating = "/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations"
		secrets    = "/api/v1/namespaces/" + manifestsNamespace + "/secrets"
		watch      = "&watch=true&timeoutSeconds=1"
	)
	selfmanaged := m.overlay == "selfmanaged"
	for path, want := range map[string]bool{
		mutating + "?fieldSelector=metadata.name%3Dfedmesh":           true,
		mutating + "?fieldSelector=metadata.name%3Dfedmesh" + watch:   true,
		validating + "?fieldSelector=metadata.name%3Dfedmesh":         true,
		validating + "?fieldSelector=metadata.name%3Dfedmesh" + watch: true,
		secrets + "?fieldSelector=metadata.name%3Dfedmesh-ca":         selfmanaged,
		secrets + "?fieldSelector=metadata.name%3Dfedmesh-ca" + watch: selfmanaged,
		mutating: false,
		secrets:  false,
	} {
		result := m.plane.Kubectl(t.Context(), "", "--kubeconfig="+kubeconfig, "get", "--raw="+path)
		if allowed := result.ExitCode == 0; allowed != want || !allowed && !strings.Contains(result.Stderr, "forbidden") {
			t.Errorf("get %s: allowed %t, want %t: %s", path, allowed, want, result.Stderr)
		}
	}
}

// refusedWithoutServer is what failurePolicy means for those who come before the
// first replica is ready.
func (m *manifestsTest) refusedWithoutServer(t *testing.T) {
	entry := manifestsMeshObjects(m.name("early"))[0]
	m.eventually(t, "the API server to refuse a ServiceEntry", func() error {
		err := m.client.Create(t.Context(), entry.DeepCopy(), client.DryRunAll)
		if err == nil || !strings.Contains(err.Error(), `failed calling webhook "mesh.fedmesh.io"`) || !strings.Contains(err.Error(), "no endpoints available") {
			return fmt.Errorf("got the error %v", err)
		}
		return nil
	})
	err := m.client.DeleteAllOf(t.Context(), entry.DeepCopy(), client.InNamespace("default"))
	if err != nil {
		t.Errorf("deleting mesh objects: %v; want it to need no server", err)
	}
	namespace := m.optedIn(t, m.name("early"))
	if err := m.client.Create(t.Context(), manifestsPod(namespace, "early"), client.DryRunAll); err != nil {
		t.Errorf("a pod in an opted-in namespace: %v; want it admitted", err)
	}
}

// calledFor puts a server that allows everything where fedmesh would be, and
// looks at what the API server sends there.
func (m *manifestsTest) calledFor(t *testing.T) {
	m.redirect(t, m.recorder)

	t.Run("pods", func(t *testing.T) { m.calledForPods(t, m.recorder) })
	t.Run("mesh", func(t *testing.T) { m.calledForMesh(t, m.recorder) })
	t.Run("federations", func(t *testing.T) { m.calledForFederations(t, m.recorder) })
}

func (m *manifestsTest) calledForPods(t *testing.T, recorder *manifestsRecorder) {
	namespace := m.optedIn(t, m.name("opted-in"))
	const path = "/pods v1 Pod CREATE"
	for name, test := range map[string]struct {
		change func(*corev1.Pod)
		want   bool
	}{
		"ordinary":            {func(*corev1.Pod) {}, true},
		"on the host network": {func(p *corev1.Pod) { p.Spec.HostNetwork = true }, false},
		"inject=false":        {func(p *corev1.Pod) { p.Labels = map[string]string{"fedmesh.io/inject": "false"} }, false},
		"inject=true":         {func(p *corev1.Pod) { p.Labels = map[string]string{"fedmesh.io/inject": "true"} }, true},
		"has a sidecar": {func(p *corev1.Pod) {
			p.Spec.Containers = append(p.Spec.Containers, *p.Spec.Containers[0].DeepCopy())
			p.Spec.Containers[1].Name = "istio-proxy"
		}, true},
	} {
		pod := manifestsPod(namespace, "pod")
		test.change(pod)
		calls := recorder.during(func() error { return m.client.Create(t.Context(), pod, client.DryRunAll) })
		recorder.expect(t, "a pod, "+name, calls, path, test.want)
	}

	// A manifest that says false, which a client with types would leave out.
	explicit := fmt.Sprintf(`{"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "explicit", "namespace": %q},
		"spec": {"hostNetwork": false, "containers": [{"name": "app", "image": "app"}]}}`, namespace)
	calls := recorder.during(func() error {
		return m.plane.Kubectl(t.Context(), explicit, "create", "--dry-run=server", "--filename=-").Err()
	})
	recorder.expect(t, "a pod with hostNetwork: false", calls, path, true)

	// Only the creation. A pod that is stored can be labelled and deleted.
	pod := manifestsPod(namespace, "stored")
	calls = recorder.during(func() error { return m.client.Create(t.Context(), pod) })
	recorder.expect(t, "a pod that is stored", calls, path, true)
	calls = recorder.during(func() error {
		pod.Labels = map[string]string{"changed": "yes"}
		return errors.Join(m.client.Update(t.Context(), pod), m.client.Delete(t.Context(), pod))
	})
	recorder.expect(t, "a pod that is changed and deleted", calls, "", false)

	namespace = m.namespace(t, m.name("not-opted-in"), nil)
	calls = recorder.during(func() error {
		return m.client.Create(t.Context(), manifestsPod(namespace, "pod"), client.DryRunAll)
	})
	recorder.expect(t, "a pod in a namespace without label", calls, "", false)

	for _, name := range []string{"kube-system", "kube-public", "kube-node-lease", manifestsNamespace, "cert-manager", "istio-system", "spire", "spire-mgmt", "spire-server", "spire-system"} {
		namespace := m.optedIn(t, name)
		calls := recorder.during(func() error {
			return m.client.Create(t.Context(), manifestsPod(namespace, "pod"), client.DryRunAll)
		})
		recorder.expect(t, "a pod in namespace "+name, calls, "", false)
	}
}

func (m *manifestsTest) calledForMesh(t *testing.T, recorder *manifestsRecorder) {
	for _, version := range []string{"v1", "v1beta1", "v1alpha3"} {
		for _, object := range manifestsMeshObjects("called-for") {
			object.SetAPIVersion("networking.istio.io/" + version)
			calls := recorder.during(func() error { return m.client.Create(t.Context(), object, client.DryRunAll) })
			recorder.expect(t, object.GetKind(), calls, "/mesh "+version+" "+object.GetKind()+" CREATE", true)
		}
	}

	entry := manifestsMeshObjects(m.name("stored"))[0]
	calls := recorder.during(func() error { return m.client.Create(t.Context(), entry) })
	recorder.expect(t, "a ServiceEntry that is stored", calls, "/mesh v1 ServiceEntry CREATE", true)
	calls = recorder.during(func() error {
		entry.SetLabels(map[string]string{"changed": "yes"})
		return m.client.Update(t.Context(), entry)
	})
	recorder.expect(t, "a ServiceEntry that is changed", calls, "/mesh v1 ServiceEntry UPDATE", true)
	calls = recorder.during(func() error {
		patch := client.RawPatch("application/merge-patch+json", []byte(`{"status": {"addresses": [{"host": "a.b.global", "value": "240.240.0.1"}]}}`))
		return m.client.Status().Patch(t.Context(), entry, patch)
	})
	recorder.expect(t, "the status of a ServiceEntry", calls, "", false)
	calls = recorder.during(func() error { return m.client.Delete(t.Context(), entry) })
	recorder.expect(t, "a ServiceEntry that is deleted", calls, "", false)

	other := manifestsMeshObjects("other")[0]
	other.SetKind("VirtualService")
	other.Object["spec"] = map[string]any{"hosts": []any{"a.b.global"}}
	calls = recorder.during(func() error { return m.client.Create(t.Context(), other, client.DryRunAll) })
	recorder.expect(t, "a VirtualService", calls, "", false)
}

// calledForFederations applies the sample, as its reader does.
func (m *manifestsTest) calledForFederations(t *testing.T, recorder *manifestsRecorder) {
	const sample = "../../manifests/samples/federation.yaml"
	applySample := func() error {
		result := m.plane.Kubectl(t.Context(), "", "apply", "--server-side", "--validate=strict", "--filename="+sample)
		if result.Stderr != "" && result.ExitCode == 0 {
			return fmt.Errorf("kubectl apply warns: %s", result.Stderr)
		}
		return result.Err()
	}
	calls := recorder.during(applySample)
	recorder.expect(t, "the sample", calls, "/federations v1alpha1 Federation CREATE", true)

	stored := m.unstructured(t, "fedmesh.io/v1alpha1", "Federation", "", "default")
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
		if diff := cmp.Diff(value.want, manifestsField[any](t, stored, value.path...)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", strings.Join(value.path, "."), diff)
		}
	}
	// What only fedmesh checks.
	federation := &v1alpha1.Federation{}
	if err := runtime.DefaultUnstructuredConverter.FromUnstructured(stored.Object, federation); err != nil {
		t.Fatal(err)
	}
	if _, errs := mesh.Compile(federation.Spec); len(errs) > 0 {
		t.Errorf("fedmesh does not accept the sample: %v", errs.ToAggregate())
	}

	calls = recorder.during(applySample)
	recorder.expect(t, "the sample, again", calls, "/federations v1alpha1 Federation UPDATE", true)
	if again := m.unstructured(t, "fedmesh.io/v1alpha1", "Federation", "", "default"); again.GetResourceVersion() != stored.GetResourceVersion() {
		t.Errorf("applying the sample a second time changes it:\n%s", cmp.Diff(stored, again))
	}

	calls = recorder.during(func() error {
		return m.client.Status().Patch(t.Context(), stored, client.RawPatch("application/merge-patch+json", []byte(`{"status": {"observedGeneration": 1}}`)))
	})
	recorder.expect(t, "the status of the Federation", calls, "", false)
	calls = recorder.during(func() error { return m.client.Delete(t.Context(), stored, client.DryRunAll) })
	recorder.expect(t, "the Federation, deleted", calls, "/federations v1alpha1 Federation DELETE", true)
}

// server runs the real one with the arguments, the environment and the
// ServiceAccount that the overlay gives it, until it is ready and has reported on
// the Federation.
func (m *manifestsTest) server(t *testing.T) {
	binDir, err := controlplane.FindBinDir()
	if err != nil {
		t.Fatal(err)
	}
	kubeconfig, err := m.plane.ServiceAccountKubeconfig(t.Context(), manifestsNamespace, manifestsName)
	if err != nil {
		t.Fatal(err)
	}
	container := m.deployment(t).Spec.Template.Spec.Containers[0]
	health := "127.0.0.1:" + manifestsFreePort(t)
	// What comes last wins: addresses of this machine, and nobody to drain for.
	args := append(slices.Clone(container.Args), "--kubeconfig="+kubeconfig, "--bind-address=127.0.0.1",
		"--port="+manifestsFreePort(t), "--health-address="+health, "--metrics-address=0", "--drain-period=0s")
	if m.overlay == "certmanager" {
		// The caBundle is for the recorder's certificate since it was redirected to.
		args = append(args, "--certificate-dir="+m.recorder.writeCertificate(t))
	}
	var log bytes.Buffer
	ctx, stop := context.WithCancel(context.WithoutCancel(t.Context()))
	cmd := exec.CommandContext(ctx, filepath.Join(binDir, manifestsName), args...)
	cmd.Env = []string{"POD_NAMESPACE=" + manifestsNamespace}
	cmd.Stdout, cmd.Stderr = &log, &log
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.WaitDelay = manifestsTimeout
	if err := cmd.Start(); err != nil {
		t.Fatalf(`%v: run "make build" first`, err)
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_ = cmd.Wait() // the state says more
	}()
	t.Cleanup(func() {
		stop()
		<-ended
		if !cmd.ProcessState.Success() {
			t.Errorf("the server ended with %s", cmd.ProcessState)
		}
		if strings.Contains(log.String(), "forbidden") {
			t.Error("the server wants something that its ServiceAccount may not do")
		}
		if t.Failed() {
			t.Logf("the server said:\n%s", log.String())
		}
	})
	m.eventually(t, "the server to be ready", func() error {
		select {
		case <-ended:
			t.Fatal("the server has ended")
		default:
		}
		response, err := http.Get("http://" + health + "/readyz?verbose")
		if err != nil {
			return err
		}
		defer response.Body.Close()
		if body, err := io.ReadAll(response.Body); err != nil || response.StatusCode != http.StatusOK {
			return fmt.Errorf("%s: %s (%v)", response.Status, body, err)
		}
		return nil
	})
	m.eventually(t, "the status of the Federation", func() error {
		federation := m.unstructured(t, "fedmesh.io/v1alpha1", "Federation", "", "default")
		conditions, _, err := unstructured.NestedSlice(federation.Object, "status", "conditions")
		if len(conditions) == 0 {
			return fmt.Errorf("no conditions (%v)", err)
		}
		return err
	})
}

// uninstall runs the other command of the overlay's comment, with the Federation
// still there and nobody to answer requests.
func (m *manifestsTest) uninstall(t *testing.T) {
	m.kubectl(t, "delete", "--wait=true", "--timeout="+manifestsTimeout.String(), "--kustomize="+m.dir)
	for _, object := range m.objects {
		err := m.client.Get(t.Context(), client.ObjectKeyFromObject(object), object.DeepCopy())
		if !apierrors.IsNotFound(err) && !meta.IsNoMatchError(err) {
			t.Errorf("%s %s is still there: %v", object.GetKind(), object.GetName(), err)
		}
	}
	m.eventually(t, "mesh objects to be free again", func() error {
		return m.client.Create(t.Context(), manifestsMeshObjects(m.name("late"))[0], client.DryRunAll)
	})
}

// redirect sends the calls of all webhooks to the recorder, and waits until they
// arrive there.
func (m *manifestsTest) redirect(t *testing.T, recorder *manifestsRecorder) {
	for _, kind := range []string{"mutating", "validating"} {
		var patch []map[string]any
		for i, webhook := range m.webhooks(t, kind) {
			patch = append(patch, map[string]any{
				"op":   "replace",
				"path": fmt.Sprintf("/webhooks/%d/clientConfig", i),
				"value": map[string]any{
					"url":      recorder.server.URL + *webhook.clientConfig.Service.Path,
					"caBundle": recorder.caBundle(),
				},
			})
		}
		raw, err := json.Marshal(patch)
		if err != nil {
			t.Fatal(err)
		}
		m.kubectl(t, "patch", kind+"webhookconfiguration", "fedmesh", "--type=json", "--patch="+string(raw))
	}
	namespace := m.optedIn(t, m.name("opted-in"))
	m.eventually(t, "webhooks to be called", func() error {
		calls := recorder.during(func() error {
			return errors.Join(
				m.client.Create(t.Context(), manifestsPod(namespace, "probe"), client.DryRunAll),
				m.client.Create(t.Context(), manifestsMeshObjects("probe")[0], client.DryRunAll),
			)
		})
		if calls.err != nil || len(calls.lines) != 2 {
			return fmt.Errorf("calls %q, error %v", calls.lines, calls.err)
		}
		return nil
	})
}

// manifestsRecorder is a webhook server that allows everything and remembers
// what it was asked.
type manifestsRecorder struct {
	server *httptest.Server
	mu     sync.Mutex
	lines  []string
}

func newManifestsRecorder(t *testing.T) *manifestsRecorder {
	recorder := &manifestsRecorder{}
	recorder.server = httptest.NewTLSServer(recorder)
	t.Cleanup(recorder.server.Close)
	return recorder
}

func (r *manifestsRecorder) caBundle() []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: r.server.Certificate().Raw})
}

// writeCertificate writes the recorder's certificate and key as a mounted Secret
// has them, and returns the directory.
func (r *manifestsRecorder) writeCertificate(t *testing.T) string {
	t.Helper()
	key, err := x509.MarshalPKCS8PrivateKey(r.server.TLS.Certificates[0].PrivateKey)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	for name, content := range map[string][]byte{
		"tls.crt": r.caBundle(),
		"tls.key": pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: key}),
	} {
		if err := os.WriteFile(filepath.Join(dir, name), content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func (r *manifestsRecorder) ServeHTTP(writer http.ResponseWriter, httpRequest *http.Request) {
	review := &admissionv1.AdmissionReview{}
	if err := json.NewDecoder(httpRequest.Body).Decode(review); err != nil {
		http.Error(writer, err.Error(), http.StatusBadRequest)
		return
	}
	request := review.Request
	line := strings.Join([]string{httpRequest.URL.Path, request.Kind.Version, request.Kind.Kind, string(request.Operation)}, " ")
	if request.SubResource != "" {
		line += " " + request.SubResource
	}
	r.mu.Lock()
	r.lines = append(r.lines, line)
	r.mu.Unlock()
	review.Request, review.Response = nil, &admissionv1.AdmissionResponse{UID: request.UID, Allowed: true}
	// The connection is the API server's; if it is gone, that reports it.
	_ = json.NewEncoder(writer).Encode(review)
}

// manifestsCalls are the calls during one request, and its error.
type manifestsCalls struct {
	lines []string
	err   error
}

// during returns what the recorder was asked while request ran. Nothing else
// happens in the cluster that fedmesh is asked about.
func (r *manifestsRecorder) during(request func() error) manifestsCalls {
	r.mu.Lock()
	r.lines = nil
	r.mu.Unlock()
	err := request()
	r.mu.Lock()
	defer r.mu.Unlock()
	return manifestsCalls{lines: r.lines, err: err}
}

func (r *manifestsRecorder) expect(t *testing.T, what string, calls manifestsCalls, line string, called bool) {
	t.Helper()
	if calls.err != nil {
		t.Errorf("%s: %v", what, calls.err)
	}
	var want []string
	if called {
		want = []string{line}
	}
	if !slices.Equal(calls.lines, want) {
		t.Errorf("%s: fedmesh is called with %q, want %q", what, calls.lines, want)
	}
}

// manifestsWebhook is what the two kinds of webhooks have in common.
type manifestsWebhook struct {
	name         string
	clientConfig admissionregistrationv1.WebhookClientConfig
}

func (m *manifestsTest) webhooks(t *testing.T, kind string) []manifestsWebhook {
	t.Helper()
	var webhooks []manifestsWebhook
	if kind == "mutating" {
		configuration := &admissionregistrationv1.MutatingWebhookConfiguration{}
		m.get(t, "", "fedmesh", configuration)
		for _, webhook := range configuration.Webhooks {
			webhooks = append(webhooks, manifestsWebhook{webhook.Name, webhook.ClientConfig})
		}
		return webhooks
	}
	configuration := &admissionregistrationv1.ValidatingWebhookConfiguration{}
	m.get(t, "", "fedmesh", configuration)
	for _, webhook := range configuration.Webhooks {
		webhooks = append(webhooks, manifestsWebhook{webhook.Name, webhook.ClientConfig})
	}
	return webhooks
}

func (m *manifestsTest) deployment(t *testing.T) *appsv1.Deployment {
	t.Helper()
	deployment := &appsv1.Deployment{}
	m.get(t, manifestsNamespace, manifestsName, deployment)
	return deployment
}

// caBundle is a valid one: the API server refuses others.
func (m *manifestsTest) caBundle(t *testing.T) string {
	t.Helper()
	roots := &corev1.ConfigMap{}
	m.get(t, "default", "kube-root-ca.crt", roots)
	raw, err := json.Marshal([]byte(roots.Data["ca.crt"]))
	if err != nil {
		t.Fatal(err)
	}
	return strings.Trim(string(raw), `"`)
}

// snapshot is what applying has to leave alone: everything but what controllers
// write by themselves all the time.
func (m *manifestsTest) snapshot(t *testing.T) map[string]any {
	t.Helper()
	snapshot := map[string]any{}
	for _, rendered := range m.objects {
		object := rendered.DeepCopy()
		m.get(t, object.GetNamespace(), object.GetName(), object)
		object.SetManagedFields(slices.DeleteFunc(object.GetManagedFields(), func(fields metav1.ManagedFieldsEntry) bool {
			return fields.Operation != metav1.ManagedFieldsOperationApply
		}))
		object.SetResourceVersion("")
		annotations := object.GetAnnotations()
		maps.DeleteFunc(annotations, func(name, _ string) bool { return name == "deployment.kubernetes.io/revision" })
		object.SetAnnotations(annotations)
		unstructured.RemoveNestedField(object.Object, "status")
		snapshot[object.GetKind()+" "+object.GetName()] = object.Object
	}
	return snapshot
}

// name makes a name that the other overlay's test does not use.
func (m *manifestsTest) name(name string) string { return name + "-" + m.overlay }

func (m *manifestsTest) optedIn(t *testing.T, name string) string {
	t.Helper()
	return m.namespace(t, name, map[string]string{"fedmesh.io/federation": "enabled"})
}

// namespace makes a namespace, or adds the labels to one that exists, and waits
// until pods can be created there.
func (m *manifestsTest) namespace(t *testing.T, name string, labels map[string]string) string {
	t.Helper()
	namespace := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name, Labels: labels}}
	err := m.client.Create(t.Context(), namespace)
	if apierrors.IsAlreadyExists(err) {
		var patch []byte
		if patch, err = json.Marshal(map[string]any{"metadata": map[string]any{"labels": labels}}); err == nil {
			err = m.client.Patch(t.Context(), namespace, client.RawPatch("application/merge-patch+json", patch))
		}
	}
	if err != nil {
		t.Fatal(err)
	}
	m.eventually(t, "ServiceAccount of namespace "+name, func() error {
		return m.client.Get(t.Context(), client.ObjectKey{Namespace: name, Name: "default"}, &corev1.ServiceAccount{})
	})
	return name
}

func (m *manifestsTest) get(t *testing.T, namespace, name string, object client.Object) {
	t.Helper()
	if err := m.client.Get(t.Context(), client.ObjectKey{Namespace: namespace, Name: name}, object); err != nil {
		t.Fatal(err)
	}
}

func (m *manifestsTest) unstructured(t *testing.T, apiVersion, kind, namespace, name string) *unstructured.Unstructured {
	t.Helper()
	object := &unstructured.Unstructured{}
	object.SetGroupVersionKind(schema.FromAPIVersionAndKind(apiVersion, kind))
	m.get(t, namespace, name, object)
	return object
}

func (m *manifestsTest) kubectl(t *testing.T, arguments ...string) string {
	t.Helper()
	result := m.plane.Kubectl(t.Context(), "", arguments...)
	if err := result.Err(); err != nil {
		t.Fatal(err)
	}
	return result.Stdout
}

// eventually repeats check until it is content.
func (m *manifestsTest) eventually(t *testing.T, what string, check func() error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), manifestsTimeout)
	defer cancel()
	for {
		err := check()
		if err == nil {
			return
		}
		select {
		case <-ctx.Done():
			t.Fatalf("waited %v for %s: %v", manifestsTimeout, what, err)
		case <-time.After(100 * time.Millisecond):
		}
	}
}

// manifestsPod is a pod that is admitted in any namespace.
func manifestsPod(namespace, name string) *corev1.Pod {
	no, yes := false, true
	return &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name},
		Spec: corev1.PodSpec{
			SecurityContext: &corev1.PodSecurityContext{
				RunAsNonRoot:   &yes,
				SeccompProfile: &corev1.SeccompProfile{Type: corev1.SeccompProfileTypeRuntimeDefault},
			},
			Containers: []corev1.Container{{
				Name:  "app",
				Image: "app",
				SecurityContext: &corev1.SecurityContext{
					AllowPrivilegeEscalation: &no,
					Capabilities:             &corev1.Capabilities{Drop: []corev1.Capability{"ALL"}},
				},
			}},
		},
	}
}

// manifestsMeshObjects are one object of each kind that fedmesh has rules for,
// the ServiceEntry first.
func manifestsMeshObjects(name string) []*unstructured.Unstructured {
	specs := []struct {
		kind string
		spec map[string]any
	}{
		{"ServiceEntry", map[string]any{
			"hosts": []any{"a.b.global"}, "location": "MESH_INTERNAL", "resolution": "STATIC",
			"ports": []any{map[string]any{"number": int64(80), "name": "http", "protocol": "HTTP"}},
		}},
		{"DestinationRule", map[string]any{"host": "a.b.global"}},
		{"Sidecar", map[string]any{"egress": []any{map[string]any{"hosts": []any{"./*"}}}}},
		{"Gateway", map[string]any{"selector": map[string]any{"istio": "eastwestgateway"}}},
	}
	var objects []*unstructured.Unstructured
	for _, s := range specs {
		object := &unstructured.Unstructured{Object: map[string]any{"spec": s.spec}}
		object.SetAPIVersion("networking.istio.io/v1")
		object.SetKind(s.kind)
		object.SetNamespace("default")
		object.SetName(name)
		objects = append(objects, object)
	}
	return objects
}

// manifestsFreePort is free now, which has to do.
func manifestsFreePort(t *testing.T) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	_, port, err := net.SplitHostPort(listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	return port
}

func manifestsParse(t *testing.T, documents string) []*unstructured.Unstructured {
	t.Helper()
	var objects []*unstructured.Unstructured
	for decoder := utilyaml.NewYAMLOrJSONDecoder(strings.NewReader(documents), 4096); ; {
		object := &unstructured.Unstructured{}
		err := decoder.Decode(object)
		if errors.Is(err, io.EOF) {
			return objects
		}
		if err != nil {
			t.Fatal(err)
		}
		objects = append(objects, object)
	}
}

// manifestsField returns a field that must be there.
func manifestsField[T any](t *testing.T, object *unstructured.Unstructured, path ...string) T {
	t.Helper()
	value, _, err := unstructured.NestedFieldNoCopy(object.Object, path...)
	field, ok := value.(T)
	if err != nil || !ok {
		t.Fatalf("%s %s: %s is %v (%v)", object.GetKind(), object.GetName(), strings.Join(path, "."), value, err)
	}
	return field
}

func manifestsDuration(t *testing.T, certificate *unstructured.Unstructured, field string) time.Duration {
	t.Helper()
	duration, err := time.ParseDuration(manifestsField[string](t, certificate, "spec", field))
	if err != nil {
		t.Fatal(err)
	}
	return duration
}
