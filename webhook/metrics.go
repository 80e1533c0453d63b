package webhook

import (
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	admissionv1 "k8s.io/api/admission/v1"

	"fedmesh.io/fedmesh/policies"
	"fedmesh.io/fedmesh/policies/mesh"
)

// Metrics are the webhook's own, beside those of controller-runtime. No label
// holds the name of an object or of a user.
type Metrics struct {
	duration *prometheus.HistogramVec
	findings *prometheus.CounterVec
	valid    prometheus.Gauge
}

// NewMetrics returns Metrics that registry collects.
func NewMetrics(registry prometheus.Registerer) (*Metrics, error) {
	metrics := &Metrics{
		duration: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name:    "fedmesh_review_duration_seconds",
			Help:    "How long the rules or the mutations took, by kind of object and by whether it was allowed.",
			Buckets: []float64{.000025, .00005, .0001, .00025, .0005, .001, .0025, .005, .01, .025, .1, .5, 2.5},
		}, []string{"kind", "allowed"}),
		findings: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "fedmesh_findings_total",
			Help: "Findings by rule, by what they led to (Deny, Warn, Audit; Panic for a rule that failed), and by whether the request was a dry run.",
		}, []string{"rule", "action", "dry_run"}),
		valid: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "fedmesh_federation_valid",
			Help: "1 while the stored Federation is in force, 0 while it is not valid and an earlier one or none is.",
		}),
	}
	for _, collector := range []prometheus.Collector{metrics.duration, metrics.findings, metrics.valid} {
		if err := registry.Register(collector); err != nil {
			return nil, err
		}
	}
	metrics.valid.Set(1)
	return metrics, nil
}

// evaluated counts what the rules said about an object.
func (m *Metrics) evaluated(kind mesh.Kind, outcome policies.Outcome, request *admissionv1.AdmissionRequest, allowed bool, took time.Duration) {
	m.duration.WithLabelValues(kind.String(), strconv.FormatBool(allowed)).Observe(took.Seconds())
	dry := strconv.FormatBool(dryRun(request))
	for _, finding := range outcome.Findings {
		m.findings.WithLabelValues(finding.Rule, string(finding.Action), dry).Inc()
	}
	for _, failure := range outcome.Failures {
		m.findings.WithLabelValues(failure.Rule, "Panic", dry).Inc()
	}
}

// mutated counts a pod.
func (m *Metrics) mutated(took time.Duration) {
	m.duration.WithLabelValues("Pod", "true").Observe(took.Seconds())
}

// federationValid says whether the stored Federation is in force.
func (m *Metrics) federationValid(valid bool) {
	if valid {
		m.valid.Set(1)
	} else {
		m.valid.Set(0)
	}
}
