package istio

import (
	"flag"
	"math/rand/v2"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"
)

// anyPods is how many random pods are tried in every order.
var anyPods = flag.Int("any-pods", 80, "how many random pods are tried")

// checkAnyPod creates random pods, none of which is stored. What Istio alone makes
// a valid pod of, both together must make a valid one of, and one more call of
// fedmesh would leave it as it is. Which pods they are hangs on the seed alone.
func (c *cluster) checkAnyPod(t *testing.T) {
	random := rand.New(rand.NewPCG(4, 2026))
	namespaces := c.makeOrders(t, "any")
	accepted := 0
	for range *anyPods {
		pod := randomPod(random)
		alone := map[order]string{}
		for _, o := range []order{istioOnly, istioAgain} {
			_, alone[o] = c.tryPod(t, pod, namespaces[o])
		}
		if alone[istioOnly] == "" {
			accepted++
		}
		for _, o := range orders {
			stored, refusal := c.tryPod(t, pod, namespaces[o.order])
			switch {
			case refusal != "" && alone[o.alone] == "":
				t.Errorf("order %s: got refusal %s of a pod that Istio alone makes valid:\n%s", o.order, refusal, asYAML(t, pod))
			case refusal == "" && (o.order == reinvoked || o.order == after):
				for _, problem := range secondPass(stored, usual.settings) {
					t.Errorf("order %s: %s\n%s", o.order, problem, asYAML(t, pod))
				}
			}
		}
	}
	// A generator of nothing but nonsense would show nothing.
	if accepted < *anyPods/3 || accepted == *anyPods {
		t.Errorf("Istio alone accepted %d of %d random pods; want some of each kind", accepted, *anyPods)
	}
	t.Logf("Istio alone accepted %d of %d random pods", accepted, *anyPods)
}

// tryPod asks the API server what it would store.
func (c *cluster) tryPod(t *testing.T, pod *corev1.Pod, namespace string) (stored *corev1.Pod, refusal string) {
	t.Helper()
	stored = pod.DeepCopy()
	stored.Namespace = namespace
	if err := c.api.Create(t.Context(), stored, client.DryRunAll); err != nil {
		return nil, err.Error()
	}
	return stored, ""
}

// randomPod makes a pod of the things that webhooks for sidecars stumble over.
func randomPod(random *rand.Rand) *corev1.Pod {
	pod := &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Name: "any", Labels: map[string]string{"app": "any"}, Annotations: map[string]string{}},
		Spec:       corev1.PodSpec{Containers: []corev1.Container{{Name: "web", Image: "registry.example.com/web:1"}}},
	}
	setAny(random, pod.Annotations, "sidecar.istio.io/nativeSidecar", "true", "false", "")
	setAny(random, pod.Annotations, "inject.istio.io/templates", "", "", "", "sidecar", "gateway", "sidecar,spire", "grpc-agent")
	setAny(random, pod.Annotations, "sidecar.istio.io/userVolume", "", "", "",
		`{"workload-socket":{"csi":{"driver":"csi.spiffe.io","readOnly":true}}}`,
		`{"workload-socket":{"hostPath":{"path":"/run/spire"}}}`, `{"other":{"emptyDir":{}}}`)
	setAny(random, pod.Annotations, "sidecar.istio.io/userVolumeMount", "", "", "",
		`{"workload-socket":{"mountPath":"/run/secrets/workload-spiffe-uds"}}`,
		`{"workload-socket":{"mountPath":"/var/run/secrets/workload-spiffe-uds/"}}`)
	setAny(random, pod.Annotations, "proxy.istio.io/config", "", "", "{}", "concurrency: 2", "proxyMetadata: {A: b}",
		"holdApplicationUntilProxyStarts: true", `proxyMetadata: {ISTIO_META_DNS_CAPTURE: "false"}`, "# nothing")
	setAny(random, pod.Annotations, "fedmesh.io/status", "", "", "stale")
	setAny(random, pod.Labels, "topology.istio.io/network", "", "", "network-1", "network-9")
	setAny(random, pod.Labels, "sidecar.istio.io/inject", "", "", "", "", "true", "false")
	setAny(random, pod.Labels, "spiffe.io/spire-managed-identity", "", "", "false")
	pod.Spec.Volumes = randomVolumes(random)
	if one(random, 4) {
		pod.Spec.Containers = append(pod.Spec.Containers, randomProxy(random, pod.Spec.Volumes))
	}
	if one(random, 4) {
		pod.Spec.InitContainers = append(pod.Spec.InitContainers, randomProxy(random, pod.Spec.Volumes))
	}
	if one(random, 4) {
		pod.Spec.InitContainers = append(pod.Spec.InitContainers, corev1.Container{Name: "first", Image: "registry.example.com/first:1"})
	}
	for _, volume := range pod.Spec.Volumes {
		if one(random, 3) {
			pod.Spec.Containers[0].VolumeMounts = []corev1.VolumeMount{{Name: volume.Name, MountPath: "/var/run/secrets/workload-spiffe-uds"}}
		}
	}
	pod.Spec.HostNetwork = one(random, 10)
	if one(random, 4) {
		no := false
		pod.Spec.AutomountServiceAccountToken = &no
	}
	return pod
}

func randomVolumes(random *rand.Rand) []corev1.Volume {
	yes, no := true, false
	sources := []corev1.VolumeSource{
		{CSI: &corev1.CSIVolumeSource{Driver: "csi.spiffe.io", ReadOnly: &yes}},
		{CSI: &corev1.CSIVolumeSource{Driver: "csi.spiffe.io", ReadOnly: &no}},
		{CSI: &corev1.CSIVolumeSource{Driver: "csi.example.com"}},
		{EmptyDir: &corev1.EmptyDirVolumeSource{Medium: corev1.StorageMediumMemory}},
		{HostPath: &corev1.HostPathVolumeSource{Path: "/run/spire"}},
		{ConfigMap: &corev1.ConfigMapVolumeSource{LocalObjectReference: corev1.LocalObjectReference{Name: "config"}}},
		{},
	}
	var volumes []corev1.Volume
	if one(random, 2) {
		volumes = append(volumes, corev1.Volume{Name: socketVolume, VolumeSource: sources[random.IntN(len(sources))]})
	}
	if one(random, 4) {
		volumes = append(volumes, corev1.Volume{Name: "spare", VolumeSource: sources[random.IntN(len(sources))]})
	}
	return volumes
}

// randomProxy is a container by which a user changes the injected one.
func randomProxy(random *rand.Rand, volumes []corev1.Volume) corev1.Container {
	proxy := corev1.Container{Name: proxyContainer, Image: "auto"}
	for _, volume := range volumes {
		mountPath := []string{socketDirectory, "/run/secrets/workload-spiffe-uds", "/etc/spare"}[random.IntN(3)]
		if one(random, 2) {
			proxy.VolumeMounts = []corev1.VolumeMount{{Name: volume.Name, MountPath: mountPath, ReadOnly: one(random, 2)}}
		}
	}
	variables := []corev1.EnvVar{
		{Name: "ISTIO_META_DNS_CAPTURE", Value: "true"},
		{Name: "ISTIO_META_DNS_CAPTURE", Value: "false"},
		{Name: "ISTIO_META_NETWORK", Value: "network-9"},
		{Name: "ISTIO_META_NETWORK", ValueFrom: &corev1.EnvVarSource{FieldRef: &corev1.ObjectFieldSelector{FieldPath: "metadata.name"}}},
		{Name: "ISTIO_META_DNS_CAPTURE", ValueFrom: &corev1.EnvVarSource{FieldRef: &corev1.ObjectFieldSelector{FieldPath: "metadata.name"}}},
	}
	if one(random, 2) {
		proxy.Env = []corev1.EnvVar{variables[random.IntN(len(variables))]}
	}
	return proxy
}

// setAny sets a key to one of values, and does nothing for an empty one.
func setAny(random *rand.Rand, in map[string]string, key string, values ...string) {
	if value := values[random.IntN(len(values))]; value != "" {
		in[key] = value
	}
}

// one is true in one of count cases.
func one(random *rand.Rand, count int) bool { return random.IntN(count) == 0 }

func asYAML(t *testing.T, pod *corev1.Pod) string {
	t.Helper()
	text, err := yaml.Marshal(pod)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
