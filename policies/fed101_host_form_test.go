package policies

import (
	"testing"

	"fedmesh.io/fedmesh/policies/api/v1alpha1"
	"fedmesh.io/fedmesh/policies/mesh"
)

func TestHostFormUpdates(t *testing.T) {
	runUpdates(t, []updateTest{
		{
			"a bad host stays while something else changes",
			usualEntry("hosts: [HTTPBIN.bar.global]"), usualEntry("hosts: [HTTPBIN.bar.global]", "exportTo: ['.']"),
			[]string{"Warn FED101 spec.hosts[0]"},
		},
		{
			"a bad host moves within the list",
			usualEntry("hosts: [HTTPBIN.bar.global]"), usualEntry("hosts: [a.bar.global, HTTPBIN.bar.global]"),
			[]string{"Warn FED101 spec.hosts[1]"},
		},
		{
			"a second bad host comes",
			usualEntry("hosts: [HTTPBIN.bar.global]"), usualEntry("hosts: [HTTPBIN.bar.global, Reviews.bar.global]"),
			[]string{"Warn FED101 spec.hosts[0]", "Deny FED101 spec.hosts[1]"},
		},
		{
			"a bad host is spelled badly in another way",
			usualEntry("hosts: [HTTPBIN.bar.global]"), usualEntry("hosts: [Httpbin.bar.global]"),
			[]string{"Deny FED101 spec.hosts[0]"},
		},
		{"mended", usualEntry("hosts: [HTTPBIN.bar.global]"), usualEntry(), nil},
		{
			"an ordinary entry becomes a federated one",
			usualEntry("hosts: ['*.example.com']"), usualEntry("hosts: ['*.example.com', '*.global']"),
			[]string{"Deny FED101 spec.hosts[1]"},
		},
	})
}

// TestHostFormMends: the host that a message asks for has no finding itself.
func TestHostFormMends(t *testing.T) {
	for _, pattern := range []v1alpha1.HostPattern{v1alpha1.HostPatternNameNamespace, v1alpha1.HostPatternAny} {
		spec := v1alpha1.FederationSpec{LocalMember: "a", Members: []v1alpha1.Member{{Name: "a"}}}
		spec.Hosts.Pattern = pattern
		federation, errs := mesh.Compile(spec)
		if errs != nil {
			t.Fatal(errs.ToAggregate())
		}
		for host, want := range map[string]string{
			"A.b.global": "a.b.global", "a.b.global.": "a.b.global", "A.B.GLOBAL.": "a.b.global",
		} {
			_, fix := hostFault(host, federation)
			if fix != "write "+want {
				t.Errorf("%s: fix of %s is %q; want write %s", pattern, host, fix, want)
			}
			if wrong, _ := hostFault(want, federation); wrong != "" {
				t.Errorf("%s: %s %s; want no fault in what a message asked for", pattern, want, wrong)
			}
		}
	}
}
