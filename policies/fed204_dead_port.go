package policies

import (
	"fmt"

	networking "istio.io/api/networking/v1alpha3"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"fedmesh.io/fedmesh/policies/mesh"
)

/*
FED204 dead-port: settings for a port are for one that the host has.

Restricted fields of a DestinationRule whose host is federated, or a wildcard under
a suffix:

	spec.trafficPolicy.portLevelSettings[*].port.number
	spec.subsets[*].trafficPolicy.portLevelSettings[*].port.number

Warned about: a number that is no port of any ServiceEntry for the host, or for a
wildcard of any for a host under it, that the rule can be picked for (see reaches).
The gateway's 15443 is such a number most of the time.

Allowed: every number while there is no such ServiceEntry; it may be yet to come.
*/
func deadPort() Rule {
	return Rule{
		ID:      "FED204",
		Name:    "dead-port",
		Summary: "port settings of a DestinationRule are for ports that federated hosts have",
		Action:  Warn,
		Applies: []mesh.Kind{mesh.DestinationRule},
		Reads:   []mesh.Kind{mesh.ServiceEntry},
		Doc: Doc{
			Why: "Istio looks settings up by the port that clients call, the one of the ServiceEntry (istio " +
				"pilot/pkg/networking/util/util.go, GetPortLevelTrafficPolicy). Those for another port, such as the 15443 that " +
				"the gateway is dialled on, are never applied.",
			Bad: `apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: httpbin-bar, namespace: foo}
spec:
  host: httpbin.bar.global
  trafficPolicy:
    tls: {mode: ISTIO_MUTUAL}
    portLevelSettings:
    - port: {number: 15443}
      connectionPool: {tcp: {maxConnections: 100}}
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
  endpoints: [{address: gateway.bar.com, ports: {http: 15443}}]
`,
			Good: `apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: httpbin-bar, namespace: foo}
spec:
  host: httpbin.bar.global
  trafficPolicy:
    tls: {mode: ISTIO_MUTUAL}
    portLevelSettings:
    - port: {number: 8000}
      connectionPool: {tcp: {maxConnections: 100}}
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
  endpoints: [{address: gateway.bar.com, ports: {http: 15443}}]
`,
			Fix: "Name the port of the ServiceEntry, or remove the settings.",
		},
		Check: checkDeadPort,
	}
}

func checkDeadPort(review Review, view *mesh.View) []Finding {
	rule := federatedRule(review, view)
	if rule == nil {
		return nil
	}
	settings := portSettings(rule)
	if len(settings) == 0 {
		return nil
	}
	missing := map[uint32]bool{}
	for _, setting := range settings {
		missing[setting.port] = true
	}
	if !removePorts(missing, review, view) {
		return nil
	}
	host := mesh.CanonicalHost(rule.GetHost())
	var findings []Finding
	for _, setting := range settings {
		if !missing[setting.port] {
			continue
		}
		findings = append(findings, Finding{
			Field:   setting.path,
			Value:   fmt.Sprintf("%s, %s: %d", host, setting.level, setting.port),
			Message: fmt.Sprintf("no visible ServiceEntry for %s has port %d, so the settings are never applied", Quote(host), setting.port),
			Fix:     "name one of its ports or remove them",
		})
	}
	return findings
}

// portSetting is a place in a DestinationRule that is about one port.
type portSetting struct {
	path *field.Path
	// level is whose it is: empty for the rule itself, or a subset's name.
	level string
	port  uint32
}

// portSettings returns those of rule, in the order of their fields. One without a
// port is for none.
func portSettings(rule *networking.DestinationRule) []portSetting {
	var settings []portSetting
	add := func(path *field.Path, level string, policy *networking.TrafficPolicy) {
		for i, setting := range policy.GetPortLevelSettings() {
			if port := setting.GetPort().GetNumber(); port != 0 {
				path := path.Child("portLevelSettings").Index(i).Child("port", "number")
				settings = append(settings, portSetting{path: path, level: level, port: port})
			}
		}
	}
	add(spec().Child("trafficPolicy"), "", rule.GetTrafficPolicy())
	for i, subset := range rule.GetSubsets() {
		add(spec().Child("subsets").Index(i).Child("trafficPolicy"), "subset "+subset.GetName(), subset.GetTrafficPolicy())
	}
	return settings
}

// removePorts takes from ports those of the entries that the DestinationRule under
// review can be picked for, until none is left. External hosts that a wildcard
// covers have their ports as well; it reports whether there is an entry with a
// federated one, as far as some port is left.
func removePorts(ports map[uint32]bool, review Review, view *mesh.View) bool {
	host := mesh.CanonicalHost(review.Object.DestinationRule.GetHost())
	federation := view.Federation()
	known := false
	for entry := range view.EachEntry(host) {
		if !reaches(review.Object, entry, federation.Spec.RootNamespace) {
			continue
		}
		known = known || definesFederated(entry, host, federation)
		for _, port := range entry.Ports {
			delete(ports, port)
		}
		if len(ports) == 0 {
			break
		}
	}
	return known
}
