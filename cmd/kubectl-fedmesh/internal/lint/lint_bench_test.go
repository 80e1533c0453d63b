package lint

import (
	"bytes"
	"fmt"
	"testing"

	"fedmesh.io/fedmesh/cmd/kubectl-fedmesh/internal/documents"
)

// BenchmarkLint reads and judges ordinary files, from YAML to findings, beside a
// floor that only splits them and looks for their kinds.
func BenchmarkLint(b *testing.B) {
	CollectLess() // as the program does
	const count = 10_000
	text := []byte(usualFederation + `---
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: global, namespace: istio-system}
spec: {host: "*.global", trafficPolicy: {tls: {mode: ISTIO_MUTUAL}}}
`)
	for i := range count {
		text = fmt.Appendf(text, `---
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata:
  name: service-%[1]d-bar
  namespace: foo
  labels:
    app: service-%[1]d
spec:
  hosts:
  - service-%[1]d.bar.global
  addresses:
  - 241.0.%[2]d.%[3]d
  location: MESH_INTERNAL
  resolution: DNS
  ports:
  - number: 8000
    name: http
    protocol: HTTP
  endpoints:
  - address: 34.122.11.2
    ports:
      http: 15443
  subjectAltNames:
  - spiffe://bar.com/ns/bar/sa/service
`, i, i/250, i%250)
	}
	b.Run("Floor", func(b *testing.B) {
		for b.Loop() {
			if kinds := bytes.Count(text, []byte("\nkind: ")); kinds != count+2 {
				b.Fatal(kinds)
			}
		}
		b.ReportMetric(float64(count)*float64(b.N)/b.Elapsed().Seconds(), "documents/s")
	})
	b.Run("Lint", func(b *testing.B) {
		for b.Loop() {
			all, problems := documents.Parse("f", text)
			report, err := Run([]Cluster{{Documents: all}}, "default")
			if err != nil || problems != nil || report.Objects != count+1 || len(report.Findings) > 0 {
				b.Fatalf("%v, %v, %d objects, %d findings", err, problems, report.Objects, len(report.Findings))
			}
		}
		b.ReportMetric(float64(count)*float64(b.N)/b.Elapsed().Seconds(), "documents/s")
	})
}
