package output

import (
	"crypto/sha256"
	"fmt"
	"io"
	"net/url"
	"path/filepath"
	"runtime/debug"
	"slices"
	"strings"

	"fedmesh.io/fedmesh/cmd/kubectl-fedmesh/internal/documents"
	"fedmesh.io/fedmesh/cmd/kubectl-fedmesh/internal/lint"
	"fedmesh.io/fedmesh/policies"
)

// SARIF writes the report in the Static Analysis Results Interchange Format 2.1.0,
// with all rules in it. What GitHub's code scanning wants beyond the standard is in
// https://docs.github.com/en/code-security/code-scanning/integrating-with-code-scanning/sarif-support-for-code-scanning.
func SARIF(out io.Writer, report lint.Report) error {
	rules := lint.Catalogue()
	run := sarifRun{
		Tool:        sarifTool{Driver: sarifDriver{Name: "fedmesh", Version: version(), Rules: []sarifRule{}}},
		Invocations: []sarifInvocation{{ExecutionSuccessful: len(report.Problems) == 0}},
		Results:     []sarifResult{},
	}
	for _, rule := range rules {
		run.Tool.Driver.Rules = append(run.Tool.Driver.Rules, describe(rule))
	}
	for _, problem := range report.Problems {
		run.Invocations[0].Notifications = append(run.Invocations[0].Notifications, sarifNotification{
			Level: "error", Message: sarifText{Text: problem.Message},
			Locations: []sarifLocation{{PhysicalLocation: physical(problem.File, problem.Line)}},
		})
	}
	seen := map[string]int{}
	for _, finding := range report.Findings {
		run.Results = append(run.Results, result(finding, rules, seen))
	}
	return writeJSON(out, sarifLog{
		Schema: "https://json.schemastore.org/sarif-2.1.0.json", Version: "2.1.0", Runs: []sarifRun{run},
	})
}

// describe is what the log says of a rule.
func describe(rule policies.Rule) sarifRule {
	doc := rule.Doc
	described := sarifRule{
		ID: rule.ID, Name: rule.Name,
		ShortDescription: sarifText{Text: rule.Summary},
		FullDescription:  sarifText{Text: doc.Why},
		Help: sarifHelp{
			Text: fmt.Sprintf("%s\n\nFix: %s\n\nBad:\n\n%s\nGood:\n\n%s", doc.Why, doc.Fix, doc.Bad, doc.Good),
			Markdown: fmt.Sprintf("%s\n\n**Fix:** %s\n\n**Bad:**\n\n```yaml\n%s```\n\n**Good:**\n\n```yaml\n%s```\n",
				doc.Why, doc.Fix, doc.Bad, doc.Good),
		},
		DefaultConfiguration: sarifConfiguration{Level: level(rule.Action)},
	}
	for _, kind := range rule.Applies {
		described.Properties.Tags = append(described.Properties.Tags, kind.String())
	}
	return described
}

// result is what the log says of a finding; seen counts those that are alike.
func result(finding lint.Finding, rules []policies.Rule, seen map[string]int) sarifResult {
	index := slices.IndexFunc(rules, func(rule policies.Rule) bool { return rule.ID == finding.Rule })
	sum := fmt.Sprintf("%x", sha256.Sum256([]byte(finding.Cluster+"|"+finding.Fingerprint())))[:32]
	seen[sum]++
	fingerprint := fmt.Sprintf("%s:%d", sum, seen[sum])
	fingerprints := map[string]string{"fedmesh/v1": fingerprint}
	if finding.File == documents.StandardInput {
		// The only one that GitHub looks at. For files its upload action makes it of
		// the text of the line, and complains of any other.
		fingerprints["primaryLocationLineHash"] = fingerprint
	}
	ref := finding.Ref
	qualified := strings.Join(slices.DeleteFunc([]string{finding.Cluster, ref.Kind.String(), ref.Namespace, ref.Name},
		func(part string) bool { return part == "" }), "/")
	location := sarifLocation{LogicalLocations: []sarifLogical{{Name: ref.Name, Kind: "resource", FullyQualifiedName: qualified}}}
	if place(finding) != "" {
		location.PhysicalLocation = physical(finding.File, finding.Line)
	}
	return sarifResult{
		RuleID: finding.Rule, RuleIndex: index, Level: level(finding.Action),
		Message:             sarifText{Text: fmt.Sprintf("%s: %s: %s", object(finding), finding.Field, finding.Text())},
		Locations:           []sarifLocation{location},
		PartialFingerprints: fingerprints,
		Properties: sarifObject{
			Cluster: finding.Cluster, Group: ref.Kind.GroupKind().Group, Kind: ref.Kind.String(),
			Namespace: ref.Namespace, Name: ref.Name, Field: finding.Field.String(), Fix: finding.Fix,
		},
	}
}

// level is what SARIF calls an action.
func level(action policies.Action) string {
	switch action {
	case policies.Deny:
		return "error"
	case policies.Warn:
		return "warning"
	case policies.Audit:
		return "note"
	}
	return "none"
}

// physical is a line of a file; line 0 is the file itself.
func physical(file string, line int) *sarifPhysical {
	location := &sarifPhysical{ArtifactLocation: sarifArtifact{URI: uri(file)}}
	if line > 0 {
		location.Region = &sarifRegion{StartLine: line, StartColumn: 1}
	}
	return location
}

// uri is a path as a URI. Code scanning takes relative ones for ones from the root
// of the repository.
func uri(file string) string {
	path := relative(file)
	location := url.URL{Path: path}
	if filepath.IsAbs(file) && !filepath.IsLocal(filepath.FromSlash(path)) {
		location = url.URL{Scheme: "file", Path: "/" + strings.TrimPrefix(path, "/")}
	}
	return location.String()
}

// relative is a path with forward slashes, from the working directory where the file
// is below it.
func relative(file string) string {
	file = filepath.Clean(file)
	if here, err := filepath.Abs("."); err == nil && filepath.IsAbs(file) {
		if below, err := filepath.Rel(here, file); err == nil && filepath.IsLocal(below) {
			file = below
		}
	}
	return filepath.ToSlash(file)
}

// version is that of the program, as far as the go command has recorded one.
func version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok || info.Main.Version == "(devel)" {
		return ""
	}
	return info.Main.Version
}
