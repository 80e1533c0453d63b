package command

import (
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"fedmesh.io/fedmesh/cmd/kubectl-fedmesh/internal/documents"
	"fedmesh.io/fedmesh/cmd/kubectl-fedmesh/internal/kustomize"
	"fedmesh.io/fedmesh/cmd/kubectl-fedmesh/internal/lint"
	"fedmesh.io/fedmesh/cmd/kubectl-fedmesh/internal/progress"
)

// clusterFlags are the flags about clusters.
type clusterFlags struct {
	liveFlags
	clusters, kustomize []string
}

func (f *clusterFlags) add(cmd *cobra.Command) {
	f.liveFlags.add(cmd)
	cmd.Flags().StringArrayVar(&f.clusters, "cluster", nil,
		"NAME=PATH: all that is applied to a cluster of this name; again for more clusters, or more paths of one")
	cmd.Flags().StringArrayVarP(&f.kustomize, "kustomize", "k", nil,
		"[NAME=]DIR: a kustomization to build, as kubectl does (of the cluster of this name); again for more")
}

// source is where a cluster comes from: from files, or live.
type source struct {
	name  string
	paths []string
	built []string // directories with kustomizations
	live  *liveCluster
}

// sources returns the clusters in the order of the flags: those of files first. An
// error is that the command line is wrong; nothing has been read by then.
func (f *clusterFlags) sources(paths []string) ([]source, error) {
	var sources []source
	for _, value := range f.clusters {
		name, path, _ := strings.Cut(value, "=")
		if name == "" || path == "" {
			return nil, fmt.Errorf("--cluster=%s: want NAME=PATH, such as --cluster cluster-1=./cluster-1", value)
		}
		if i := slices.IndexFunc(sources, func(s source) bool { return s.name == name }); i >= 0 {
			sources[i].paths = append(sources[i].paths, path)
		} else {
			sources = append(sources, source{name: name, paths: []string{path}})
		}
	}
	sources, built, err := f.kustomizations(sources)
	if err != nil {
		return nil, err
	}
	found, err := f.liveFlags.clusters()
	if err != nil {
		return nil, err
	}
	for _, cluster := range found {
		if slices.ContainsFunc(sources, func(s source) bool { return s.name == cluster.name }) {
			return nil, fmt.Errorf("--context: there is a cluster %q already; give this one another name: --context NAME=%s", cluster.name, cluster.context)
		}
		sources = append(sources, source{name: cluster.name, live: &cluster})
	}
	switch {
	case len(sources) > 0 && len(paths) > 0:
		return nil, fmt.Errorf("%s beside --cluster or --context: say which cluster it belongs to, with --cluster NAME=%s", paths[0], paths[0])
	case len(sources) > 0 && len(built) > 0:
		return nil, fmt.Errorf("--kustomize=%s beside --cluster or --context: say which cluster it belongs to, with --kustomize NAME=%s", built[0], built[0])
	case len(sources) == 0 && len(paths) == 0 && len(built) == 0:
		return nil, fmt.Errorf("nothing to lint: name files, directories or - for standard input, --kustomize DIR, --cluster NAME=PATH or --context NAME")
	case len(sources) == 0:
		sources = []source{{paths: paths, built: built}}
	}
	return sources, readOnce(sources)
}

// readOnce refuses to read standard input more than once, since only the first would
// get anything.
func readOnce(sources []source) error {
	count := 0
	for _, source := range sources {
		for _, path := range source.paths {
			if path == documents.StandardInput {
				count++
			}
		}
	}
	if count > 1 {
		return fmt.Errorf("standard input (%s) stands there %d times: it can be read once", documents.StandardInput, count)
	}
	return nil
}

// readAll reads clusters. One that cannot be reached is a problem and not among them.
// An error is that the user had enough of it.
func readAll(cmd *cobra.Command, sources []source, shown *progress.Progress) (clusters []lint.Cluster, problems []documents.Problem, err error) {
	for _, source := range sources {
		if source.live != nil {
			cluster, failed, err := source.live.read(cmd.Context(), len(sources) > 1)
			if err != nil {
				return nil, nil, err
			}
			problems = append(problems, failed...)
			if cluster != nil {
				shown.Read(len(cluster.Documents))
				cluster.Progress = shown
				clusters = append(clusters, *cluster)
			}
			continue
		}
		read, failed := documents.Read(source.paths, cmd.InOrStdin(), shown)
		built, unbuilt := kustomize.Build(source.built)
		shown.Read(len(built))
		read, problems = append(read, built...), append(append(problems, failed...), unbuilt...)
		clusters = append(clusters, lint.Cluster{Name: source.name, Documents: read, Complete: source.name != "" && len(failed)+len(unbuilt) == 0, Progress: shown})
	}
	return clusters, problems, nil
}
