package command

import (
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"fedmesh.io/fedmesh/cmd/kubectl-fedmesh/internal/configuration"
	"fedmesh.io/fedmesh/cmd/kubectl-fedmesh/internal/vip"
)

func newVIP() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "vip",
		Short: "Say who holds which virtual address, and which one is next",
		Args:  cobra.NoArgs,
		RunE:  func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(newVIPList(), newVIPNext())
	return cmd
}

// vipFlags are the flags of both.
type vipFlags struct {
	clusterFlags
	namespace string
}

func (f *vipFlags) add(cmd *cobra.Command) {
	f.clusterFlags.add(cmd)
	cmd.Flags().StringVar(&f.namespace, "namespace", "default", "namespace of objects that name none")
}

// sources returns the clusters to be read.
func (f *vipFlags) sources(paths []string) ([]source, error) {
	if len(paths)+len(f.clusters)+len(f.kustomize)+len(f.contexts) == 0 {
		return nil, errors.New("nothing to look at: name files, directories or - for standard input, --cluster NAME=PATH or --context NAME")
	}
	return f.clusterFlags.sources(paths)
}

// readVIPs reads clusters. What cannot be read is said on standard error, and complete
// is false.
func readVIPs(cmd *cobra.Command, sources []source, namespace string) (clusters []vip.Cluster, complete bool, err error) {
	shown := startProgress(cmd.ErrOrStderr())
	read, problems, err := readAll(cmd, sources, shown)
	shown.Stop()
	if err != nil {
		return nil, false, err
	}
	for _, cluster := range read {
		loaded, failed := configuration.Load(cluster.Documents, namespace)
		problems = append(problems, failed...)
		clusters = append(clusters, vip.Cluster{Name: cluster.Name, Configuration: loaded})
	}
	for _, problem := range problems {
		cmd.PrintErrln(problem)
	}
	return clusters, len(problems) == 0, nil
}

// vipListFlags are the flags of vip list.
type vipListFlags struct {
	vipFlags
	output string
	every  bool
}

func newVIPList() *cobra.Command {
	var flags vipListFlags
	cmd := &cobra.Command{
		Use:   "list {PATH... | --cluster NAME=PATH... | --context NAME...}",
		Short: "List who holds which virtual address",
		Long: `List who holds which virtual address, in the order of addresses.

Files, directories with everything below them, and standard input (-) together are
taken for the whole configuration of one cluster, its Federation among them; --cluster
and --context tell several apart, as for "lint". Listed are the addresses that federated
hosts have, and whatever else in their cluster holds one of these.

FROM says where an address is from: declared (spec.addresses), allocated by Istio
(status.addresses), service (a cluster IP) or ipaddress (an IPAddress object). CONFLICT
names who has it for something else, which rule FED105 is about.

Exit codes: 0 listed, with or without conflicts, which "lint" fails on; 2 something
could not be read, which is named, and the rest is listed all the same.`,
		Example: `  kubectl fedmesh vip list ./cluster-1

  # with Services and all else that lies in the ranges of vips.cidrs
  kubectl fedmesh vip list --all ./cluster-1

  # what two clusters have
  kubectl fedmesh vip list --cluster cluster-1=./cluster-1 --context cluster-2

  # conflicts, for machines
  kubectl fedmesh vip list --output=json ./cluster-1 | jq '.addresses[] | select(.conflicts != [])'`,
		RunE: func(cmd *cobra.Command, args []string) error { return flags.run(cmd, args) },
	}
	flags.add(cmd)
	cmd.Flags().BoolVar(&flags.every, "all", false, "list all that lies in the ranges of vips.cidrs too")
	cmd.Flags().StringVarP(&flags.output, "output", "o", "table", "form of the list: table or json")
	complete(cmd, "output", "table", "json")
	return cmd
}

func (f *vipListFlags) run(cmd *cobra.Command, paths []string) error {
	if err := oneOf("output", f.output, "table", "json"); err != nil {
		return err
	}
	sources, err := f.sources(paths)
	if err != nil {
		return err
	}
	clusters, complete, err := readVIPs(cmd, sources, f.namespace)
	if err != nil {
		return err
	}
	for _, cluster := range clusters {
		if !cluster.Federation.Declared {
			of := ""
			if cluster.Name != "" {
				of = " of cluster " + cluster.Name
			}
			cmd.PrintErrln("there is no Federation among the objects" + of + ": hosts that end in .global are taken for federated ones")
		}
	}
	write := vip.Table
	if f.output == "json" {
		write = vip.JSON
	}
	if err := write(cmd.OutOrStdout(), vip.List(clusters, f.every)); err != nil {
		return err
	}
	if !complete {
		return exitError(ExitUnreadable)
	}
	return nil
}

// vipNextFlags are the flags of vip next.
type vipNextFlags struct {
	vipFlags
	request vip.Request
}

func newVIPNext() *cobra.Command {
	var flags vipNextFlags
	cmd := &cobra.Command{
		Use:   "next {PATH... | --context NAME}",
		Short: "Choose a free virtual address",
		Long: `Choose a free virtual address: one of vips.cidrs that is not reserved, in no range of
Services or of Istio's allocator, usable, and held by nobody. What ends in
.0 or .255 is left out as well.

With --host the choice hangs on the name: two clusters, and two pull requests that do
not know of each other, come to the same address for a host and to different ones for
different hosts, as long as their vips.cidrs are the same and the address is free in
both. Where the host has an address already, that one is printed. Without --host the
first free addresses are printed, in order.

Files, directories with everything below them, and standard input (-) together are
taken for the whole configuration of one cluster, its Federation among them; --context
reads a running one.

Exit codes: 0 printed, 2 no address is free, or something could not be read, in which
case nothing is chosen: it may hold the address.`,
		Example: `  # the address for a new ServiceEntry
  kubectl fedmesh vip next --host=httpbin.bar.global ./cluster-1

  # the first five that are free in a running cluster, in order
  kubectl fedmesh vip next -n 5 --context cluster-1`,
		RunE: func(cmd *cobra.Command, args []string) error { return flags.run(cmd, args) },
	}
	flags.add(cmd)
	cmd.Flags().StringVar(&flags.request.Host, "host", "", "the host that is to have the address")
	cmd.Flags().IntVarP(&flags.request.Count, "count", "n", 1, "how many addresses to print, the best first")
	cmd.Flags().BoolVar(&flags.request.IPv6, "ipv6", false, "choose among the ranges of IPv6")
	return cmd
}

func (f *vipNextFlags) run(cmd *cobra.Command, paths []string) error {
	if f.request.Count < 1 {
		return fmt.Errorf("--count=%d: want 1 or more", f.request.Count)
	}
	sources, err := f.sources(paths)
	if err != nil {
		return err
	}
	if len(sources) > 1 {
		return fmt.Errorf("got %d clusters, want one: each comes to the same address for a host while it is free there", len(sources))
	}
	clusters, complete, err := readVIPs(cmd, sources, f.namespace)
	if err != nil {
		return err
	}
	if !complete || len(clusters) == 0 {
		return exitError(ExitUnreadable)
	}
	answer, err := clusters[0].Next(f.request)
	for _, finding := range answer.Unfit {
		cmd.PrintErrf("%s has an address that it cannot keep: %s\n", f.request.Host, finding.Message)
	}
	switch {
	case err != nil:
		return err
	case answer.Has:
		cmd.PrintErrf("%s has an address already, in %s\n", f.request.Host, answer.Owner)
	case len(answer.Addresses) < f.request.Count:
		cmd.PrintErrf("only %d of %d addresses are free\n", len(answer.Addresses), f.request.Count)
	}
	for _, addr := range answer.Addresses {
		if _, err := fmt.Fprintln(cmd.OutOrStdout(), addr); err != nil {
			return err
		}
	}
	return nil
}
