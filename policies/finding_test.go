package policies

import (
	"testing"

	"k8s.io/apimachinery/pkg/util/validation/field"

	"fedmesh.io/fedmesh/policies/mesh"
)

func TestFindingText(t *testing.T) {
	finding := Finding{Rule: "FED105", Field: spec().Child("addresses").Index(0), Message: "240.0.0.2 is taken"}
	if got, want := finding.String(), "[FED105] spec.addresses[0]: 240.0.0.2 is taken"; got != want {
		t.Errorf("got %s; want %s", got, want)
	}
	finding.Fix = "choose another"
	if got, want := finding.String(), "[FED105] spec.addresses[0]: 240.0.0.2 is taken; choose another"; got != want {
		t.Errorf("got %s; want %s", got, want)
	}
	if got, want := finding.Text(), "240.0.0.2 is taken; choose another"; got != want {
		t.Errorf("got %s; want %s", got, want)
	}
}

func TestFingerprint(t *testing.T) {
	base := Finding{
		Rule: "FED105", Ref: mesh.Ref{Kind: mesh.ServiceEntry, Namespace: "foo", Name: "a"},
		Field: spec().Child("addresses").Index(0), Value: "240.0.0.2",
	}
	same := map[string]func(*Finding){
		"another index":   func(f *Finding) { f.Field = spec().Child("addresses").Index(12) },
		"another action":  func(f *Finding) { f.Action = Warn },
		"another message": func(f *Finding) { f.Message, f.Fix = "x", "y" },
		"others related":  func(f *Finding) { f.Related = []mesh.Ref{{Name: "b"}} },
		"known":           func(f *Finding) { f.Known = true },
	}
	for name, change := range same {
		finding := base
		change(&finding)
		if finding.Fingerprint() != base.Fingerprint() {
			t.Errorf("%s: %s; want %s", name, finding.Fingerprint(), base.Fingerprint())
		}
	}
	other := map[string]func(*Finding){
		"another rule":      func(f *Finding) { f.Rule = "FED104" },
		"another value":     func(f *Finding) { f.Value = "240.0.0.3" },
		"another field":     func(f *Finding) { f.Field = spec().Child("hosts").Index(0) },
		"another object":    func(f *Finding) { f.Ref.Name = "b" },
		"another namespace": func(f *Finding) { f.Ref.Namespace = "bar" },
		"another kind":      func(f *Finding) { f.Ref.Kind = mesh.Sidecar },
	}
	for name, change := range other {
		finding := base
		change(&finding)
		if finding.Fingerprint() == base.Fingerprint() {
			t.Errorf("%s has the same fingerprint %s", name, base.Fingerprint())
		}
	}
}

func TestWithoutIndices(t *testing.T) {
	for _, test := range []struct {
		path *field.Path
		want string
	}{
		{spec(), "spec"},
		{spec().Child("endpoints").Index(3).Child("address"), "spec.endpoints[].address"},
		{spec().Child("a").Index(0).Child("b").Index(10), "spec.a[].b[]"},
		{spec().Child("labels").Key("app"), "spec.labels[app]"},
		{spec().Child("endpoints").Index(1).Child("ports").Key("http"), "spec.endpoints[].ports[http]"},
		{spec().Child("labels").Key("a.b/c"), "spec.labels[a.b/c]"},
		{spec().Child("labels").Key("a[0"), "spec.labels[a[0]"},
		{spec().Child("odd]"), "spec.odd]"},
	} {
		if got := withoutIndices(test.path.String()); got != test.want {
			t.Errorf("withoutIndices(%s) = %s; want %s", test.path, got, test.want)
		}
	}
	if got := withoutIndices("spec.open[12"); got != "spec.open[12" {
		t.Errorf("withoutIndices of an open bracket = %s; want it as it is", got)
	}
}
