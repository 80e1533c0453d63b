package output

import (
	"fmt"
	"io"

	"fedmesh.io/fedmesh/cmd/kubectl-fedmesh/internal/lint"
	"fedmesh.io/fedmesh/policies"
)

// Text writes a line for each problem and each finding, in the form that editors
// and CI systems make links of, and a summary.
func Text(out io.Writer, report lint.Report) error {
	for _, problem := range report.Problems {
		if _, err := fmt.Fprintf(out, "%s\n", problem); err != nil {
			return err
		}
	}
	for _, finding := range report.Findings {
		if _, err := fmt.Fprintf(out, "%s:%d: %s: %s %s\n", finding.File, finding.Line, finding.Ref, finding.Action, finding.Finding); err != nil {
			return err
		}
	}
	note := ""
	if !report.Declared {
		note = " (no Federation among them: nothing is denied)"
	}
	_, err := fmt.Fprintf(out, "%d objects, %d to deny, %d to warn of, %d for the audit, %d unreadable%s\n", report.Objects,
		report.Count(policies.Deny), report.Count(policies.Warn), report.Count(policies.Audit), len(report.Problems), note)
	return err
}
