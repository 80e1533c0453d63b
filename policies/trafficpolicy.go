package policies

import (
	"fmt"
	"strings"

	networking "istio.io/api/networking/v1alpha3"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"fedmesh.io/fedmesh/policies/mesh"
)

// tlsLevel is a place in a DestinationRule that can decide which TLS settings
// some port, or some port of some subset, has. Where a rule leaves a place out
// that would decide, that place is the level all the same.
type tlsLevel struct {
	// path is the field of the level's tls.
	path *field.Path
	// name is the level in words: "the top level", "port 8000", "subset v2",
	// "subset v2 port 8000".
	name string
	// port is the only one that the level decides on, and otherPort for a policy
	// itself, which decides on all but except.
	port   uint32
	except map[uint32]bool
	// tls are the settings; nil where there are none.
	tls *networking.ClientTLSSettings
}

// otherPort stands for the ports that a rule does not list. No port has this
// number.
const otherPort = 0

// tlsLevels returns the levels of rule, in the order of their fields. It reads
// policies as Istio does (istio pilot/pkg/networking/util/util.go,
// GetPortLevelTrafficPolicy and MergeSubsetTrafficPolicy):
//
//   - the portLevelSettings entry of a port replaces its policy, also where it
//     is silent on TLS; of several for one port the first counts
//   - a subset's entry for the port replaces everything; its tls everything but
//     that entry; without either it has what the port has without subset
func tlsLevels(rule *networking.DestinationRule) []tlsLevel {
	levels := policyLevels(spec().Child("trafficPolicy"), "", rule.GetTrafficPolicy())
	levels[0].name = "the top level"
	for i, subset := range rule.GetSubsets() {
		path := spec().Child("subsets").Index(i).Child("trafficPolicy")
		own := policyLevels(path, "subset "+Quote(subset.GetName()), subset.GetTrafficPolicy())
		if own[0].tls == nil {
			own = own[1:] // inherits from a level that is listed already
		}
		levels = append(levels, own...)
	}
	return levels
}

// policyLevels returns the level of policy itself and those of its ports.
func policyLevels(path *field.Path, name string, policy *networking.TrafficPolicy) []tlsLevel {
	except := map[uint32]bool{}
	levels := []tlsLevel{{path: path.Child("tls"), name: name, port: otherPort, except: except, tls: policy.GetTls()}}
	for i, setting := range policy.GetPortLevelSettings() {
		port := setting.GetPort().GetNumber()
		if port == otherPort || except[port] {
			continue
		}
		except[port] = true
		levels = append(levels, tlsLevel{
			path: path.Child("portLevelSettings").Index(i).Child("tls"),
			name: strings.TrimSpace(fmt.Sprintf("%s port %d", name, port)),
			port: port,
			tls:  setting.GetTls(),
		})
	}
	return levels
}

// decides reports whether the level decides on one of ports; while nobody knows
// any, on those that the rule lists and otherPort, which is to say always.
func (l tlsLevel) decides(ports map[uint32]bool) bool {
	switch {
	case len(ports) == 0:
		return true
	case l.port != otherPort:
		return ports[l.port]
	}
	for port := range ports {
		if !l.except[port] {
			return true
		}
	}
	return false
}

// mutual reports whether the level says ISTIO_MUTUAL.
func (l tlsLevel) mutual() bool {
	return l.tls.GetMode() == networking.ClientTLSSettings_ISTIO_MUTUAL
}

// writesMode reports whether the level's tls names a mode. One that does not has
// the first value, DISABLE.
func (l tlsLevel) writesMode(rule *mesh.Object) bool {
	return rule.Writes(strings.TrimPrefix(l.path.Child("mode").String(), "spec."))
}
