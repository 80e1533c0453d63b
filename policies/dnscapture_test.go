package policies

import (
	"encoding/json"
	"testing"

	"github.com/google/go-cmp/cmp"

	"fedmesh.io/fedmesh/policies/pods"
)

func TestDNSCapture(t *testing.T) {
	const (
		fresh   = "proxyMetadata:\n  ISTIO_META_DNS_CAPTURE: \"true\"\n"
		applied = `applied: ISTIO_META_DNS_CAPTURE is "true"`
		add     = ` {"name":"ISTIO_META_DNS_CAPTURE","value":"true"}`
	)
	off, on := false, true
	tests := []struct {
		name    string
		pod     string
		enabled *bool
		config  string // the annotation afterwards
		want    []string
		status  string
		warning string
	}{
		{name: "no annotation", pod: "{spec: {containers: [{name: web}]}}", config: fresh, status: applied},
		{name: "asked for explicitly", pod: "{spec: {containers: [{name: web}]}}", enabled: &on, config: fresh, status: applied},
		{name: "switched off", pod: "{spec: {containers: [{name: web}]}}", enabled: &off, status: "off: pods.dnsCapture is false"},
		{
			name: "empty annotation", pod: "{metadata: {annotations: {proxy.istio.io/config: ''}}, spec: {containers: [{name: web}]}}",
			config: fresh, status: applied,
		},
		{
			name: "null annotation", pod: "{metadata: {annotations: {proxy.istio.io/config: null}}, spec: {containers: [{name: web}]}}",
			config: fresh, status: applied,
		},
		{
			name: "the user says no", pod: `{metadata: {annotations: {proxy.istio.io/config: 'proxyMetadata: {ISTIO_META_DNS_CAPTURE: "false"}'}}, spec: {containers: [{name: web}]}}`,
			config: `proxyMetadata: {ISTIO_META_DNS_CAPTURE: "false"}`, status: `kept: the pod sets ISTIO_META_DNS_CAPTURE to "false"`,
		},
		{
			name: "the user says yes in another way", pod: `{metadata: {annotations: {proxy.istio.io/config: 'proxyMetadata: {ISTIO_META_DNS_CAPTURE: "1"}'}}, spec: {containers: [{name: web}]}}`,
			config: `proxyMetadata: {ISTIO_META_DNS_CAPTURE: "1"}`, status: `applied: ISTIO_META_DNS_CAPTURE is "1"`,
		},
		{
			name: "what the user says is no boolean", pod: `{metadata: {annotations: {proxy.istio.io/config: 'proxyMetadata: {ISTIO_META_DNS_CAPTURE: "yes"}'}}, spec: {containers: [{name: web}]}}`,
			config: `proxyMetadata: {ISTIO_META_DNS_CAPTURE: "yes"}`, status: `kept: the pod sets ISTIO_META_DNS_CAPTURE to "yes"`,
			warning: `the pod sets ISTIO_META_DNS_CAPTURE to "yes", which Istio reads as false; write "true" or "false"`,
		},
		{
			name: "unreadable annotation", pod: `{metadata: {annotations: {proxy.istio.io/config: 'proxyMetadata: ['}}, spec: {containers: [{name: web}]}}`,
			config:  "proxyMetadata: [",
			status:  `skipped: annotation proxy.istio.io/config: it is no YAML: line 1: did not find expected node content`,
			warning: `annotation proxy.istio.io/config: it is no YAML: line 1: did not find expected node content; DNS capture was not added to it, correct it`,
		},
		{
			name: "injected without it", config: fresh, status: applied,
			pod: "{metadata: {annotations: {sidecar.istio.io/status: '{}'}}, spec: {" +
				"initContainers: [{name: istio-init}, {name: istio-validation, env: [{name: A}]}, {name: other}], containers: [{name: web}, {name: istio-proxy, env: []}, {name: istio-init}]}}",
			want: []string{
				"add /spec/initContainers/0/env [" + add[1:] + "]",
				"add /spec/initContainers/1/env/-" + add,
				"add /spec/containers/1/env/-" + add,
			},
		},
		{
			name: "injected with the annotation but without the variable", config: `{"proxyMetadata":{"ISTIO_META_DNS_CAPTURE":"true"}}`, status: applied,
			pod:  `{metadata: {annotations: {sidecar.istio.io/status: '{}', proxy.istio.io/config: '{"proxyMetadata":{"ISTIO_META_DNS_CAPTURE":"true"}}'}}, spec: {containers: [{name: istio-proxy, env: [{name: A, value: b}]}]}}`,
			want: []string{"add /spec/containers/0/env/-" + add},
		},
		{
			name: "injected, and the user says no", config: `{"proxyMetadata":{"ISTIO_META_DNS_CAPTURE":"false"}}`,
			pod:    `{metadata: {annotations: {sidecar.istio.io/status: '{}', proxy.istio.io/config: '{"proxyMetadata":{"ISTIO_META_DNS_CAPTURE":"false"}}'}}, spec: {containers: [{name: istio-proxy}]}}`,
			status: `kept: the pod sets ISTIO_META_DNS_CAPTURE to "false"`,
		},
		{
			name: "injected by a mesh that captures", config: fresh, status: applied,
			pod: "{metadata: {annotations: {sidecar.istio.io/status: '{}'}}, spec: {" +
				"initContainers: [{name: istio-init, env: [{name: ISTIO_META_DNS_CAPTURE, value: 'true'}]}], containers: [{name: istio-proxy, env: [{name: ISTIO_META_DNS_CAPTURE, value: 'true'}]}]}}",
		},
		{
			name: "an override says no", pod: "{spec: {containers: [{name: web}, {name: istio-proxy, image: auto, env: [{name: ISTIO_META_DNS_CAPTURE, value: 'false'}]}]}}",
			status: `kept: container istio-proxy sets ISTIO_META_DNS_CAPTURE to "false"`,
		},
		{
			name: "an override says no and the annotation yes", config: fresh,
			pod:    `{metadata: {annotations: {proxy.istio.io/config: "proxyMetadata:\n  ISTIO_META_DNS_CAPTURE: \"true\"\n"}}, spec: {containers: [{name: web}, {name: istio-proxy, image: auto, env: [{name: ISTIO_META_DNS_CAPTURE, value: 'false'}]}]}}`,
			status: `kept: container istio-proxy sets ISTIO_META_DNS_CAPTURE to "false"`,
		},
		{
			name: "an override says yes", pod: "{spec: {containers: [{name: web}, {name: istio-proxy, image: auto, env: [{name: ISTIO_META_DNS_CAPTURE, value: 'true'}]}]}}",
			config: fresh, status: applied,
		},
		{
			name: "the last of two variables counts", pod: "{spec: {containers: [{name: istio-proxy, env: [{name: ISTIO_META_DNS_CAPTURE, value: 'true'}, {name: ISTIO_META_DNS_CAPTURE, value: f}]}]}}",
			status: `kept: container istio-proxy sets ISTIO_META_DNS_CAPTURE to "f"`,
		},
		{
			name: "a variable that is empty", pod: "{spec: {containers: [{name: istio-proxy, env: [{name: ISTIO_META_DNS_CAPTURE}]}]}}",
			status:  `kept: container istio-proxy sets ISTIO_META_DNS_CAPTURE to ""`,
			warning: `container istio-proxy sets ISTIO_META_DNS_CAPTURE to "", which Istio reads as false; write "true" or "false"`,
		},
		{
			name: "a variable that nobody knows", pod: "{spec: {containers: [{name: istio-proxy, env: [{name: ISTIO_META_DNS_CAPTURE, valueFrom: {configMapKeyRef: {name: a, key: b}}}]}]}}",
			status: `kept: container istio-proxy takes ISTIO_META_DNS_CAPTURE from valueFrom`,
		},
		{
			name: "a variable of another container", pod: "{spec: {containers: [{name: web, env: [{name: ISTIO_META_DNS_CAPTURE, value: 'false'}]}]}}",
			config: fresh, status: applied,
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			settings := testSettings()
			settings.Pods.DNSCapture = test.enabled
			settings.Pods.WorkloadSocket.Type = "None"
			settings.Pods.NetworkLabel = "Never"
			patch, patched := mutate(t, toJSON(t, test.pod), settings)
			if diff := cmp.Diff(test.want, onSpecification(t, patch)); diff != "" {
				t.Errorf("operations differ (-want +got):\n%s", diff)
			}
			var pod struct {
				Metadata struct{ Annotations map[string]string }
			}
			if err := json.Unmarshal(patched, &pod); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.config, pod.Metadata.Annotations[pods.ConfigAnnotation]); diff != "" {
				t.Errorf("annotation differs (-want +got):\n%s", diff)
			}
			if got := statusOf(t, patched)["dns-capture"]; got != test.status {
				t.Errorf("status: got %q, want %q", got, test.status)
			}
			var warnings []string
			if test.warning != "" {
				warnings = []string{test.warning}
			}
			if diff := cmp.Diff(warnings, patch.Warnings); diff != "" {
				t.Errorf("warnings differ (-want +got):\n%s", diff)
			}
		})
	}
}
