package command

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"
	"k8s.io/client-go/rest"

	"fedmesh.io/fedmesh/cmd/kubectl-fedmesh/internal/documents"
	"fedmesh.io/fedmesh/cmd/kubectl-fedmesh/internal/lint"
	"fedmesh.io/fedmesh/cmd/kubectl-fedmesh/internal/live"
)

// liveFlags are the flags about running clusters.
type liveFlags struct {
	contexts   []string
	kubeconfig string
	timeout    time.Duration
}

func (f *liveFlags) add(cmd *cobra.Command) {
	cmd.Flags().StringArrayVar(&f.contexts, "context", nil,
		"read the cluster of this context of the kubeconfig; NAME=CONTEXT gives it another name; again for more clusters")
	cmd.Flags().StringVar(&f.kubeconfig, "kubeconfig", "", "file to take contexts from, instead of the one that kubectl takes")
	cmd.Flags().DurationVar(&f.timeout, "request-timeout", 30*time.Second, "how long a cluster may take for one answer; 0 is no bound")
	if err := cmd.RegisterFlagCompletionFunc("context", f.complete); err != nil {
		panic(err) // there is no such flag, which is a defect
	}
}

// complete completes the names of contexts.
func (f *liveFlags) complete(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
	kubeconfig, err := live.ReadKubeconfig(f.kubeconfig)
	if err != nil {
		return nil, cobra.ShellCompDirectiveError
	}
	return kubeconfig.Contexts(), cobra.ShellCompDirectiveNoFileComp
}

// liveCluster is a running cluster, and how to speak with it.
type liveCluster struct {
	name, context string
	config        *rest.Config
}

// clusters returns those of the flags, in their order.
func (f *liveFlags) clusters() ([]liveCluster, error) {
	if len(f.contexts) == 0 {
		return nil, nil
	}
	kubeconfig, err := live.ReadKubeconfig(f.kubeconfig)
	if err != nil {
		return nil, err
	}
	var clusters []liveCluster
	for _, value := range f.contexts {
		name, context, named := strings.Cut(value, "=")
		if !named || kubeconfig.Has(value) { // contexts may be called what they like
			name, context = value, value
		}
		if name == "" || context == "" {
			return nil, fmt.Errorf("--context=%s: want a context, or NAME=CONTEXT", value)
		}
		for _, other := range clusters {
			if other.name == name {
				return nil, fmt.Errorf("--context: cluster %q stands there twice; give one another name: --context NAME=%s", name, context)
			}
		}
		config, err := kubeconfig.Client(context, f.timeout)
		if err != nil {
			return nil, fmt.Errorf("--context=%s: %w", value, err)
		}
		clusters = append(clusters, liveCluster{name, context, config})
	}
	return clusters, nil
}

// current returns the cluster of the current context.
func (f *liveFlags) current() (liveCluster, error) {
	kubeconfig, err := live.ReadKubeconfig(f.kubeconfig)
	if err != nil {
		return liveCluster{}, err
	}
	config, err := kubeconfig.Client("", f.timeout)
	// A pod has a cluster and no context.
	return liveCluster{cmp.Or(kubeconfig.Current(), "cluster"), kubeconfig.Current(), config}, err
}

// read reads a running cluster, the only one or one of a fleet. Where it cannot be
// reached there is none, which is a problem. An error is that somebody pressed Ctrl-C,
// which ends the reading.
func (c liveCluster) read(ctx context.Context, fleet bool) (*lint.Cluster, []documents.Problem, error) {
	ctx, stop := signal.NotifyContext(ctx, os.Interrupt, syscall.SIGTERM)
	defer stop()
	read, err := live.Read(ctx, c.name, c.config, fleet)
	switch {
	case ctx.Err() != nil:
		return nil, nil, fmt.Errorf("interrupted while reading cluster %q", c.name)
	case err != nil:
		return nil, []documents.Problem{{File: c.name, Message: err.Error()}}, nil
	}
	return &lint.Cluster{
		Name: c.name, Documents: read.Documents, Complete: len(read.Problems) == 0, Unlisted: read.Unlisted,
	}, read.Problems, nil
}
