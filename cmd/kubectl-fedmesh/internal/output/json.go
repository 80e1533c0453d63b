package output

import (
	"encoding/json"
	"io"

	"fedmesh.io/fedmesh/cmd/kubectl-fedmesh/internal/lint"
	"fedmesh.io/fedmesh/policies"
)

// The form of a report in JSON. It only ever grows.
type (
	jsonReport struct {
		Findings []jsonFinding `json:"findings"`
		Errors   []jsonError   `json:"errors"`
		Summary  jsonSummary   `json:"summary"`
	}
	jsonFinding struct {
		Rule      string `json:"rule"`
		Action    string `json:"action"`
		Cluster   string `json:"cluster"`
		Group     string `json:"group"`
		Kind      string `json:"kind"`
		Namespace string `json:"namespace"`
		Name      string `json:"name"`
		Field     string `json:"field"`
		Message   string `json:"message"`
		Fix       string `json:"fix"`
		File      string `json:"file"`
		Line      int    `json:"line"`
		// Fingerprint is what a later run knows the finding by.
		Fingerprint string `json:"fingerprint"`
		// Exemption is the FederationExemption that the finding is for the audit by.
		Exemption string `json:"exemption"`
	}
	jsonError struct {
		File    string `json:"file"`
		Line    int    `json:"line"`
		Message string `json:"message"`
	}
	jsonSummary struct {
		Objects int `json:"objects"`
		Deny    int `json:"deny"`
		Warn    int `json:"warn"`
		Audit   int `json:"audit"`
		// Known is how many findings a baseline left out.
		Known int `json:"known"`
	}
)

// JSON writes the report as one JSON object. Lists are never null.
func JSON(out io.Writer, report lint.Report) error {
	written := jsonReport{Findings: []jsonFinding{}, Errors: []jsonError{}, Summary: jsonSummary{
		Objects: report.Objects,
		Deny:    report.Count(policies.Deny),
		Warn:    report.Count(policies.Warn),
		Audit:   report.Count(policies.Audit),
		Known:   report.Known,
	}}
	for _, finding := range report.Findings {
		written.Findings = append(written.Findings, jsonFinding{
			Rule: finding.Rule, Action: string(finding.Action), Cluster: finding.Cluster,
			Group: finding.Ref.Kind.GroupKind().Group, Kind: finding.Ref.Kind.String(),
			Namespace: finding.Ref.Namespace, Name: finding.Ref.Name,
			Field: finding.Field.String(), Message: finding.Message, Fix: finding.Fix,
			File: finding.File, Line: finding.Line, Fingerprint: finding.Fingerprint(), Exemption: finding.Exemption,
		})
	}
	for _, problem := range report.Problems {
		written.Errors = append(written.Errors, jsonError{File: problem.File, Line: problem.Line, Message: problem.Message})
	}
	return writeJSON(out, written)
}

func writeJSON(out io.Writer, value any) error {
	encoder := json.NewEncoder(out)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	return encoder.Encode(value)
}
