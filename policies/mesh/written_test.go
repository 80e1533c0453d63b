package mesh_test

import (
	"testing"

	"fedmesh.io/fedmesh/policies/mesh"
)

func TestWrites(t *testing.T) {
	rule, err := mesh.Decode(mesh.DestinationRule, []byte(`{"spec": {
		"host": "httpbin.bar.global",
		"trafficPolicy": {"tls": {"mode": "DISABLE"}, "portLevelSettings": [{"tls": {}}, {"tls": {"mode": null}}]}
	}}`))
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		name string
		path string
		want bool
	}{
		{"a first value of an enum", "trafficPolicy.tls.mode", true},
		{"left out", "trafficPolicy.portLevelSettings[0].tls.mode", false},
		{"its empty parent", "trafficPolicy.portLevelSettings[0].tls", true},
		{"null", "trafficPolicy.portLevelSettings[1].tls.mode", false},
		{"beyond the list", "trafficPolicy.portLevelSettings[2].tls", false},
		{"no list", "trafficPolicy[0]", false},
		{"no index", "trafficPolicy.portLevelSettings.tls", false},
		{"below a value", "host.tls", false},
		{"no parent", "subsets[0].name", false},
		{"the specification itself", "", true},
	} {
		if got := rule.Writes(test.path); got != test.want {
			t.Errorf("%s: Writes(%q) = %t; want %t", test.name, test.path, got, test.want)
		}
	}
	empty, err := mesh.Decode(mesh.DestinationRule, []byte(`{}`))
	if err != nil {
		t.Fatal(err)
	}
	if empty.Writes("host") {
		t.Error("an object without specification writes host; want nothing")
	}
}
