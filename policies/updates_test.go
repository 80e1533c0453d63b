package policies

import (
	"testing"
)

// outcomeOfUpdate evaluates the replacement of the object in old by the one in
// object, both in the form of fixtures. What they are judged against is taken
// from the latter.
func outcomeOfUpdate(t *testing.T, old, object string) Outcome {
	t.Helper()
	before, err := parseFixture("old object", []byte(old))
	if err != nil {
		t.Fatal(err)
	}
	after, err := parseFixture("new object", []byte(object))
	if err != nil {
		t.Fatal(err)
	}
	evaluator, err := NewEvaluator(Catalogue())
	if err != nil {
		t.Fatal(err)
	}
	outcome := evaluator.Evaluate(Review{Object: after.object, Old: before.object}, after.index, after.federation)
	if len(outcome.Failures) > 0 {
		t.Fatalf("rules panicked: %v", outcome.Failures)
	}
	return outcome
}

// summaries are the findings of outcome in short: action and field.
func summaries(outcome Outcome) []string {
	var lines []string
	for _, finding := range outcome.Findings {
		lines = append(lines, string(finding.Action)+" "+finding.Rule+" "+finding.Field.String())
	}
	return lines
}
