package webhook

import (
	"errors"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	admissionv1 "k8s.io/api/admission/v1"

	"fedmesh.io/fedmesh/policies"
	"fedmesh.io/fedmesh/policies/mesh"
	"fedmesh.io/fedmesh/webhook/claims"
)

// Metrics are the webhook's own, beside those of controller-runtime. No label
// holds the name of an object or of a user.
type Metrics struct {
	registry prometheus.Registerer
	duration *prometheus.HistogramVec
	findings *prometheus.CounterVec
	state    *prometheus.GaugeVec
	claims   *prometheus.HistogramVec
}

// NewMetrics returns Metrics that registry collects.
func NewMetrics(registry prometheus.Registerer) (*Metrics, error) {
	metrics := &Metrics{
		registry: registry,
		duration: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "fedmesh_review_duration_seconds",
			Help: "How long the rules took, with what they had confirmed by the API server, by kind of object and by whether it was allowed; " +
				"of kind PodPatch, how long mutations took.",
			Buckets: []float64{.000025, .00005, .0001, .00025, .0005, .001, .0025, .005, .01, .025, .1, .5, 2.5},
		}, []string{"kind", "allowed"}),
		findings: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "fedmesh_findings_total",
			Help: "Findings by rule, by what they led to (Deny, Warn, Audit; Panic for a rule that failed), and by whether the request was a dry run.",
		}, []string{"rule", "action", "dry_run"}),
		state: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "fedmesh_federation_state",
			Help: "1 for the state that the stored Federation is in: InForce, Invalid (an earlier one is in force, or none) or Absent.",
		}, []string{"state"}),
		claims: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "fedmesh_claim_duration_seconds",
			Help: "How long claiming what a request needs took, by outcome (Claimed; Held by another object, which refuses the request; " +
				"Pending on another request, or Unknown, which let it come again), and by whether the request was a dry run.",
			Buckets: []float64{.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 10},
		}, []string{"outcome", "dry_run"}),
	}
	for _, collector := range []prometheus.Collector{metrics.duration, metrics.findings, metrics.state, metrics.claims} {
		if err := registry.Register(collector); err != nil {
			return nil, err
		}
	}
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

// claimed counts a request that claimed something, by the error that came of it.
func (m *Metrics) claimed(err error, dry bool, took time.Duration) {
	outcome := "Unknown"
	switch {
	case err == nil:
		outcome = "Claimed"
	case errors.As(err, new(*claims.HeldError)):
		outcome = "Held"
	case errors.As(err, new(*claims.PendingError)):
		outcome = "Pending"
	}
	m.claims.WithLabelValues(outcome, strconv.FormatBool(dry)).Observe(took.Seconds())
}

// watchClaims has leading tell whether this replica keeps the claims, and count how
// often stored objects share what only one may have.
func (m *Metrics) watchClaims(leading func() bool, count func(claims.KeyKind) int) error {
	if err := m.registry.Register(prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "fedmesh_claims_leader",
		Help: "1 in the replica that keeps the claims, 0 in the others.",
	}, func() float64 {
		if leading() {
			return 1
		}
		return 0
	})); err != nil {
		return err
	}
	for _, kind := range []claims.KeyKind{claims.VIP, claims.Host, claims.Sidecar} {
		if err := m.registry.Register(prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name: "fedmesh_claim_conflicts",
			Help: "How often a stored object shares an address (vip), a host or the place of a namespace's default Sidecar with an older one, " +
				"as the replica knows that keeps the claims; 0 in the others.",
			ConstLabels: prometheus.Labels{"kind": string(kind)},
		}, func() float64 { return float64(count(kind)) })); err != nil {
			return err
		}
	}
	return nil
}

// mutated counts a pod.
func (m *Metrics) mutated(took time.Duration) {
	m.duration.WithLabelValues("PodPatch", "true").Observe(took.Seconds())
}

// The states of the stored Federation.
const (
	federationInForce = "InForce"
	federationInvalid = "Invalid"
	federationAbsent  = "Absent"
)

// federationIs says in which state the stored Federation is.
func (m *Metrics) federationIs(state string) {
	for _, each := range []string{federationInForce, federationInvalid, federationAbsent} {
		value := 0.0
		if each == state {
			value = 1
		}
		m.state.WithLabelValues(each).Set(value)
	}
}
