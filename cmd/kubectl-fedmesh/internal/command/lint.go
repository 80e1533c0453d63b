package command

import (
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"
)

// lintFlags are the flags of lint.
type lintFlags struct {
	reportFlags
	clusterFlags
	namespace string
}

func newLint() *cobra.Command {
	var flags lintFlags
	cmd := &cobra.Command{
		Use:   "lint {PATH... | --kustomize DIR... | --cluster NAME=PATH... | --context NAME...}",
		Short: "Hold manifests against the rules",
		Long: `Hold manifests against the rules.

Files, directories with everything below them, and standard input (-) together are
taken for the whole configuration of one cluster, its Federation among them. Without
a Federation nothing is denied. Kinds that no rule is about are passed over, and so is
YAML below a directory that is no Kubernetes object; a file that is named must hold some.

--kustomize builds a directory with the library that kubectl uses: no Helm charts, no
plugins. Findings have the file that an object comes from, and the line there of what
is written nearest to the field; what a generator makes has the kustomization.

Several clusters are told apart by --cluster and --context, each with a Federation of
its own: --cluster for files, --context for what is running. Manifests that several
clusters share are named for each of them.

Exit codes: 0 nothing found, 1 findings at or above --fail-on, 2 something could not
be read, which is named, and the rest is judged all the same.`,
		Example: `  # everything that is applied to a cluster
  kubectl fedmesh lint ./cluster-1

  # what Kustomize or Helm make of it
  kubectl fedmesh lint federation.yaml --kustomize ./overlays/cluster-1
  helm template ./chart | kubectl fedmesh lint federation.yaml -

  # for machines, failing on warnings too
  kubectl fedmesh lint --output=json --fail-on=warn ./cluster-1

  # only what is new since an earlier report
  kubectl fedmesh lint --output=json ./cluster-1 > baseline.json
  kubectl fedmesh lint --baseline=baseline.json ./cluster-1

  # two clusters of a federation, and what both have
  kubectl fedmesh lint --cluster cluster-1=./cluster-1 --cluster cluster-1=./common \
    --cluster cluster-2=./cluster-2 --cluster cluster-2=./common

  # what is to be applied to one, with what is running in the other
  kubectl fedmesh lint --cluster cluster-1=./cluster-1 --context cluster-2`,
		RunE: func(cmd *cobra.Command, args []string) error { return flags.run(cmd, args) },
	}
	flags.reportFlags.add(cmd)
	flags.clusterFlags.add(cmd)
	cmd.Flags().StringVarP(&flags.namespace, "namespace", "n", "default", "namespace of objects that name none")
	return cmd
}

func (f *lintFlags) run(cmd *cobra.Command, paths []string) error {
	if err := f.prepare(); err != nil {
		return err
	}
	sources, err := f.sources(paths)
	if err != nil {
		return err
	}
	return f.judge(cmd, sources, f.namespace)
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
