package policies

import (
	"fmt"
	"strconv"
	"strings"

	"fedmesh.io/fedmesh/policies/mesh"
	"fedmesh.io/fedmesh/policies/pods"
)

/*
FED602 dns-capture: a proxy that is asked to answer DNS does.

Restricted fields of a finished pod:

	metadata.annotations[proxy.istio.io/config]
	spec.containers[*].env, spec.initContainers[*].env, of injected istio-proxy and
	of istio-init

Forbidden values: an annotation whose proxyMetadata has ISTIO_META_DNS_CAPTURE say
true beside an environment without it, or with a value that is no boolean; a field
of the annotation that is proxyMetadata but for case, "_" and "-", and a key in
proxyMetadata that is ISTIO_META_DNS_CAPTURE but for these.

Allowed: "false", in either place; a value from valueFrom; proxyMetadata and
proxy_metadata, the two spellings that Istio reads; an annotation that Istio itself
refuses; no annotation. The environment of istio-validation is not looked at: where
Istio's CNI plugin redirects DNS, it asks the environment of istio-proxy
(cni/pkg/plugin/sidecar_redirect.go).
*/
func dnsCapture() Rule {
	return Rule{
		ID:         "FED602",
		Name:       "dns-capture",
		Summary:    "a proxy that the pod's proxy configuration asks for DNS capture has it, and the configuration spells it right",
		Action:     Warn,
		FinalCheck: true,
		Applies:    []mesh.Kind{mesh.Pod},
		Doc: Doc{
			Why: "Without DNS capture no federated name resolves. Istio copies `proxyMetadata` into environments when it injects the pod " +
				"and at no other time, so that an annotation that comes later has no effect. Fields of the annotation that it does not " +
				"know, such as `proxyMetaData`, it passes over without a word.",
			Bad: `apiVersion: v1
kind: Pod
metadata:
  name: web
  namespace: foo
  annotations:
    sidecar.istio.io/status: "{}"
    proxy.istio.io/config: |
      proxyMetaData:
        ISTIO_META_DNS_CAPTURE: "true"
` + injectedExample + optedInExample,
			Good: `apiVersion: v1
kind: Pod
metadata:
  name: web
  namespace: foo
  annotations:
    sidecar.istio.io/status: "{}"
    proxy.istio.io/config: |
      proxyMetadata:
        ISTIO_META_DNS_CAPTURE: "true"
spec:
  initContainers:
  - name: istio-proxy
    image: istio/proxyv2
    restartPolicy: Always
    env: [{name: ISTIO_META_DNS_CAPTURE, value: "true"}]
    volumeMounts: [{name: workload-socket, mountPath: /var/run/secrets/workload-spiffe-uds, readOnly: true}]
  containers: [{name: web, image: web}]
  volumes: [{name: workload-socket, csi: {driver: csi.spiffe.io, readOnly: true}}]
` + optedInExample,
			Fix: "Spell the field `proxyMetadata` and the key `ISTIO_META_DNS_CAPTURE`; and create the pod again while fedmesh's mutating " +
				"webhook is called, which adds both where they are missing.",
		},
		Check: checkDNSCapture,
	}
}

func checkDNSCapture(review Review, view *mesh.View) []Finding {
	pod := review.Object.Pod
	text, _ := pod.Annotations.Lookup(pods.ConfigAnnotation)
	if text == "" || !participates(review, view) {
		return nil
	}
	fields, _, err := readProxyConfig(text)
	if err != nil {
		return nil // Istio refuses it, or fedmesh's mutation has said why it was left alone
	}
	metadata, err := fields.metadata()
	if err != nil {
		return nil
	}
	findings := misspelt(fields, metadata)
	if entry := metadata.lookup(pods.DNSCaptureVariable); entry != nil && captures(entry.value) {
		findings = append(findings, notCapturing(pod)...)
	}
	return findings
}

// misspelt returns the findings on fields and keys that nobody reads.
func misspelt(fields proxyConfigFields, metadata proxyMetadata) []Finding {
	var findings []Finding
	for _, field := range fields {
		if name := string(field.Key); name != metadataField && name != metadataFieldJSON && looseName(name) == looseName(metadataField) {
			findings = append(findings, misspelling(name, "field", metadataFieldJSON))
		}
	}
	for _, entry := range metadata.entries {
		if entry.key != pods.DNSCaptureVariable && looseName(entry.key) == looseName(pods.DNSCaptureVariable) {
			findings = append(findings, misspelling(entry.key, "variable", pods.DNSCaptureVariable))
		}
	}
	return findings
}

func misspelling(name, what, meant string) Finding {
	return Finding{
		Field:   annotationField(pods.ConfigAnnotation),
		Value:   name,
		Message: fmt.Sprintf("%s is no %s that Istio knows, and it passes over it without a word", pods.Shorten(name), what),
		Fix:     "spell it " + meant,
	}
}

// looseName is a name without what people get wrong in it.
func looseName(name string) string {
	return strings.ToLower(strings.NewReplacer("_", "", "-", "").Replace(name))
}

// notCapturing returns the containers that were to capture DNS and do not. Where
// the user says otherwise of a proxy, that is meant.
func notCapturing(pod *pods.Pod) []Finding {
	proxies := injectedProxies(pod)
	for _, proxy := range proxies {
		if proxy.DNSCapture.Reference || says(proxy.DNSCapture, false) {
			return nil
		}
	}
	if len(proxies) == 0 {
		return nil
	}
	var findings []Finding
	for i := range pod.Containers {
		c := &pod.Containers[i]
		if c == leftover(pod) || !c.IsProxy() && string(c.Name) != pods.InitContainer ||
			c.DNSCapture.Reference || says(c.DNSCapture, true) || says(c.DNSCapture, false) {
			continue
		}
		finding := Finding{
			Field:   containerField(c).Child("env"),
			Value:   c.DNSCapture.Value,
			Message: fmt.Sprintf("%s is not set, though the annotation %s asks for it: federated names do not resolve", pods.DNSCaptureVariable, pods.ConfigAnnotation),
			Fix:     "create the pod again, fedmesh adds it",
		}
		if c.DNSCapture.Present {
			finding.Message = fmt.Sprintf(`%s is "%s", which Istio reads as false`, pods.DNSCaptureVariable, pods.Shorten(c.DNSCapture.Value))
			finding.Fix = `write "true"`
		}
		findings = append(findings, finding)
	}
	return findings
}

// says reports whether a variable is there and is read as the given boolean.
func says(variable pods.Variable, want bool) bool {
	value, err := strconv.ParseBool(variable.Value)
	return variable.Present && err == nil && value == want
}
