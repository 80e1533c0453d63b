package mesh

import (
	"slices"

	networking "istio.io/api/networking/v1alpha3"
)

// TrafficRule is what the Index keeps of a DestinationRule.
type TrafficRule struct {
	Meta
	// Host in canonical form.
	Host string
	// ExportTo as it was written; none means everywhere.
	ExportTo []string
	// Selective is true for a rule with a workloadSelector: it is for some clients
	// of its own namespace only.
	Selective bool
	// Policy is true when there is a policy at the top level.
	Policy bool
	// OutlierDetection is true when the policy at the top level, or one of a port,
	// ejects endpoints that fail, without which there is no failover.
	OutlierDetection bool
	// Subsets are the names of its subsets.
	Subsets []string

	mutual bool      // the top level says ISTIO_MUTUAL
	ports  []portTLS // of portLevelSettings
}

// portTLS says whether a port's own settings say ISTIO_MUTUAL.
type portTLS struct {
	port   uint32
	mutual bool
}

func newTrafficRule(object *Object) *TrafficRule {
	spec := object.DestinationRule
	policy := spec.GetTrafficPolicy()
	rule := &TrafficRule{
		Meta:             newMeta(object),
		Host:             CanonicalHost(spec.GetHost()),
		Selective:        spec.GetWorkloadSelector() != nil,
		Policy:           policy != nil,
		OutlierDetection: policy.GetOutlierDetection() != nil,
		mutual:           isMutual(policy.GetTls()),
	}
	if len(spec.GetExportTo()) > 0 {
		rule.ExportTo = slices.Clone(spec.GetExportTo())
	}
	for _, subset := range spec.GetSubsets() {
		rule.Subsets = append(rule.Subsets, subset.GetName())
	}
	for _, setting := range policy.GetPortLevelSettings() {
		rule.OutlierDetection = rule.OutlierDetection || setting.GetOutlierDetection() != nil
		rule.ports = append(rule.ports, portTLS{port: setting.GetPort().GetNumber(), mutual: isMutual(setting.GetTls())})
	}
	return rule
}

func (r *TrafficRule) name() Ref       { return r.Ref }
func (r *TrafficRule) hosts() []string { return []string{r.Host} }

func isMutual(tls *networking.ClientTLSSettings) bool {
	return tls.GetMode() == networking.ClientTLSSettings_ISTIO_MUTUAL
}

// MutualTLS reports whether the rule says ISTIO_MUTUAL for a port, whatever its
// subsets have. The settings of a port replace those of the top level, also where
// they are silent on TLS; of several for one port the first counts (istio
// pilot/pkg/networking/util/util.go, GetPortLevelTrafficPolicy).
func (r *TrafficRule) MutualTLS(port uint32) bool {
	for _, setting := range r.ports {
		if setting.port == port {
			return setting.mutual
		}
	}
	return r.mutual
}

// local reports whether Istio looks at the rule first for clients of its own
// namespace (istio pilot/pkg/model/push_context.go, setDestinationRules).
func (r *TrafficRule) local() bool {
	return Public(r.ExportTo) || slices.Contains(r.ExportTo, ".") || slices.Contains(r.ExportTo, r.Ref.Namespace)
}

// exported reports whether the rule is among those that Istio looks at for clients
// of other namespaces: whether these really see it is asked of the one that is
// picked.
func (r *TrafficRule) exported() bool {
	if len(r.ExportTo) == 1 {
		return r.ExportTo[0] != "." && r.ExportTo[0] != r.Ref.Namespace
	}
	return true
}

// shownTo reports whether clients of namespace see the rule. Only "*" and the name
// of a namespace say so to others; "." does not stand for the own one here.
func (r *TrafficRule) shownTo(namespace string) bool {
	return Public(r.ExportTo) || slices.Contains(r.ExportTo, namespace)
}
