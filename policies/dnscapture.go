package policies

import (
	"fmt"
	"strconv"

	"fedmesh.io/fedmesh/policies/pods"
)

// dnsCapture is MUT2: the sidecar answers DNS. Without that no federated name
// resolves.
//
// Istio copies proxyMetadata of the annotation proxy.istio.io/config into the
// environment of istio-proxy and of istio-init or istio-validation when it
// injects them (files/injection-template.yaml), and at no other time. A pod that
// is injected already gets the variables as well.
//
// What the user says stays, in the annotation and in a container istio-proxy of
// the user's own. The container's environment wins over the annotation in the
// proxy but not in istio-init, so that asking for capture in the annotation
// would send DNS to a proxy that does not answer it. The annotation is judged
// first, for Istio copies it into the environment, and the status has to read
// the same before and after that.
func (m *podMutation) dnsCapture() (status string) {
	if enabled := m.settings.Pods.DNSCapture; enabled != nil && !*enabled {
		return "off: pods.dnsCapture is false"
	}
	annotation, _ := m.pod.Annotations.Lookup(pods.ConfigAnnotation)
	merged, value, err := mergeProxyMetadata(annotation, pods.DNSCaptureVariable, "true")
	if err != nil {
		m.warn("annotation %s: %v; DNS capture was not added to it, correct it", pods.ConfigAnnotation, err)
		return fmt.Sprintf("skipped: annotation %s: %v", pods.ConfigAnnotation, err)
	}
	if !captures(value) {
		return m.keepCapture("the pod", value)
	}
	for i := range m.pod.Containers {
		c := &m.pod.Containers[i]
		switch {
		case !c.IsProxy() || !c.DNSCapture.Present:
		case c.DNSCapture.Reference:
			return fmt.Sprintf("kept: container %s takes %s from valueFrom", pods.ProxyContainer, pods.DNSCaptureVariable)
		case !captures(c.DNSCapture.Value):
			return m.keepCapture("container "+pods.ProxyContainer, c.DNSCapture.Value)
		}
	}
	m.annotate(pods.ConfigAnnotation, merged)
	if m.injected {
		m.setCaptureVariables()
	}
	return fmt.Sprintf(`applied: %s is "%s"`, pods.DNSCaptureVariable, value)
}

// captures reports whether Istio reads the value as true (pkg/env/var.go,
// BoolVar; cni/pkg/plugin/sidecar_redirect.go).
func captures(value string) bool {
	on, err := strconv.ParseBool(value)
	return on && err == nil
}

// keepCapture respects the user's value. It warns where that is no boolean:
// Istio reads such a value as false.
func (m *podMutation) keepCapture(where, value string) (status string) {
	if _, err := strconv.ParseBool(value); err != nil {
		m.warn(`%s sets %s to "%s", which Istio reads as false; write "true" or "false"`,
			where, pods.DNSCaptureVariable, pods.Shorten(value))
	}
	return fmt.Sprintf(`kept: %s sets %s to "%s"`, where, pods.DNSCaptureVariable, pods.Shorten(value))
}

// setCaptureVariables adds the variable where Istio would have put it.
func (m *podMutation) setCaptureVariables() {
	for i := range m.pod.Containers {
		c := &m.pod.Containers[i]
		if (c.IsProxy() || c.IsInit()) && !c.DNSCapture.Present {
			m.addVariable(c, pods.DNSCaptureVariable, "true")
		}
	}
}
