package policies

import (
	"fmt"
	"strings"

	"fedmesh.io/fedmesh/policies/pods"
)

// templatesAnnotation lists the templates that Istio's injector is to use (istio
// pkg/kube/inject/inject.go, selectTemplates).
const templatesAnnotation = "inject.istio.io/templates"

// leftover returns the second container istio-proxy that a template for the socket
// leaves behind, and nil where there is none. Istio's documentation has such a
// template, spire, patch spec.containers. Where the proxy is a native sidecar it
// stands in spec.initContainers, and the patch makes another container, without an
// image (istio pkg/kube/inject/testdata/inject/sidecar-spire.yaml.injected).
func leftover(pod *pods.Pod) *pods.Container {
	if !pod.Injected() {
		return nil
	}
	var native bool
	for i := range pod.Containers { // init containers come first
		switch c := &pod.Containers[i]; {
		case !c.IsProxy():
		case c.IsInit():
			native = true
		case native && len(c.Image) == 0:
			return c
		}
	}
	return nil
}

// leftoverFinding is the finding of FED601 on a leftover. The API server refuses
// such a pod for want of an image, before validating webhooks are called, and does
// not say where the container comes from. So the mutation says it.
func leftoverFinding(pod *pods.Pod, c *pods.Container) Finding {
	template := socketTemplate(pod)
	return Finding{
		Rule:  workloadSocketID,
		Field: containerField(c),
		Value: pods.ProxyContainer,
		Message: fmt.Sprintf("second %s, no image: template %s patches containers, the native sidecar is in initContainers",
			pods.ProxyContainer, template),
		Fix: fmt.Sprintf(`take %s out of %s (fedmesh mounts the socket) or set %s: "false"`, template, templatesAnnotation, nativeSidecarAnnotation),
	}
}

// nativeSidecarAnnotation says where the injector puts the proxy.
const nativeSidecarAnnotation = "sidecar.istio.io/nativeSidecar"

// socketTemplate names the template that made the leftover: the one beside Istio's
// own, where the pod asks for one.
func socketTemplate(pod *pods.Pod) string {
	asked, _ := pod.Annotations.Lookup(templatesAnnotation)
	for template := range strings.SplitSeq(asked, ",") {
		switch template = strings.TrimSpace(template); template {
		case "", "sidecar", "gateway":
		default:
			return pods.OneLine(template, 20)
		}
	}
	return "spire"
}
