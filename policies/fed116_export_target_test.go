package policies

import "testing"

// TestExportTargetOffline: of files, nobody knows which namespaces there are besides;
// what hides an entry from gateways does not hang on that.
func TestExportTargetOffline(t *testing.T) {
	const (
		namespace = "apiVersion: v1\nkind: Namespace\nmetadata: {name: foo}\n"
		gateway   = "apiVersion: networking.istio.io/v1\nkind: Gateway\nmetadata: {name: a, namespace: istio-system}\n" +
			"spec: {servers: [{hosts: ['*.global'], tls: {mode: AUTO_PASSTHROUGH}}]}\n"
	)
	entry := usualEntry("exportTo: [clients]")
	hidden := usualEntry("exportTo: [clients]", "endpoints:", "workloadSelector: {labels: {app: httpbin}}")
	checkActions(t, "missing, live", evaluateAs(t, exportTarget(), Review{}, entry, namespace), Warn)
	checkActions(t, "missing, files", evaluateAs(t, exportTarget(), Review{Whole: true}, entry, namespace))
	checkActions(t, "hidden, live", evaluateAs(t, exportTarget(), Review{}, hidden, namespace, gateway), Warn, Warn)
	checkActions(t, "hidden, files", evaluateAs(t, exportTarget(), Review{Whole: true}, hidden, namespace, gateway), Warn)
}
