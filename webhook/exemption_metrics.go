package webhook

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"fedmesh.io/fedmesh/policies/mesh"
)

// exemptionCollector says how long each exemption has left. Its label is the name of
// an exemption and not of what is exempt: there are few, and an alert has to name it.
type exemptionCollector struct {
	index *mesh.Index
	now   func() time.Time
}

// exemptionRemaining describes the one metric of exemptionCollector.
func exemptionRemaining() *prometheus.Desc {
	return prometheus.NewDesc("fedmesh_exemption_remaining_seconds",
		"How long a FederationExemption still holds; 0 or less for one that has ended.", []string{"exemption_namespace", "exemption"}, nil)
}

// Describe is prometheus.Collector's.
func (c *exemptionCollector) Describe(descriptions chan<- *prometheus.Desc) {
	descriptions <- exemptionRemaining()
}

// Collect is prometheus.Collector's.
func (c *exemptionCollector) Collect(metrics chan<- prometheus.Metric) {
	description, now := exemptionRemaining(), c.now()
	for _, exemption := range c.index.AllExemptions() {
		metrics <- prometheus.MustNewConstMetric(description, prometheus.GaugeValue,
			exemption.ExpiresAt.Sub(now).Seconds(), exemption.Ref.Namespace, exemption.Ref.Name)
	}
}
