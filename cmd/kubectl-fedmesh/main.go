// Command kubectl-fedmesh is the rules of mesh federation on the command line. On
// the PATH it is also "kubectl fedmesh".
package main

import (
	"os"

	"fedmesh.io/fedmesh/cmd/kubectl-fedmesh/internal/command"
	"fedmesh.io/fedmesh/cmd/kubectl-fedmesh/internal/lint"
)

func main() {
	lint.CollectLess()
	os.Exit(command.Run(os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
}
