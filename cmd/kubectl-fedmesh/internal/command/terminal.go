package command

import (
	"io"
	"os"

	"golang.org/x/term"

	"fedmesh.io/fedmesh/cmd/kubectl-fedmesh/internal/progress"
)

// coloured reports whether what is written to out has colours. --color wins over
// NO_COLOR (https://no-color.org).
func coloured(flag string, out io.Writer) bool {
	if flag != "auto" {
		return flag == "always"
	}
	return os.Getenv("NO_COLOR") == "" && terminal(out)
}

// terminal reports whether out is a terminal that does more than append.
func terminal(out io.Writer) bool {
	file, ok := out.(*os.File)
	return ok && os.Getenv("TERM") != "dumb" && term.IsTerminal(int(file.Fd()))
}

// startProgress shows progress on a terminal, and nowhere else.
func startProgress(out io.Writer) *progress.Progress {
	if !terminal(out) {
		return nil
	}
	return progress.Start(out)
}
