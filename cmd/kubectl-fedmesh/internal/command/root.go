package command

import (
	"errors"
	"fmt"
	"io"

	"github.com/spf13/cobra"
)

// Exit codes. They only ever grow.
const (
	// ExitClean: nothing was found.
	ExitClean = 0
	// ExitFindings: there are findings at or above the threshold.
	ExitFindings = 1
	// ExitUnreadable: the command line is wrong, or something could not be read.
	ExitUnreadable = 2
)

// exitError ends the program with a code. It has been reported already.
type exitError int

func (e exitError) Error() string { return fmt.Sprintf("exit code %d", int(e)) }

// Run runs the program with these arguments and returns its exit code.
func Run(args []string, in io.Reader, out, errOut io.Writer) int {
	root := newRoot()
	root.SetArgs(args)
	root.SetIn(in)
	root.SetOut(out)
	root.SetErr(errOut)
	err := root.Execute()
	var code exitError
	switch {
	case err == nil:
		return ExitClean
	case errors.As(err, &code):
		return int(code)
	}
	fmt.Fprintf(errOut, "kubectl fedmesh: %v\n", err)
	return ExitUnreadable
}

func newRoot() *cobra.Command {
	root := &cobra.Command{
		Use:   "kubectl-fedmesh",
		Short: "The rules of mesh federation, on the command line",
		Long: `kubectl fedmesh holds Istio configuration against the rules of mesh federation, the
same that fedmesh's admission webhook enforces: in files, and in running clusters.`,
		SilenceErrors: true,
		SilenceUsage:  true,
		Args:          cobra.NoArgs,
		Annotations:   map[string]string{cobra.CommandDisplayNameAnnotation: "kubectl fedmesh"},
		RunE:          func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	root.AddCommand(newLint(), newAudit(), newMutate(), newVIP(), newRules(), newExplain())
	return root
}
