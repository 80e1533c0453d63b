package policies

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"
	networking "istio.io/api/networking/v1alpha3"

	"fedmesh.io/fedmesh/policies/mesh"
)

// mergedTLS is what Istio arrives at for one port of one subset when it merges
// whole policies: the straightforward account of it that tlsLevels is held
// against.
func mergedTLS(rule *networking.DestinationRule, subset int, port uint32) *networking.ClientTLSSettings {
	forPort := func(policy *networking.TrafficPolicy) (_ *networking.ClientTLSSettings, replaced bool) {
		for _, setting := range policy.GetPortLevelSettings() {
			if setting.GetPort() != nil && setting.GetPort().GetNumber() == port {
				return setting.GetTls(), true
			}
		}
		return policy.GetTls(), false
	}
	merged, _ := forPort(rule.GetTrafficPolicy())
	if subset != none {
		if tls, replaced := forPort(rule.GetSubsets()[subset].GetTrafficPolicy()); tls != nil || replaced {
			merged = tls
		}
	}
	return merged
}

// TestTLSLevelsAgainstIstio: whatever the rule, the levels are those that some
// port and subset really has its settings from.
func TestTLSLevelsAgainstIstio(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	decided := 0
	for range 20000 {
		rule := randomRule(random)
		ports := []uint32{[]uint32{otherPort, 8000}[random.IntN(2)]}
		for _, port := range []uint32{9000, 15443} {
			if random.IntN(2) == 0 {
				ports = append(ports, port)
			}
		}
		levels := tlsLevels(rule, ports)
		decided += len(levels)
		if !slices.IsSortedFunc(levels, compareLevels) || len(slices.CompactFunc(slices.Clone(levels), sameTLSLevel)) != len(levels) {
			t.Fatalf("levels of %v are not in order: %v", rule, levels)
		}
		var merged []*networking.ClientTLSSettings
		for subset := none; subset < len(rule.GetSubsets()); subset++ {
			for _, port := range ports {
				merged = append(merged, mergedTLS(rule, subset, port))
			}
		}
		for _, tls := range merged {
			if !slices.ContainsFunc(levels, func(l tlsLevel) bool { return l.tls == tls }) {
				t.Fatalf("%v, ports %v: no level has %v", rule, ports, tls)
			}
		}
		for _, level := range levels {
			if !reached(rule, level, ports) {
				t.Fatalf("%v, ports %v: level %s decides on nothing", rule, ports, level.name)
			}
		}
	}
	if decided < 20000 {
		t.Errorf("%d levels in all; the rules at random are too poor", decided)
	}
}

func compareLevels(a, b tlsLevel) int {
	return cmp.Or(cmp.Compare(a.subset, b.subset), cmp.Compare(a.setting, b.setting))
}

func sameTLSLevel(a, b tlsLevel) bool { return compareLevels(a, b) == 0 }

// reached reports whether some port has the level's settings for its own.
func reached(rule *networking.DestinationRule, level tlsLevel, ports []uint32) bool {
	policy := rule.GetTrafficPolicy()
	if level.subset != none {
		policy = rule.GetSubsets()[level.subset].GetTrafficPolicy()
	}
	return slices.ContainsFunc(ports, func(port uint32) bool {
		first := slices.IndexFunc(policy.GetPortLevelSettings(), func(s *networking.TrafficPolicy_PortTrafficPolicy) bool {
			return port != otherPort && s.GetPort().GetNumber() == port
		})
		return first == level.setting && mergedTLS(rule, level.subset, port) == level.tls
	})
}

// randomRule makes every pair of settings distinguishable by its address.
func randomRule(random *rand.Rand) *networking.DestinationRule {
	rule := &networking.DestinationRule{TrafficPolicy: randomPolicy(random)}
	for range random.IntN(3) {
		subset := &networking.Subset{Name: fmt.Sprintf("v%d", len(rule.Subsets))}
		if random.IntN(3) > 0 {
			subset.TrafficPolicy = randomPolicy(random)
		}
		rule.Subsets = append(rule.Subsets, subset)
	}
	return rule
}

func randomPolicy(random *rand.Rand) *networking.TrafficPolicy {
	if random.IntN(4) == 0 {
		return nil
	}
	policy := &networking.TrafficPolicy{Tls: randomTLS(random)}
	for range random.IntN(4) {
		setting := &networking.TrafficPolicy_PortTrafficPolicy{Tls: randomTLS(random)}
		if number := []uint32{0, 8000, 9000, 15443}[random.IntN(4)]; number != 0 {
			setting.Port = &networking.PortSelector{Number: number}
		}
		policy.PortLevelSettings = append(policy.PortLevelSettings, setting)
	}
	return policy
}

func randomTLS(random *rand.Rand) *networking.ClientTLSSettings {
	if random.IntN(2) == 0 {
		return nil
	}
	return &networking.ClientTLSSettings{Mode: networking.ClientTLSSettings_TLSmode(random.IntN(4))}
}

func TestTLSLevelNames(t *testing.T) {
	rule := decodeRule(t, `{
		"host": "httpbin.bar.global",
		"trafficPolicy": {"tls": {"mode": "DISABLE"}, "portLevelSettings": [{"port": {"number": 8000}, "tls": {}}]},
		"subsets": [
			{"name": "v1"},
			{"name": "v2", "trafficPolicy": {
				"tls": {"mode": "SIMPLE"},
				"portLevelSettings": [{"port": {"number": 15443}}, {"port": {"number": 9000}}]
			}}
		]
	}`)
	var got []string
	for _, level := range tlsLevels(rule.DestinationRule, []uint32{8000, 9000, 9001}) {
		got = append(got, fmt.Sprintf("%s: %s, mode written: %t", level.name, level.path(), level.writesMode(rule)))
	}
	want := []string{
		"the top level: spec.trafficPolicy.tls, mode written: true",
		"port 8000: spec.trafficPolicy.portLevelSettings[0].tls, mode written: false",
		"subset v2: spec.subsets[1].trafficPolicy.tls, mode written: true",
		"subset v2 port 9000: spec.subsets[1].trafficPolicy.portLevelSettings[1].tls, mode written: false",
	}
	if diff := gocmp.Diff(want, got); diff != "" {
		t.Errorf("levels differ (-want +got):\n%s", diff)
	}
}

func TestTLSPorts(t *testing.T) {
	rule := decodeRule(t, `{
		"trafficPolicy": {"portLevelSettings": [{"port": {"number": 9000}}, {"port": {"number": 15443}}]},
		"subsets": [{"trafficPolicy": {"portLevelSettings": [{"port": {"number": 8000}}]}}, {}]
	}`).DestinationRule
	for _, test := range []struct {
		name    string
		entries []*mesh.Entry
		want    []uint32
	}{
		{"no entries", nil, []uint32{otherPort, 8000, 9000, 15443}},
		{"entries without ports", []*mesh.Entry{{}}, []uint32{otherPort, 8000, 9000, 15443}},
		{"entries", []*mesh.Entry{{Ports: []uint32{8443, 80}}, {Ports: []uint32{80, 443}}}, []uint32{80, 443, 8443}},
	} {
		if diff := gocmp.Diff(test.want, tlsPorts(rule, test.entries)); diff != "" {
			t.Errorf("%s: ports differ (-want +got):\n%s", test.name, diff)
		}
	}
}

func decodeRule(t *testing.T, spec string) *mesh.Object {
	t.Helper()
	rule, err := mesh.Decode(mesh.DestinationRule, []byte(`{"metadata": {"namespace": "foo", "name": "rule"}, "spec": `+spec+`}`))
	if err != nil {
		t.Fatal(err)
	}
	return rule
}
