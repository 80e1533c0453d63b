package command

import (
	"fmt"

	"github.com/spf13/cobra"

	"fedmesh.io/fedmesh/cmd/kubectl-fedmesh/internal/documents"
	"fedmesh.io/fedmesh/cmd/kubectl-fedmesh/internal/mutate"
)

// mutateFlags are the flags of mutate.
type mutateFlags struct {
	files               []string
	federation, output  string
	namespace           string
	showsDiff, optsInto bool
}

func newMutate() *cobra.Command {
	var flags mutateFlags
	cmd := &cobra.Command{
		Use:   "mutate -f FILE...",
		Short: "Show what fedmesh makes of pods",
		Long: `Show what fedmesh makes of pods, before a namespace opts in.

Files, directories with everything below them, and standard input (-) hold pods or
workloads with a template of pods, the Federation, and the namespaces if their labels
are to count: one that is not there is taken for opted in. Each pod and workload is
printed, in the order of the files, with its pods as fedmesh would leave them; the
annotation fedmesh.io/status says what was applied, and what was skipped and why. Other
objects are not printed: they stay as they are.

A pod that Istio has yet to inject gets what the injector reads, and the socket once
it is injected. Give it the output of "istioctl kube-inject" to see that too. In a
cluster fedmesh patches the pods themselves: templates stay as they are in Git, and
there is no need to apply what is printed.

What is left alone, passed over and warned about is said on standard error.

Exit codes: 0 printed, with or without changes, and with --diff too; 2 something
could not be read, which is named, and the rest is printed all the same.`,
		Example: `  # what changes for the workloads of a directory
  kubectl fedmesh mutate -f federation.yaml -f ./foo --diff

  # the same for what runs
  kubectl get deployments --namespace=foo --output=yaml | kubectl fedmesh mutate --federation=federation.yaml --diff -f -

  # with the sidecar in it, which gets the socket
  istioctl kube-inject -f sleep.yaml | kubectl fedmesh mutate --federation=federation.yaml -f -`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(flags.files)+len(args) == 0 {
				return fmt.Errorf("nothing to mutate: name files, directories or - for standard input with -f")
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error { return flags.run(cmd, args) },
	}
	cmd.Flags().StringSliceVarP(&flags.files, "filename", "f", nil, "files, directories, or - for standard input")
	cmd.Flags().StringVar(&flags.federation, "federation", "", "file with the Federation, where it is not among the others")
	cmd.Flags().StringVarP(&flags.output, "output", "o", "yaml", "form of what is printed: yaml, or json, which is a List")
	cmd.Flags().BoolVar(&flags.showsDiff, "diff", false, "print a unified diff against the objects as they are, both as YAML with keys in order")
	cmd.Flags().BoolVar(&flags.optsInto, "opt-in", false, "take every namespace for opted in, whatever its labels say")
	cmd.Flags().StringVarP(&flags.namespace, "namespace", "n", "default", "namespace of objects that name none")
	cmd.MarkFlagsMutuallyExclusive("diff", "output")
	complete(cmd, "output", "yaml", "json")
	return cmd
}

func (f mutateFlags) run(cmd *cobra.Command, args []string) error {
	if err := oneOf("output", f.output, "yaml", "json"); err != nil {
		return err
	}
	paths := append(f.files, args...) // the shell makes of -f *.yaml one flag and arguments
	if f.federation != "" {
		paths = append([]string{f.federation}, paths...)
	}
	read, problems := documents.Read(paths, cmd.InOrStdin(), nil)
	report, err := mutate.Run(read, mutate.Options{Namespace: f.namespace, OptIn: f.optsInto})
	problems = append(problems, report.Problems...)
	for _, problem := range problems {
		cmd.PrintErrln(problem)
	}
	if err != nil {
		return err
	}
	for _, note := range report.Notes {
		cmd.PrintErrln(note)
	}
	write := mutate.YAML
	switch {
	case f.showsDiff:
		write = mutate.Diff
	case f.output == "json":
		write = mutate.JSON
	}
	if err := write(cmd.OutOrStdout(), report.Workloads); err != nil {
		return err
	}
	if len(problems) > 0 {
		return exitError(ExitUnreadable)
	}
	return nil
}
