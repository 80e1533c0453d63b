package istio

import (
	"encoding/json"
	"fmt"
	"path"
	"slices"

	corev1 "k8s.io/api/core/v1"

	"fedmesh.io/fedmesh/policies"
	"fedmesh.io/fedmesh/policies/api/v1alpha1"
)

// Names that Istio gives.
const (
	proxyContainer  = "istio-proxy"
	socketVolume    = "workload-socket"
	socketDirectory = "/var/run/secrets/workload-spiffe-uds"
	networkLabel    = "topology.istio.io/network"
)

// problemsOf lists what a pod lacks that takes part in the federation.
func problemsOf(pod *corev1.Pod, phase phase, shape shape, o order) (problems []string) {
	report := func(format string, args ...any) { problems = append(problems, fmt.Sprintf(format, args...)) }
	var proxies, others []corev1.Container // others are those that Istio makes besides
	for _, container := range append(pod.Spec.InitContainers, pod.Spec.Containers...) {
		switch container.Name {
		case proxyContainer:
			proxies = append(proxies, container)
		case "istio-init", "istio-validation":
			others = append(others, container)
		}
	}
	if len(proxies) != 1 {
		report("got %d containers %s, want 1", len(proxies), proxyContainer)
		return problems
	}
	proxy := proxies[0]
	status := statusOf(pod)

	// Called before Istio and not again, fedmesh cannot see the proxy.
	if o != before && !(o == both && shape.mountsAgain) {
		problems = append(problems, socketProblems(pod, &proxy, phase, shape)...)
	}
	if !shape.keepsCapture {
		for _, container := range append(others, proxy) {
			if got := valueOf(&container, "ISTIO_META_DNS_CAPTURE"); got != "true" {
				report("container %s: ISTIO_META_DNS_CAPTURE is %q, want true", container.Name, got)
			}
		}
	}
	if label, variable := pod.Labels[networkLabel], valueOf(&proxy, "ISTIO_META_NETWORK"); label != variable {
		report("the pod is labelled with network %q and its proxy told of %q; want the same", label, variable)
	}
	for _, mutation := range []string{"workload-socket", "dns-capture", "network-label", "registration"} {
		if status[mutation] == "" {
			report("annotation fedmesh.io/status says nothing of %s: %q", mutation, pod.Annotations["fedmesh.io/status"])
		}
	}
	if o != before && !(o == both && shape.mountsAgain) {
		problems = append(problems, secondPass(pod, phase.settings)...)
	}
	return problems
}

// socketProblems are those of the socket's volume and mount.
func socketProblems(pod *corev1.Pod, proxy *corev1.Container, phase phase, shape shape) (problems []string) {
	report := func(format string, args ...any) { problems = append(problems, fmt.Sprintf(format, args...)) }
	volumes := socketVolumes(pod)
	if len(volumes) != 1 {
		report("got %d volumes %s, want 1", len(volumes), socketVolume)
		return problems
	}
	if configured := isConfigured(volumes[0], phase.settings.Pods.WorkloadSocket); configured == shape.keepsVolume {
		report("volume %s: got %+v, want it to be the configured one: %t", socketVolume, volumes[0].VolumeSource, !shape.keepsVolume)
	}
	var mounts []corev1.VolumeMount
	for _, mount := range proxy.VolumeMounts {
		if clean := path.Clean(mount.MountPath); clean == socketDirectory || "/var"+clean == socketDirectory {
			mounts = append(mounts, mount)
		}
	}
	if len(mounts) != 1 || mounts[0].Name != socketVolume || mounts[0].MountPath != socketDirectory || !mounts[0].ReadOnly {
		report("got mounts %+v, want one of %s at %s, read-only", mounts, socketVolume, socketDirectory)
	}
	return problems
}

func socketVolumes(pod *corev1.Pod) (volumes []corev1.Volume) {
	for _, volume := range pod.Spec.Volumes {
		if volume.Name == socketVolume {
			volumes = append(volumes, volume)
		}
	}
	return volumes
}

// hasEmptySocket reports whether the socket's volume is the one of Istio's template.
func hasEmptySocket(pod *corev1.Pod) bool {
	return slices.ContainsFunc(socketVolumes(pod), func(volume corev1.Volume) bool { return volume.EmptyDir != nil })
}

// isConfigured reports whether a volume has the source that is configured.
func isConfigured(volume corev1.Volume, source v1alpha1.WorkloadSocket) bool {
	if source.Type == v1alpha1.WorkloadSocketHostPath {
		return volume.HostPath != nil && volume.HostPath.Path == source.Path
	}
	return volume.CSI != nil && volume.CSI.Driver == "csi.spiffe.io" && volume.CSI.ReadOnly != nil && *volume.CSI.ReadOnly
}

// secondPass reports what one more call of fedmesh would change: nothing.
func secondPass(pod *corev1.Pod, settings policies.PodSettings) []string {
	text, err := json.Marshal(pod)
	if err != nil {
		return []string{err.Error()}
	}
	patch, err := policies.MutatePod(text, settings)
	switch {
	case err != nil:
		return []string{err.Error()}
	case len(patch.Operations) > 0:
		return []string{fmt.Sprintf("one more call of fedmesh would change the pod: %+v", patch.Operations)}
	}
	return nil
}

// statusOf is what the annotation fedmesh.io/status says, by mutation.
func statusOf(pod *corev1.Pod) map[string]string {
	var status map[string]string
	if err := json.Unmarshal([]byte(pod.Annotations["fedmesh.io/status"]), &status); err != nil {
		return nil
	}
	return status
}

// valueOf is the value of a variable; of several with one name the last counts.
func valueOf(container *corev1.Container, name string) (value string) {
	for _, variable := range container.Env {
		if variable.Name == name {
			value = variable.Value
		}
	}
	return value
}
