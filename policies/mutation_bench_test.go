package policies

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"
)

// BenchmarkMutatePod goes from raw JSON to the encoded patch.
func BenchmarkMutatePod(b *testing.B) {
	settings := testSettings()
	created := recordedPod(b, "pod")
	injected := recordedPod(b, "usual.before")
	_, settled := mutate(b, injected, settings)
	fixture, err := os.ReadFile("testdata/pods/injected-native.yaml")
	if err != nil {
		b.Fatal(err)
	}
	alien := setMember(b, toJSON(b, string(fixture)), "/metadata/managedFields", json.RawMessage(managedFields))
	configured := setMember(b, alien, "/metadata/annotations/proxy.istio.io~1config", "# slow clients\nterminationDrainDuration: 30s\nholdApplicationUntilProxyStarts: true\nproxyMetadata:\n  # in seconds\n  MINIMUM_DRAIN_DURATION: 10s\n")

	for _, benchmark := range []struct {
		name string
		pod  []byte
	}{
		{"BeforeIstio", created},
		{"AfterIstio", injected}, // reinvocation: the socket
		{"Settled", settled},
		{"Late", alien},                     // the first pass is behind Istio's
		{"LateWithProxyConfig", configured}, // and there is YAML to extend
	} {
		b.Run(benchmark.name, func(b *testing.B) {
			b.SetBytes(int64(len(benchmark.pod)))
			b.ReportAllocs()
			for b.Loop() {
				patch, err := MutatePod(benchmark.pod, settings)
				if err != nil {
					b.Fatal(err)
				}
				if patch.Operations == nil {
					continue
				}
				if _, err := json.Marshal(patch.Operations); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// recordedPod returns a Deployment's pod at the moment that a file is named after.
func recordedPod(tb testing.TB, moment string) []byte {
	tb.Helper()
	pod := readRecorded(tb, filepath.Join(recordedPods, "checkout", moment+".yaml"))
	return setMember(tb, pod, "/metadata/managedFields", json.RawMessage(managedFields))
}

// managedFields is what the API server keeps beside every field of a pod that a
// controller made. It comes with each request.
const managedFields = `[{"manager":"kube-controller-manager","operation":"Update","apiVersion":"v1","time":"2026-11-02T09:14:09Z","fieldsType":"FieldsV1","fieldsV1":{"f:metadata":{"f:annotations":{".":{},"f:checksum/config":{},"f:kubectl.kubernetes.io/restartedAt":{}},"f:generateName":{},"f:labels":{".":{},"f:app":{},"f:pod-template-hash":{},"f:version":{}},"f:ownerReferences":{".":{},"k:{\"uid\":\"5c7e2f60-0c3a-4a7e-9a39-8f7a0e2f9f51\"}":{}}},"f:spec":{"f:containers":{"k:{\"name\":\"checkout\"}":{".":{},"f:env":{".":{},"k:{\"name\":\"DB_DSN\"}":{".":{},"f:name":{},"f:valueFrom":{".":{},"f:secretKeyRef":{}}},"k:{\"name\":\"OTEL_EXPORTER_OTLP_ENDPOINT\"}":{".":{},"f:name":{},"f:value":{}},"k:{\"name\":\"PAYMENTS_URL\"}":{".":{},"f:name":{},"f:value":{}}},"f:image":{},"f:imagePullPolicy":{},"f:livenessProbe":{".":{},"f:failureThreshold":{},"f:httpGet":{".":{},"f:path":{},"f:port":{},"f:scheme":{}},"f:periodSeconds":{},"f:successThreshold":{},"f:timeoutSeconds":{}},"f:name":{},"f:ports":{".":{},"k:{\"containerPort\":8080,\"protocol\":\"TCP\"}":{".":{},"f:containerPort":{},"f:name":{},"f:protocol":{}},"k:{\"containerPort\":9090,\"protocol\":\"TCP\"}":{".":{},"f:containerPort":{},"f:name":{},"f:protocol":{}}},"f:readinessProbe":{".":{},"f:failureThreshold":{},"f:httpGet":{".":{},"f:path":{},"f:port":{},"f:scheme":{}},"f:periodSeconds":{},"f:successThreshold":{},"f:timeoutSeconds":{}},"f:resources":{".":{},"f:limits":{".":{},"f:memory":{}},"f:requests":{".":{},"f:cpu":{},"f:memory":{}}},"f:securityContext":{".":{},"f:allowPrivilegeEscalation":{},"f:capabilities":{".":{},"f:drop":{}},"f:readOnlyRootFilesystem":{}},"f:terminationMessagePath":{},"f:terminationMessagePolicy":{},"f:volumeMounts":{".":{},"k:{\"mountPath\":\"/etc/checkout\"}":{".":{},"f:mountPath":{},"f:name":{},"f:readOnly":{}}}}},"f:dnsPolicy":{},"f:enableServiceLinks":{},"f:restartPolicy":{},"f:schedulerName":{},"f:securityContext":{".":{},"f:runAsNonRoot":{},"f:seccompProfile":{".":{},"f:type":{}}},"f:serviceAccount":{},"f:serviceAccountName":{},"f:terminationGracePeriodSeconds":{},"f:topologySpreadConstraints":{".":{},"k:{\"topologyKey\":\"topology.kubernetes.io/zone\",\"whenUnsatisfiable\":\"ScheduleAnyway\"}":{".":{},"f:labelSelector":{},"f:maxSkew":{},"f:topologyKey":{},"f:whenUnsatisfiable":{}}},"f:volumes":{".":{},"k:{\"name\":\"config\"}":{".":{},"f:configMap":{".":{},"f:defaultMode":{},"f:name":{}},"f:name":{}}}}}}]`

func setMember(tb testing.TB, pod []byte, path string, value any) []byte {
	tb.Helper()
	return apply(tb, pod, PodPatch{Operations: []PatchOperation{{Op: "add", Path: path, Value: value}}})
}
