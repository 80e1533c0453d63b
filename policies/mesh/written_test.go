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
	policy := "trafficPolicy"
	for _, test := range []struct {
		name string
		path []any
		want bool
	}{
		{"a first value of an enum", []any{policy, "tls", "mode"}, true},
		{"left out", []any{policy, "portLevelSettings", 0, "tls", "mode"}, false},
		{"its empty parent", []any{policy, "portLevelSettings", 0, "tls"}, true},
		{"null", []any{policy, "portLevelSettings", 1, "tls", "mode"}, false},
		{"beyond the list", []any{policy, "portLevelSettings", 2, "tls"}, false},
		{"no list", []any{policy, 0}, false},
		{"no parent", []any{"subsets", 0, "name"}, false},
		{"the specification itself", nil, true},
	} {
		if got := rule.Writes(test.path...); got != test.want {
			t.Errorf("%s: Writes(%v) = %t; want %t", test.name, test.path, got, test.want)
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
