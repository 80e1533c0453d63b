package command

import (
	"io"

	"github.com/spf13/cobra"

	"fedmesh.io/fedmesh/cmd/kubectl-fedmesh/internal/baseline"
	"fedmesh.io/fedmesh/cmd/kubectl-fedmesh/internal/lint"
	"fedmesh.io/fedmesh/cmd/kubectl-fedmesh/internal/output"
	"fedmesh.io/fedmesh/policies"
)

// The values of flags that have a few.
var (
	outputs    = []string{"text", "json", "sarif", "junit"}
	thresholds = []string{"deny", "warn", "never"}
	colours    = []string{"auto", "always", "never"}
)

// reportFlags are the flags about a report and the exit code.
type reportFlags struct {
	output, failOn, color, baseline string
	// known is what the baseline has, from prepare on.
	known baseline.Baseline
}

func (f *reportFlags) add(cmd *cobra.Command) {
	cmd.Flags().StringVarP(&f.output, "output", "o", "text", "form of the report: text, json, sarif or junit")
	cmd.Flags().StringVar(&f.failOn, "fail-on", "deny", "findings that lead to exit code 1: deny, warn or never")
	cmd.Flags().StringVar(&f.color, "color", "auto", "colours in text: auto (on a terminal, unless NO_COLOR is set), always or never")
	cmd.Flags().StringVar(&f.baseline, "baseline", "", "report only what is new since this report, made with --output=json")
	complete(cmd, "output", outputs...)
	complete(cmd, "fail-on", thresholds...)
	complete(cmd, "color", colours...)
}

// prepare checks the flags and reads the baseline, before there is any work.
func (f *reportFlags) prepare() (err error) {
	if err := oneOf("output", f.output, outputs...); err != nil {
		return err
	}
	if err := oneOf("fail-on", f.failOn, thresholds...); err != nil {
		return err
	}
	if err := oneOf("color", f.color, colours...); err != nil {
		return err
	}
	if f.baseline != "" {
		f.known, err = baseline.Read(f.baseline)
	}
	return err
}

// judge reads clusters, judges them and writes the report.
func (f *reportFlags) judge(cmd *cobra.Command, sources []source, namespace string) error {
	report, err := read(cmd, sources, namespace)
	if err != nil {
		return err
	}
	return f.finish(cmd.OutOrStdout(), report)
}

// read reads clusters and judges them, and shows how far it is.
func read(cmd *cobra.Command, sources []source, namespace string) (lint.Report, error) {
	shown := startProgress(cmd.ErrOrStderr())
	defer shown.Stop()
	clusters, problems, err := readAll(cmd, sources, shown)
	if err != nil {
		return lint.Report{}, err
	}
	report, err := lint.Run(clusters, namespace)
	report.Problems = append(problems, report.Problems...)
	return report, err
}

// finish writes the report, and returns an error for the exit code.
func (f *reportFlags) finish(out io.Writer, report lint.Report) error {
	f.known.Apply(&report)
	if err := f.write(out, report); err != nil {
		return err
	}
	switch {
	case len(report.Problems) > 0:
		return exitError(ExitUnreadable)
	case report.Count(policies.Deny) > 0 && f.fails(policies.Deny), report.Count(policies.Warn) > 0 && f.fails(policies.Warn):
		return exitError(ExitFindings)
	}
	return nil
}

func (f *reportFlags) write(out io.Writer, report lint.Report) error {
	switch f.output {
	case "json":
		return output.JSON(out, report)
	case "sarif":
		return output.SARIF(out, report)
	case "junit":
		return output.JUnit(out, report, f.fails)
	}
	return output.Text(out, report, coloured(f.color, out))
}

// fails reports whether findings that lead to action are at or above the threshold.
func (f *reportFlags) fails(action policies.Action) bool {
	switch f.failOn {
	case "never":
		return false
	case "warn":
		return action == policies.Deny || action == policies.Warn
	}
	return action == policies.Deny
}
