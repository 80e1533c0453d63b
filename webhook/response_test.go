package webhook

import (
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/util/validation/field"

	"fedmesh.io/fedmesh/policies"
)

func TestWarning(t *testing.T) {
	long := policies.Finding{Rule: "FED105", Field: field.NewPath("spec"), Message: strings.Repeat("x", 300)}
	for _, known := range []bool{false, true} {
		long.Known = known
		got := warning(long)
		if len(got) != policies.MaxWarning || strings.HasSuffix(got, " (as before)") != known {
			t.Errorf("known %v: got %d bytes %q; want %d, and the end to say what is as before", known, len(got), got, policies.MaxWarning)
		}
	}
}

// A rule that fails is answered by what its findings would lead to.
func TestRespondToFailures(t *testing.T) {
	for _, test := range []struct {
		action  policies.Action
		allowed bool
		warned  int
	}{
		{policies.Deny, false, 0},
		{policies.Warn, true, 1},
		{policies.Audit, true, 0},
		{policies.Off, true, 0},
	} {
		response := respond(policies.Outcome{Failures: []policies.Failure{{Rule: "FED105", Action: test.action, Reason: "a defect"}}})
		if response.Allowed != test.allowed || len(response.Warnings) != test.warned {
			t.Errorf("%s: got allowed %v and warnings %q; want %v and %d", test.action, response.Allowed, response.Warnings, test.allowed, test.warned)
		}
		if !test.allowed && response.Result.Code != 500 {
			t.Errorf("%s: got code %d; want 500", test.action, response.Result.Code)
		}
	}
}

func TestAuditAnnotations(t *testing.T) {
	finding := func(rule string, action policies.Action) policies.Finding {
		return policies.Finding{Rule: rule, Action: action, Field: field.NewPath("spec")}
	}
	got := respond(policies.Outcome{Findings: []policies.Finding{
		finding("FED101", policies.Deny), finding("FED101", policies.Deny), finding("FED103", policies.Deny),
		finding("FED104", policies.Warn), finding("FED112", policies.Audit),
	}}).AuditAnnotations
	if got["deny"] != "FED101,FED103" || got["warn"] != "FED104" || got["audit"] != "FED112" {
		t.Errorf("got %v; want each rule once under what it led to", got)
	}
}
