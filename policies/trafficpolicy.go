package policies

import (
	"fmt"
	"slices"

	networking "istio.io/api/networking/v1alpha3"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"fedmesh.io/fedmesh/policies/mesh"
)

// tlsLevel is a place in a DestinationRule that decides which TLS settings some
// port, or some port of some subset, has. Where a rule leaves a place out that
// would decide, that place is the level all the same.
type tlsLevel struct {
	// subset is an index into spec.subsets; none for the rule's own policy.
	subset int
	// setting is an index into the portLevelSettings of the policy there; none
	// for the policy itself.
	setting int
	// name is the level in words: "the top level", "port 8000", "subset v2",
	// "subset v2 port 8000".
	name string
	// tls are the settings; nil where there are none.
	tls *networking.ClientTLSSettings
}

// none is the index of what is not there.
const none = -1

// otherPort stands for the ports that a rule does not list. No port has this
// number.
const otherPort = 0

// tlsLevels returns the levels of rule that decide on one of ports, in the order
// of their fields. It reads policies as Istio does (istio
// pilot/pkg/networking/util/util.go, GetPortLevelTrafficPolicy and
// MergeSubsetTrafficPolicy):
//
//   - the portLevelSettings entry of a port replaces its policy, also where it
//     is silent on TLS; of several for one port the first counts
//   - a subset's entry for the port replaces everything; its tls everything but
//     that entry; without either it has what the port has without subset
//
// Time grows with what the rule lists, not with subsets times ports.
func tlsLevels(rule *networking.DestinationRule, ports []uint32) []tlsLevel {
	var levels []tlsLevel
	for subset := none; subset < len(rule.GetSubsets()); subset++ {
		policy, name := rule.GetTrafficPolicy(), ""
		if subset != none {
			policy = rule.GetSubsets()[subset].GetTrafficPolicy()
			name = "subset " + quote(rule.GetSubsets()[subset].GetName())
		}
		settings, rest := portSettings(policy, ports)
		// A subset without settings of its own inherits from a level that is
		// listed already.
		if rest && (subset == none || policy.GetTls() != nil) {
			levels = append(levels, tlsLevel{subset: subset, setting: none, name: name, tls: policy.GetTls()})
		}
		for _, setting := range settings {
			entry := policy.GetPortLevelSettings()[setting]
			port := fmt.Sprintf("port %d", entry.GetPort().GetNumber())
			if name != "" {
				port = name + " " + port
			}
			levels = append(levels, tlsLevel{subset: subset, setting: setting, name: port, tls: entry.GetTls()})
		}
	}
	for i := range levels {
		if levels[i].name == "" {
			levels[i].name = "the top level"
		}
	}
	return levels
}

// portSettings returns the indices of the portLevelSettings of policy that hold
// for one of ports, and whether there are ports for which none does.
func portSettings(policy *networking.TrafficPolicy, ports []uint32) (settings []int, rest bool) {
	left := map[uint32]bool{}
	for _, port := range ports {
		left[port] = true
	}
	for i, setting := range policy.GetPortLevelSettings() {
		if number := setting.GetPort().GetNumber(); number != otherPort && left[number] {
			delete(left, number)
			settings = append(settings, i)
		}
	}
	return settings, len(left) > 0
}

// tlsPorts returns the ports of a DestinationRule's host that its TLS settings
// count for: those of entries, or, while nobody knows them, the ports that the
// rule lists and otherPort.
func tlsPorts(rule *networking.DestinationRule, entries []*mesh.Entry) []uint32 {
	var ports []uint32
	for _, entry := range entries {
		ports = append(ports, entry.Ports...)
	}
	if len(ports) == 0 {
		ports = append(ports, otherPort)
		ports = append(ports, listedPorts(rule.GetTrafficPolicy())...)
		for _, subset := range rule.GetSubsets() {
			ports = append(ports, listedPorts(subset.GetTrafficPolicy())...)
		}
	}
	slices.Sort(ports)
	return slices.Compact(ports)
}

func listedPorts(policy *networking.TrafficPolicy) []uint32 {
	var ports []uint32
	for _, setting := range policy.GetPortLevelSettings() {
		ports = append(ports, setting.GetPort().GetNumber())
	}
	return ports
}

// mutual reports whether the level says ISTIO_MUTUAL.
func (l tlsLevel) mutual() bool {
	return l.tls.GetMode() == networking.ClientTLSSettings_ISTIO_MUTUAL
}

// steps lead from the specification to the level's tls.
func (l tlsLevel) steps() []any {
	var steps []any
	if l.subset != none {
		steps = append(steps, "subsets", l.subset)
	}
	steps = append(steps, "trafficPolicy")
	if l.setting != none {
		steps = append(steps, "portLevelSettings", l.setting)
	}
	return append(steps, "tls")
}

// path is the field of the level's tls.
func (l tlsLevel) path() *field.Path {
	path := spec()
	for _, step := range l.steps() {
		switch step := step.(type) {
		case string:
			path = path.Child(step)
		case int:
			path = path.Index(step)
		}
	}
	return path
}

// writesMode reports whether the level's tls names a mode. One that does not has
// the first value, DISABLE.
func (l tlsLevel) writesMode(rule *mesh.Object) bool {
	return rule.Writes(append(l.steps(), "mode")...)
}
