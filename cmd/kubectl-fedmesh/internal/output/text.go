package output

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/fatih/color"

	"fedmesh.io/fedmesh/cmd/kubectl-fedmesh/internal/lint"
	"fedmesh.io/fedmesh/policies"
)

// Text writes a line for each problem and each finding, in the form that editors
// and CI systems make links of, and a summary.
func Text(out io.Writer, report lint.Report, coloured bool) error {
	for _, problem := range report.Problems {
		if _, err := fmt.Fprintf(out, "%s\n", problem); err != nil {
			return err
		}
	}
	style := newStyle(coloured)
	for _, finding := range report.Findings {
		if _, err := fmt.Fprintf(out, "%s: %s %s %s: %s%s\n", where(finding),
			style.action(finding.Action), style.rule.Sprint("["+finding.Rule+"]"), finding.Field, finding.Text(), exemption(finding)); err != nil {
			return err
		}
	}
	note := ""
	if report.Known > 0 {
		note = fmt.Sprintf(", %d of the baseline left out", report.Known)
	}
	_, err := fmt.Fprintf(out, "%d objects, %d to deny, %d to warn of, %d for the audit, %d unreadable%s\n", report.Objects,
		report.Count(policies.Deny), report.Count(policies.Warn), report.Count(policies.Audit), len(report.Problems), note+undeclared(report))
	return err
}

// exemption says by which exemption a finding is for the audit, or would be.
func exemption(finding lint.Finding) string {
	switch {
	case finding.Exemption != "":
		return " (exempt by " + finding.Exemption + ")"
	case finding.Expired != nil:
		return " (exemption " + finding.Expired.Ref.Name + " ended on " + finding.Expired.ExpiresAt.UTC().Format(time.DateOnly) + ")"
	}
	return ""
}

// where is the place of a finding and its object. The cluster stands behind the file,
// so that the line still begins with what links are made of.
func where(finding lint.Finding) string {
	return joined(place(finding), object(finding))
}

// place is the line of a file; empty for what was read from its cluster.
func place(finding lint.Finding) string {
	switch {
	case finding.Line > 0:
		return fmt.Sprintf("%s:%d", finding.File, finding.Line)
	case finding.File != finding.Cluster:
		return finding.File
	}
	return ""
}

// object is the object of a finding, in a fleet with its cluster.
func object(finding lint.Finding) string {
	return joined(finding.Cluster, finding.Ref.String())
}

// joined are the parts that there are.
func joined(parts ...string) string {
	return strings.Join(slices.DeleteFunc(parts, func(part string) bool { return part == "" }), ": ")
}

// undeclared says in which clusters nothing is denied.
func undeclared(report lint.Report) string {
	var named []string
	for _, cluster := range report.Undeclared {
		if cluster != "" {
			named = append(named, cluster)
		}
	}
	switch {
	case report.Declared:
		return ""
	case len(named) == 0:
		return " (no Federation among them: nothing is denied)"
	}
	return fmt.Sprintf(" (no Federation in %s: nothing is denied there)", strings.Join(named, ", "))
}

// style is how the parts of a line look on a terminal.
type style struct {
	actions map[policies.Action]*color.Color
	rule    *color.Color
}

func newStyle(coloured bool) style {
	// The library's own setting is about the standard output of the process.
	newColour := func(attribute color.Attribute) *color.Color {
		created := color.New(attribute)
		if coloured {
			created.EnableColor()
		} else {
			created.DisableColor()
		}
		return created
	}
	return style{
		actions: map[policies.Action]*color.Color{
			policies.Deny: newColour(color.FgRed), policies.Warn: newColour(color.FgYellow), policies.Audit: newColour(color.Faint),
		},
		rule: newColour(color.Bold),
	}
}

func (s style) action(action policies.Action) string {
	if colour := s.actions[action]; colour != nil {
		return colour.Sprint(action)
	}
	return string(action)
}
