package policies

import (
	"bufio"
	"bytes"
	"encoding/json"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"

	utilyaml "k8s.io/apimachinery/pkg/util/yaml"
	"sigs.k8s.io/yaml"

	"fedmesh.io/fedmesh/policies/mesh"
)

// TestOnlyNew: whatever a rule finds in an object that is stored, a change to something
// else goes through, also when elements move within their lists; a changed label or
// finalizer, with the same specification, is not even looked at.
func TestOnlyNew(t *testing.T) {
	evaluator, err := NewEvaluator(Catalogue())
	if err != nil {
		t.Fatal(err)
	}
	updated := map[string]bool{}
	for _, fixture := range loadFixtures(t, "testdata/FED*/fail/*.yaml") {
		if fixture.deleted || fixture.object.Kind == mesh.Pod { // pods are judged when they are created
			continue
		}
		t.Run(strings.TrimPrefix(fixture.path, "testdata/"), func(t *testing.T) {
			stored := evaluator.Evaluate(Review{Object: fixture.object}, fixture.index, fixture.federation)

			labelled := evaluator.Evaluate(Review{Object: fixture.object, Old: fixture.object}, fixture.index, fixture.federation)
			if len(labelled.Findings) > 0 {
				t.Errorf("with the same specification: got %v; want nothing", labelled.Findings)
			}
			changed := changedElsewhere(t, fixture)
			if changed == nil {
				return
			}
			after := evaluator.Evaluate(Review{Object: changed, Old: fixture.object}, fixture.index, fixture.federation)
			for _, finding := range after.Findings {
				if finding.Action == Deny {
					t.Errorf("changed elsewhere: got %s denied; want a warning", finding)
				}
				updated[finding.Rule] = updated[finding.Rule] || finding.Known
			}
			// Of several settings for one port the first counts, so that turning them round mends.
			mended := strings.HasSuffix(fixture.path, "FED201/fail/port_twice.yaml")
			if len(stored.Denied()) > 0 && len(after.Warned()) == 0 && !mended {
				t.Errorf("changed elsewhere: got no warning; want one of what was wrong before: %v", stored.Denied())
			}
		})
	}
	for _, rule := range Catalogue() {
		if rule.Action == Deny && !rule.FinalCheck && !updated[rule.ID] {
			t.Errorf("%s: in no update was a finding known from before", rule.ID)
		}
	}
}

// changedElsewhere returns the object of a fixture with a change that its rule does not
// care for, and with lists the other way round; nil for one in which everything matters.
func changedElsewhere(t *testing.T, fixture fixture) *mesh.Object {
	t.Helper()
	text, err := os.ReadFile(fixture.path)
	if err != nil {
		t.Fatal(err)
	}
	first, err := utilyaml.NewYAMLReader(bufio.NewReader(bytes.NewReader(text))).Read()
	if err != nil {
		t.Fatal(err)
	}
	var object map[string]any
	if err := yaml.Unmarshal(first, &object); err != nil {
		t.Fatal(err)
	}
	spec, _ := object["spec"].(map[string]any)
	if spec == nil {
		spec = map[string]any{}
		object["spec"] = spec
	}
	turnRound(spec)
	switch fixture.object.Kind {
	case mesh.ServiceEntry:
		names, _ := spec["subjectAltNames"].([]any)
		spec["subjectAltNames"] = append([]any{"unrelated.example.com"}, names...)
	case mesh.DestinationRule:
		subsets, _ := spec["subsets"].([]any)
		spec["subsets"] = append([]any{map[string]any{"name": "unrelated", "labels": map[string]any{"a": "b"}}}, subsets...)
	case mesh.Sidecar:
		spec["outboundTrafficPolicy"] = map[string]any{"mode": "ALLOW_ANY"}
	case mesh.Gateway:
		selector, _ := spec["selector"].(map[string]any)
		selector = maps.Clone(selector)
		if selector == nil {
			selector = map[string]any{}
		}
		selector["unrelated"] = "x"
		spec["selector"] = selector
	case mesh.VirtualService:
		hosts, _ := spec["hosts"].([]any)
		spec["hosts"] = append([]any{"unrelated.example.com"}, hosts...)
	case mesh.EnvoyFilter:
		spec["priority"] = 7
	case mesh.PeerAuthentication:
		spec["portLevelMtls"] = map[string]any{"65000": map[string]any{"mode": "STRICT"}}
	case mesh.AuthorizationPolicy:
		rules, _ := spec["rules"].([]any)
		if len(rules) == 0 {
			return nil
		}
		spec["rules"] = append([]any{map[string]any{"to": []any{map[string]any{"operation": map[string]any{"paths": []any{"/unrelated"}}}}}}, rules...)
	case mesh.WorkloadEntry:
		spec["weight"] = 7
	case mesh.Certificate:
		names, _ := spec["dnsNames"].([]any)
		spec["dnsNames"] = append([]any{"unrelated.example.com"}, names...)
	case mesh.CertificateRequest:
		spec["duration"] = "7h"
	default:
		t.Fatalf("no change is known for a %s", fixture.object.Kind)
	}
	data, err := json.Marshal(object)
	if err != nil {
		t.Fatal(err)
	}
	changed, err := mesh.Decode(fixture.object.Kind, data)
	if err != nil {
		t.Fatal(err)
	}
	return changed
}

// turnRound has every list of a specification the other way round.
func turnRound(value any) {
	switch value := value.(type) {
	case map[string]any:
		for _, child := range value {
			turnRound(child)
		}
	case []any:
		slices.Reverse(value)
		for _, child := range value {
			turnRound(child)
		}
	}
}

// TestMendedStepByStep: of several findings each can be mended by itself, and what comes
// new is refused all the same.
func TestMendedStepByStep(t *testing.T) {
	const entry = `
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: httpbin-bar, namespace: foo}
spec:
  hosts: [httpbin.bar.global]
  addresses: [224.0.0.5]
  location: MESH_EXTERNAL
  resolution: NONE
  ports: [{number: 8000, name: http, protocol: HTTP}]
  endpoints: [{address: 34.122.11.2, ports: {http: 15443}}]
`
	for name, test := range map[string]struct {
		change []string
		denied []string
		warned []string
	}{
		"one mended":                {[]string{"NONE", "DNS"}, nil, []string{"FED103", "FED107"}},
		"two mended":                {[]string{"NONE", "DNS", "MESH_EXTERNAL", "MESH_INTERNAL"}, nil, []string{"FED103"}},
		"one mended, one new":       {[]string{"NONE", "DNS", "httpbin.bar.global", "httpbin"}, nil, nil},
		"another of the same rule":  {[]string{"[224.0.0.5]", "[224.0.0.6]"}, []string{"FED103"}, []string{"FED107", "FED108"}},
		"one more of the same rule": {[]string{"[224.0.0.5]", "[224.0.0.6, 224.0.0.5]"}, []string{"FED103"}, []string{"FED103", "FED107", "FED108"}},
		"a host that is wrong":      {[]string{"httpbin.bar.global", "Httpbin.bar.global"}, []string{"FED101"}, []string{"FED103", "FED107", "FED108"}},
	} {
		t.Run(name, func(t *testing.T) {
			outcome := outcomeOfUpdate(t, entry, strings.NewReplacer(test.change...).Replace(entry))
			if got := ids(outcome.Denied()); !slices.Equal(got, test.denied) {
				t.Errorf("got %v denied, want %v", got, test.denied)
			}
			if got := ids(outcome.Warned()); !slices.Equal(got, test.warned) {
				t.Errorf("got %v warned of, want %v", got, test.warned)
			}
		})
	}
}

func ids(findings []Finding) []string {
	var ids []string
	for _, finding := range findings {
		ids = append(ids, finding.Rule)
	}
	return ids
}
