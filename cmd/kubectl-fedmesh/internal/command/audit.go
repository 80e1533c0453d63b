package command

import "github.com/spf13/cobra"

// auditFlags are the flags of audit.
type auditFlags struct {
	reportFlags
	liveFlags
}

func newAudit() *cobra.Command {
	var flags auditFlags
	cmd := &cobra.Command{
		Use:   "audit",
		Short: "Hold what is in running clusters against the rules",
		Long: `Hold what is in running clusters against the rules: that of the current context, or
those of every --context, together.

The clusters are read and nothing is written to them; fedmesh need not be installed
there. What it takes is the verb list on the kinds that rules are about. A kind that
may not be listed is named, and the rules that look at it are left out.

Exit codes: 0 nothing found, 1 findings at or above --fail-on, 2 something could not
be read, which is named, and the rest is judged all the same.`,
		Example: `  # the cluster that kubectl speaks with
  kubectl fedmesh audit

  # two clusters of a federation
  kubectl fedmesh audit --context cluster-1 --context cluster-2

  # under names of one's own
  kubectl fedmesh audit --context cluster-1=arn:aws:eks:eu-west-1:111122223333:cluster/foo`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return flags.run(cmd) },
	}
	flags.reportFlags.add(cmd)
	flags.liveFlags.add(cmd)
	return cmd
}

func (f *auditFlags) run(cmd *cobra.Command) error {
	if err := f.prepare(); err != nil {
		return err
	}
	clusters, err := f.clusters()
	if err == nil && len(clusters) == 0 {
		clusters = make([]liveCluster, 1)
		clusters[0], err = f.current()
	}
	if err != nil {
		return err
	}
	var sources []source
	for _, cluster := range clusters {
		sources = append(sources, source{name: cluster.name, live: &cluster})
	}
	return f.judge(cmd, sources, "")
}
