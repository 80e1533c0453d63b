package mesh

import "testing"

// Istio takes durations in every form that Go knows, protobuf's JSON only
// seconds; both are ordinary configuration.
func TestDecodeDurations(t *testing.T) {
	for _, duration := range []string{"30s", "0.030s", "30ms", "5m", "1h", "1h30m"} {
		spec := `{"host":"reviews.prod.svc.cluster.local","trafficPolicy":{"connectionPool":{"tcp":{"connectTimeout":"` + duration +
			`"}},"outlierDetection":{"interval":"` + duration + `"},"tls":{"mode":"ISTIO_MUTUAL"}}}`
		object, err := Decode(DestinationRule, []byte(`{"metadata":{"name":"n"},"spec":`+spec+`}`))
		if err != nil {
			t.Errorf("%s: got error %v; want none", duration, err)
			continue
		}
		if got := object.DestinationRule.GetTrafficPolicy().GetTls().GetMode().String(); got != "ISTIO_MUTUAL" {
			t.Errorf("%s: got TLS mode %s beside it; want ISTIO_MUTUAL", duration, got)
		}
	}
}
