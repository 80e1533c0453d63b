package policies

import (
	"testing"

	"fedmesh.io/fedmesh/policies/mesh"
)

func TestVIPConflictUpdates(t *testing.T) {
	other := otherEntry("x", "hosts: [x.bar.global], addresses: [240.0.0.2]")
	runUpdates(t, []updateTest{
		{
			"an old conflict",
			usualEntry(), with(usualEntry("exportTo: ['.']"), other),
			[]string{"Warn FED105 spec.addresses[0]"},
		},
		{
			"an old conflict in another place and notation",
			usualEntry(), with(usualEntry("addresses: [240.0.0.3, 240.0.0.2/32]"), other),
			[]string{"Warn FED105 spec.addresses[1]"},
		},
		{
			"onto a taken address",
			usualEntry("addresses: [240.0.0.3]"), with(usualEntry(), other),
			[]string{"Deny FED105 spec.addresses[0]"},
		},
		{
			"another host for an address that was shared",
			usualEntry("hosts: [x.bar.global]", "exportTo: ['.']"), with(usualEntry("exportTo: ['.']"), other),
			[]string{"Deny FED105 spec.addresses[0]"},
		},
		{
			"the shared host is one of several",
			usualEntry("hosts: [x.bar.global]", "exportTo: ['.']"), with(usualEntry("hosts: [x.bar.global, y.bar.global]", "exportTo: ['.']"), other),
			nil,
		},
		{"mended", usualEntry(), with(usualEntry("addresses: [240.0.0.3]"), other), nil},
	})
}

// TestVIPConflictNamesTheHolder: the object that holds the address is related,
// and the oldest one is named unless the host is what they share.
func TestVIPConflictNamesTheHolder(t *testing.T) {
	created := func(name, hosts, when string) string {
		return "apiVersion: networking.istio.io/v1\nkind: ServiceEntry\nmetadata: {name: " + name + ", namespace: other, creationTimestamp: '" + when + "'}\n" +
			"spec: {hosts: [" + hosts + "], addresses: [240.0.0.2]}\n"
	}
	const first, second = "2026-01-01T00:00:00Z", "2026-01-02T00:00:00Z"
	for name, test := range map[string]struct {
		others []string
		want   string
	}{
		"the oldest":              {[]string{created("b", "b.bar.global", first), created("a", "a.bar.global", second)}, "b"},
		"by name when as old":     {[]string{created("b", "b.bar.global", first), created("a", "a.bar.global", first)}, "a"},
		"no host in common":       {[]string{created("a", "a.bar.global, httpbin.bar.global", first), created("b", "b.bar.global", second)}, "b"},
		"a host in common":        {[]string{created("a", "a.bar.global, httpbin.bar.global", first)}, "a"},
		"one that is no conflict": {[]string{created("a", "httpbin.bar.global", first), created("b", "b.bar.global", second)}, "b"},
	} {
		t.Run(name, func(t *testing.T) {
			fixture, err := parseFixture(name, []byte(with(append([]string{usualEntry("exportTo: ['.']")}, test.others...)...)))
			if err != nil {
				t.Fatal(err)
			}
			findings := checkVIPConflict(Review{Object: fixture.object}, mesh.NewView(fixture.index, fixture.federation, fixture.object))
			if len(findings) != 1 || len(findings[0].Related) != 1 || findings[0].Related[0].Name != test.want {
				t.Errorf("got %+v; want one finding with %s related", findings, test.want)
			}
		})
	}
}
