package policies

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"
	networking "istio.io/api/networking/v1alpha3"

	"fedmesh.io/fedmesh/policies/mesh"
)

// noSubset stands for the rule's own policy among its subsets.
const noSubset = -1

// mergedTLS is what Istio arrives at for one port of one subset when it merges
// whole policies, and the field that it comes from: the straightforward account
// of it that tlsLevels is held against.
func mergedTLS(rule *networking.DestinationRule, subset int, port uint32) (string, *networking.ClientTLSSettings) {
	path, policy := "spec.trafficPolicy", rule.GetTrafficPolicy()
	if subset != noSubset {
		path, policy = fmt.Sprintf("spec.subsets[%d].trafficPolicy", subset), rule.GetSubsets()[subset].GetTrafficPolicy()
	}
	for i, setting := range policy.GetPortLevelSettings() {
		if setting.GetPort() != nil && setting.GetPort().GetNumber() == port {
			return fmt.Sprintf("%s.portLevelSettings[%d].tls", path, i), setting.GetTls()
		}
	}
	if subset != noSubset && policy.GetTls() == nil {
		return mergedTLS(rule, noSubset, port)
	}
	return path + ".tls", policy.GetTls()
}

// TestTLSLevelsAgainstIstio: whatever the rule, the levels that decide are those
// that some port and subset really has its settings from.
func TestTLSLevelsAgainstIstio(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	decided := 0
	for range 20000 {
		rule := randomRule(random)
		ports := map[uint32]bool{[]uint32{otherPort, 8000}[random.IntN(2)]: true}
		for _, port := range []uint32{9000, 15443} {
			if random.IntN(2) == 0 {
				ports[port] = true
			}
		}
		want := map[string]*networking.ClientTLSSettings{}
		for subset := noSubset; subset < len(rule.GetSubsets()); subset++ {
			for port := range ports {
				path, tls := mergedTLS(rule, subset, port)
				want[path] = tls
			}
		}
		var paths []string
		for _, level := range tlsLevels(rule) {
			if !level.decides(ports) {
				continue
			}
			path := level.path.String()
			paths = append(paths, path)
			if tls, decides := want[path]; !decides || tls != level.tls {
				t.Fatalf("%v, ports %v: level %s has %v; want %t, %v", rule, ports, path, level.tls, decides, tls)
			}
		}
		if len(paths) != len(want) || !slices.IsSortedFunc(paths, compareLevels) {
			t.Fatalf("%v, ports %v: levels are %q; want each of %v in the order of fields", rule, ports, paths, want)
		}
		decided += len(paths)
	}
	if decided < 20000 {
		t.Errorf("%d levels in all; the rules at random are too poor", decided)
	}
}

// compareLevels orders paths of levels as their fields are: the rule's policy
// before subsets, the tls of a policy before those of its ports. Lists at random
// are short, so that indices have one digit.
func compareLevels(a, b string) int {
	ranks := strings.NewReplacer("spec.trafficPolicy", "0", "spec.subsets", "1", "trafficPolicy.tls", "0", ".tls", "0", "trafficPolicy.portLevelSettings", "1", ".portLevelSettings", "1")
	return cmp.Compare(ranks.Replace(a), ranks.Replace(b))
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
	ports := map[uint32]bool{8000: true, 9000: true, 9001: true}
	for _, level := range tlsLevels(rule.DestinationRule) {
		if !level.decides(ports) {
			continue
		}
		got = append(got, fmt.Sprintf("%s: %s, mode written: %t", level.name, level.path, level.writesMode(rule)))
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

// TestTLSLevelsDecide: while no ports are known each level counts, and each port
// falls to one level of a policy.
func TestTLSLevelsDecide(t *testing.T) {
	levels := tlsLevels(decodeRule(t, `{
		"trafficPolicy": {"portLevelSettings": [{"port": {"number": 9000}}, {"port": {"number": 15443}}, {"port": {"number": 9000}}, {}]},
		"subsets": [{"trafficPolicy": {"tls": {}, "portLevelSettings": [{"port": {"number": 8000}}]}}, {}]
	}`).DestinationRule)
	for _, test := range []struct {
		name  string
		ports map[uint32]bool
		want  []string
	}{
		{"nobody knows ports", nil, []string{"the top level", "port 9000", "port 15443", "subset ", "subset  port 8000"}},
		{"one that is listed", map[uint32]bool{9000: true}, []string{"port 9000", "subset "}},
		{"one that a subset lists", map[uint32]bool{8000: true}, []string{"the top level", "subset  port 8000"}},
		{"both", map[uint32]bool{8000: true, 9000: true}, []string{"the top level", "port 9000", "subset ", "subset  port 8000"}},
		{"one that is not listed", map[uint32]bool{80: true}, []string{"the top level", "subset "}},
		{"no port", map[uint32]bool{otherPort: true}, []string{"the top level", "subset "}},
	} {
		var got []string
		for _, level := range levels {
			if level.decides(test.ports) {
				got = append(got, level.name)
			}
		}
		if diff := gocmp.Diff(test.want, got); diff != "" {
			t.Errorf("%s: levels differ (-want +got):\n%s", test.name, diff)
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
