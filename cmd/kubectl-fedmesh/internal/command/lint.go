package command

import (
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"fedmesh.io/fedmesh/cmd/kubectl-fedmesh/internal/documents"
	"fedmesh.io/fedmesh/cmd/kubectl-fedmesh/internal/lint"
	"fedmesh.io/fedmesh/cmd/kubectl-fedmesh/internal/output"
	"fedmesh.io/fedmesh/policies"
)

// lintFlags are the flags of lint.
type lintFlags struct {
	output, failOn, namespace string
}

func newLint() *cobra.Command {
	var flags lintFlags
	cmd := &cobra.Command{
		Use:   "lint PATH...",
		Short: "Hold manifests against the rules",
		Long: `Hold manifests against the rules.

Files, directories with everything below them, and standard input (-) together are
taken for the whole configuration of one cluster, its Federation among them. Without
a Federation nothing is denied. Kinds that no rule is about are passed over.

Exit codes: 0 nothing found, 1 findings at or above --fail-on, 2 something could not
be read, which is named, and the rest is judged all the same.`,
		Example: `  # everything that is applied to a cluster
  kubectl fedmesh lint ./cluster-1

  # what Kustomize or Helm make of it
  kubectl kustomize ./cluster-1 | kubectl fedmesh lint federation.yaml -

  # for machines, failing on warnings too
  kubectl fedmesh lint --output=json --fail-on=warn ./cluster-1`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) == 0 {
				return fmt.Errorf("nothing to lint: name files, directories or - for standard input")
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error { return flags.run(cmd, args) },
	}
	cmd.Flags().StringVarP(&flags.output, "output", "o", "text", "form of the report: text or json")
	cmd.Flags().StringVar(&flags.failOn, "fail-on", "deny", "findings that lead to exit code 1: deny, warn or never")
	cmd.Flags().StringVarP(&flags.namespace, "namespace", "n", "default", "namespace of objects that name none")
	complete(cmd, "output", "text", "json")
	complete(cmd, "fail-on", "deny", "warn", "never")
	return cmd
}

func (f lintFlags) run(cmd *cobra.Command, paths []string) error {
	if err := oneOf("output", f.output, "text", "json"); err != nil {
		return err
	}
	if err := oneOf("fail-on", f.failOn, "deny", "warn", "never"); err != nil {
		return err
	}
	read, problems := documents.Read(paths, cmd.InOrStdin())
	report, err := lint.Run(read, f.namespace)
	if err != nil {
		return err
	}
	report.Problems = append(problems, report.Problems...)
	write := output.Text
	if f.output == "json" {
		write = output.JSON
	}
	if err := write(cmd.OutOrStdout(), report); err != nil {
		return err
	}
	switch {
	case len(report.Problems) > 0:
		return exitError(ExitUnreadable)
	case f.fails(report):
		return exitError(ExitFindings)
	}
	return nil
}

// fails reports whether there are findings at or above the threshold.
func (f lintFlags) fails(report lint.Report) bool {
	switch f.failOn {
	case "never":
		return false
	case "warn":
		return report.Count(policies.Deny)+report.Count(policies.Warn) > 0
	}
	return report.Count(policies.Deny) > 0
}

// oneOf checks a flag that has a few values.
func oneOf(flag, value string, allowed ...string) error {
	if slices.Contains(allowed, value) {
		return nil
	}
	return fmt.Errorf("--%s=%s: want %s", flag, value, strings.Join(allowed, ", "))
}

// complete has the shell complete such a flag.
func complete(cmd *cobra.Command, flag string, values ...string) {
	if err := cmd.RegisterFlagCompletionFunc(flag, cobra.FixedCompletions(values, cobra.ShellCompDirectiveNoFileComp)); err != nil {
		panic(err) // there is no such flag, which is a defect
	}
}
