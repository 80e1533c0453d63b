package documents

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
)

// StandardInput is how standard input is named among paths.
const StandardInput = "-"

// extensions are those of the files that are read below a directory. A file that is
// named is read whatever it is called.
var extensions = []string{".yaml", ".yml", ".json"}

// Read reads files, directories with everything below them, and standard input, in
// the order of paths and below a directory in that of names. What cannot be read
// does not keep the rest from being read.
func Read(paths []string, stdin io.Reader) (documents []Document, problems []Problem) {
	for _, path := range paths {
		files, err := expand(path)
		if err != nil {
			problems = append(problems, Problem{File: path, Message: cause(err)})
		}
		for _, file := range files {
			text, err := readFile(file, stdin)
			if err != nil {
				problems = append(problems, Problem{File: file, Message: cause(err)})
				continue
			}
			read, failed := Parse(file, text)
			documents, problems = append(documents, read...), append(problems, failed...)
		}
	}
	return documents, problems
}

// Parse reads the documents of a file that has this text.
func Parse(file string, text []byte) (documents []Document, problems []Problem) {
	parts := split(text)
	read, failed := make([][]Document, len(parts)), make([][]Problem, len(parts))
	each(len(parts), func(i int) { read[i], failed[i] = parse(file, parts[i]) })
	return slices.Concat(read...), slices.Concat(failed...)
}

// each calls do for the numbers from 0 to count-1, on all processors.
func each(count int, do func(int)) {
	var next atomic.Int64
	var group sync.WaitGroup
	for range min(count, runtime.GOMAXPROCS(0)) {
		group.Go(func() {
			for i := int(next.Add(1)) - 1; i < count; i = int(next.Add(1)) - 1 {
				do(i)
			}
		})
	}
	group.Wait()
}

func readFile(file string, stdin io.Reader) ([]byte, error) {
	if file == StandardInput {
		return io.ReadAll(stdin)
	}
	return os.ReadFile(file)
}

// expand returns the files that a path stands for.
func expand(path string) (files []string, err error) {
	if path == StandardInput {
		return []string{path}, nil
	}
	info, err := os.Stat(path)
	if err != nil || !info.IsDir() {
		return []string{path}, nil // what is wrong shows when it is read
	}
	var failed []error
	err = filepath.WalkDir(path, func(file string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			failed = append(failed, err)
		case !entry.IsDir() && slices.Contains(extensions, filepath.Ext(file)):
			files = append(files, file)
		}
		return nil
	})
	if len(files) == 0 && err == nil && len(failed) == 0 {
		failed = append(failed, fmt.Errorf("there is no manifest in it: want files %q", extensions))
	}
	return files, errors.Join(append(failed, err)...)
}

// cause is an error without the path, which stands before it already.
func cause(err error) string {
	if path := (*fs.PathError)(nil); errors.As(err, &path) {
		return "cannot read it: " + path.Err.Error()
	}
	return err.Error()
}
