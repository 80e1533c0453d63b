package policies

import (
	"slices"

	networking "istio.io/api/networking/v1alpha3"

	"fedmesh.io/fedmesh/policies/mesh"
)

/*
FED208 outlier-detection: a federated host with endpoints in several localities can
fail over between them.

Restricted fields of a DestinationRule whose host is federated, or a wildcard under a
suffix, that Istio picks for some clients of a federated host with endpoints in more
than one locality:

	spec.trafficPolicy.outlierDetection

Warned about: none, neither there nor for a port or a subset.

Allowed: rules with a loadBalancer that says otherwise, at any level: localityLbSetting
that is not enabled or distributes by weights, which needs no failing endpoint, and
zoneAwareLbSetting, with which Istio fails over in any case. Rules with a
workloadSelector are not looked at, nor are hosts outside the mesh. MeshConfig, whose
defaultTrafficPolicy can eject endpoints as well, is not known here.
*/
func outlierDetection() Rule {
	return Rule{
		ID:      "FED208",
		Name:    "outlier-detection",
		Summary: "a federated host with endpoints in several localities has outlier detection",
		Action:  Warn,
		Applies: []mesh.Kind{mesh.DestinationRule},
		Reads:   []mesh.Kind{mesh.ServiceEntry, mesh.DestinationRule},
		Doc: Doc{
			Why: "Istio orders the endpoints of a host by locality only when the DestinationRule has `outlierDetection` (istio " +
				"pilot/pkg/networking/core/loadbalancer/loadbalancer.go, LocalityLBSettings). Without it requests are spread over all " +
				"localities from the start, and those to a gateway that is down fail.",
			Bad: `apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: httpbin-bar, namespace: foo}
spec:
  host: httpbin.bar.global
  trafficPolicy:
    tls: {mode: ISTIO_MUTUAL}
---
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: httpbin-bar, namespace: foo}
spec:
  hosts: [httpbin.bar.global]
  addresses: [240.0.0.2]
  location: MESH_INTERNAL
  resolution: DNS
  ports: [{number: 8000, name: http, protocol: HTTP}]
  endpoints:
  - {address: gateway.bar.com, ports: {http: 15443}, locality: us-west/a}
  - {address: 34.122.11.2, ports: {http: 15443}, locality: us-east/a}
`,
			Good: `apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: httpbin-bar, namespace: foo}
spec:
  host: httpbin.bar.global
  trafficPolicy:
    tls: {mode: ISTIO_MUTUAL}
    outlierDetection: {consecutive5xxErrors: 5, interval: 10s, baseEjectionTime: 1m}
---
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: httpbin-bar, namespace: foo}
spec:
  hosts: [httpbin.bar.global]
  addresses: [240.0.0.2]
  location: MESH_INTERNAL
  resolution: DNS
  ports: [{number: 8000, name: http, protocol: HTTP}]
  endpoints:
  - {address: gateway.bar.com, ports: {http: 15443}, locality: us-west/a}
  - {address: 34.122.11.2, ports: {http: 15443}, locality: us-east/a}
`,
			Fix: "Set `trafficPolicy.outlierDetection`, or say with `localityLbSetting: {enabled: false}` that no failover is wanted.",
		},
		Check: checkOutlierDetection,
	}
}

func checkOutlierDetection(review Review, view *mesh.View) []Finding {
	rule := federatedRule(review, view)
	if rule == nil || !leavesFailover(rule) {
		return nil
	}
	root, own := view.Federation().Spec.RootNamespace, mesh.NewTrafficRule(review.Object)
	patterns := federatedPatterns(rule.GetHost(), view.Federation())
	for _, federated := range hostsUnder(patterns, view, func(e *mesh.Entry) bool { return e.Localities && !e.External }) {
		rules := mesh.InsertRule(view.RulesCovering(federated.host), own)
		picked := slices.ContainsFunc(clientsOf(own, federated.entry), func(client string) bool {
			return mesh.PickRule(rules, root, federated.entry.Ref.Namespace, client) == own
		})
		if picked {
			return []Finding{{
				Field:   spec().Child("trafficPolicy", "outlierDetection"),
				Value:   own.Host,
				Message: Quote(federated.host) + " has endpoints in several localities, and without outlierDetection never fails over",
				Fix:     "set it",
				Related: []mesh.Ref{federated.entry.Ref},
			}}
		}
	}
	return nil
}

// leavesFailover reports whether rule neither ejects endpoints nor says how they are
// chosen by their locality, at whatever level: what some port or subset has on
// purpose, the others lack on purpose.
func leavesFailover(rule *networking.DestinationRule) bool {
	type settings interface {
		GetOutlierDetection() *networking.OutlierDetection
		GetLoadBalancer() *networking.LoadBalancerSettings
	}
	leaves := func(policy settings) bool {
		balancer := policy.GetLoadBalancer()
		locality := balancer.GetLocalityLbSetting()
		disabled := locality.GetEnabled() != nil && !locality.GetEnabled().GetValue()
		return policy.GetOutlierDetection() == nil && balancer.GetZoneAwareLbSetting() == nil &&
			!disabled && len(locality.GetDistribute()) == 0
	}
	policies := []*networking.TrafficPolicy{rule.GetTrafficPolicy()}
	for _, subset := range rule.GetSubsets() {
		policies = append(policies, subset.GetTrafficPolicy())
	}
	return !slices.ContainsFunc(policies, func(policy *networking.TrafficPolicy) bool {
		return !leaves(policy) || slices.ContainsFunc(policy.GetPortLevelSettings(),
			func(port *networking.TrafficPolicy_PortTrafficPolicy) bool { return !leaves(port) })
	})
}
