package documents

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"slices"

	"fedmesh.io/fedmesh/cmd/kubectl-fedmesh/internal/parallel"
	"fedmesh.io/fedmesh/cmd/kubectl-fedmesh/internal/progress"
)

// StandardInput is how standard input is named among paths.
const StandardInput = "-"

// Read reads files, directories with everything below them, and standard input, in
// the order of paths and below a directory in that of names. What cannot be read
// does not keep the rest from being read. A file that is named must hold Kubernetes
// objects. Below a directory, YAML that is something else is passed over: values of
// Helm, workflows and the like lie beside manifests. Progress counts what was read; it
// may be nil.
func Read(paths []string, stdin io.Reader, progress *progress.Progress) (documents []Document, problems []Problem) {
	parse := parser{progress: progress}
	some := parser{pass: true, progress: progress}
	for _, path := range paths {
		var read []Document
		var failed []Problem
		switch info, err := os.Stat(path); {
		case path == StandardInput:
			read, failed = readInput(stdin, parse)
		case err == nil && info.IsDir():
			read, failed = readDirectory(path, some)
		default: // what is wrong shows when it is read
			read, failed = readFile(path, parse)
		}
		documents, problems = append(documents, read...), append(problems, failed...)
	}
	return documents, problems
}

func readInput(stdin io.Reader, parser parser) ([]Document, []Problem) {
	text, err := io.ReadAll(stdin)
	if err != nil {
		return nil, []Problem{{File: StandardInput, Message: cause(err)}}
	}
	return parser.parse(StandardInput, text)
}

// readFile reads a file and has its text parsed.
func readFile(file string, parser parser) ([]Document, []Problem) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, []Problem{{File: file, Message: cause(err)}}
	}
	return parser.parse(file, text)
}

// Parse reads the documents of a file that has this text: Kubernetes objects.
func Parse(file string, text []byte) ([]Document, []Problem) { return parser{}.parse(file, text) }

// parser is how texts are read.
type parser struct {
	// pass says that what means to be something else than an object is passed over.
	pass     bool
	progress *progress.Progress
}

func (p parser) parse(file string, text []byte) ([]Document, []Problem) {
	parts := split(text)
	read, failed := make([][]Document, len(parts)), make([][]Problem, len(parts))
	parallel.Each(len(parts), func(i int) {
		read[i], failed[i] = parse(file, parts[i], p.pass)
		p.progress.Read(len(read[i]))
	})
	return slices.Concat(read...), slices.Concat(failed...)
}

// cause is an error without the path, which stands before it already.
func cause(err error) string {
	if path := (*fs.PathError)(nil); errors.As(err, &path) {
		return "cannot read it: " + path.Err.Error()
	}
	return err.Error()
}
