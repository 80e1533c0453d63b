package manifests

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/util/intstr"
)

// references follows the names from the webhooks to the port of the container.
func (o *overlay) references(t *testing.T) {
	container := o.deployment(t).Spec.Template.Spec.Containers[0]
	for _, kind := range []string{"mutating", "validating"} {
		for _, webhook := range o.webhooks(t, kind) {
			reference := webhook.clientConfig.Service
			service := &corev1.Service{}
			o.get(t, reference.Namespace, reference.Name, service)
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
				if got := o.deployment(t).Spec.Template.Labels[key]; got != value {
					t.Errorf("Service %s selects %s=%s, the pods have %q", service.Name, key, value, got)
				}
			}
		}
	}
}

// certificate follows the names from the webhook configurations to the files
// that the server is told to read.
func (o *overlay) certificate(t *testing.T) {
	const flag = "--certificate-dir="
	pod := o.deployment(t).Spec.Template.Spec
	container := pod.Containers[0]
	i := slices.IndexFunc(container.Args, func(argument string) bool { return strings.HasPrefix(argument, flag) })
	if o.name == "selfmanaged" {
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
		configuration := o.unstructured(t, "admissionregistration.k8s.io/v1", kind, "", "fedmesh")
		namespace, name, _ := strings.Cut(configuration.GetAnnotations()["cert-manager.io/inject-ca-from"], "/")
		leaf := o.unstructured(t, "cert-manager.io/v1", "Certificate", namespace, name)
		if got := field[string](t, leaf, "spec", "secretName"); got != secret {
			t.Errorf("%s: its authority is that of Secret %s, the server reads Secret %s", kind, got, secret)
		}
		names := field[[]any](t, leaf, "spec", "dnsNames")
		for _, webhook := range slices.Concat(o.webhooks(t, "mutating"), o.webhooks(t, "validating")) {
			want := webhook.clientConfig.Service.Name + "." + webhook.clientConfig.Service.Namespace + ".svc"
			if !slices.Contains(names, any(want)) {
				t.Errorf("webhook %s: the certificate is for %v, want %s among them", webhook.name, names, want)
			}
		}

		issuer := o.unstructured(t, "cert-manager.io/v1", "Issuer", namespace, field[string](t, leaf, "spec", "issuerRef", "name"))
		authority := o.unstructured(t, "cert-manager.io/v1", "Certificate", namespace, field[string](t, issuer, "spec", "ca", "secretName"))
		o.unstructured(t, "cert-manager.io/v1", "Issuer", namespace, field[string](t, authority, "spec", "issuerRef", "name"))
		// A certificate of the old authority has been renewed before that ends,
		// and the new one has the same key.
		if margin, life := durationField(t, authority, "renewBefore"), durationField(t, leaf, "duration"); margin <= life {
			t.Errorf("the authority is renewed %v before its end; want more than the %v of a serving certificate", margin, life)
		}
		if policy := field[string](t, authority, "spec", "privateKey", "rotationPolicy"); policy != "Never" {
			t.Errorf("the authority's key has the rotation policy %s; want Never", policy)
		}
	}
}

// field returns a field that must be there.
func field[T any](t *testing.T, object *unstructured.Unstructured, path ...string) T {
	t.Helper()
	value, _, err := unstructured.NestedFieldNoCopy(object.Object, path...)
	field, ok := value.(T)
	if err != nil || !ok {
		t.Fatalf("%s %s: %s is %v (%v)", object.GetKind(), object.GetName(), strings.Join(path, "."), value, err)
	}
	return field
}

// durationField returns a field of the spec that must be there.
func durationField(t *testing.T, certificate *unstructured.Unstructured, name string) time.Duration {
	t.Helper()
	duration, err := time.ParseDuration(field[string](t, certificate, "spec", name))
	if err != nil {
		t.Fatal(err)
	}
	return duration
}
