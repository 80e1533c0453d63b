package policies

import (
	"slices"
	"strings"
	"testing"

	"fedmesh.io/fedmesh/policies/mesh"
)

// TestExamples: the bad example of each rule's documentation has a finding of
// the rule, and the good one has none of it and none that a user is told of.
func TestExamples(t *testing.T) {
	for _, rule := range Catalogue() {
		t.Run(rule.ID, func(t *testing.T) {
			if rule.Doc.Why == "" || rule.Doc.Fix == "" {
				t.Errorf("Why and Fix must say something")
			}
			bad, err := parseFixture("bad example of "+rule.ID, []byte(rule.Doc.Bad))
			if err != nil {
				t.Fatalf("bad example: %v", err)
			}
			if got := bad.findings(t, Catalogue()); !speaksOf(got, rule.ID) {
				t.Errorf("bad example: got %q; want a finding of %s", got, rule.ID)
			}
			good, err := parseFixture("good example of "+rule.ID, []byte(rule.Doc.Good))
			if err != nil {
				t.Fatalf("good example: %v", err)
			}
			for _, got := range good.findings(t, Catalogue()) {
				if speaksOf([]string{got}, rule.ID) || !strings.HasPrefix(got, string(Audit)) {
					t.Errorf("good example: got %q; want no such finding", got)
				}
			}
		})
	}
}

// TestReads: the kinds that a rule really asks about in its fixtures are those
// that it declares.
func TestReads(t *testing.T) {
	fixtures := loadFixtures(t, "testdata/FED*/*/*.yaml")
	for _, rule := range Catalogue() {
		var got mesh.Kinds
		for _, fixture := range fixtures {
			if !slices.Contains(rule.Applies, fixture.object.Kind) {
				continue
			}
			view := mesh.NewView(fixture.index, fixture.federation, fixture.object)
			rule.Check(fixture.review(), view)
			for _, kind := range view.Reads().List() {
				got |= mesh.KindSet(kind)
			}
		}
		if want := mesh.KindSet(rule.Reads...); got != want {
			t.Errorf("%s: read %v; want what it declares, %v", rule.ID, got.List(), want.List())
		}
	}
}
