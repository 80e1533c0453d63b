package command

import (
	"fmt"
	"slices"
	"strings"
)

// kustomizations adds the kustomizations of named clusters to sources, and returns
// the others.
func (f *clusterFlags) kustomizations(sources []source) (_ []source, unnamed []string, err error) {
	for _, value := range f.kustomize {
		name, directory, named := strings.Cut(value, "=")
		if strings.ContainsAny(name, `/\`) { // such as ./a=b
			named = false
		}
		switch i := slices.IndexFunc(sources, func(s source) bool { return s.name == name }); {
		case value == "" || named && (name == "" || directory == ""):
			return nil, nil, fmt.Errorf("--kustomize=%s: want DIR, or NAME=DIR such as cluster-1=./overlays/cluster-1", value)
		case !named:
			unnamed = append(unnamed, value)
		case i >= 0:
			sources[i].built = append(sources[i].built, directory)
		default:
			sources = append(sources, source{name: name, built: []string{directory}})
		}
	}
	return sources, unnamed, nil
}
