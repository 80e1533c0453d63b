package documents

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
)

// extensions are those of the files that are read below a directory. A file that is
// named is read whatever it is called.
var extensions = []string{".yaml", ".yml", ".json"}

// readDirectory reads everything below a directory. One without a Kubernetes object
// is a problem: who names it means another.
func readDirectory(path string, parser parser) (documents []Document, problems []Problem) {
	files, problems := manifests(path)
	for _, file := range files {
		read, failed := readFile(file, parser)
		documents, problems = append(documents, read...), append(problems, failed...)
	}
	switch {
	case len(documents) > 0 || len(problems) > 0:
		return documents, problems
	case len(files) == 0:
		return nil, []Problem{{File: path, Message: fmt.Sprintf("there is no manifest in it: want files %q", extensions)}}
	}
	return nil, []Problem{{File: path, Message: "there is no Kubernetes object in it: want manifests with apiVersion and kind"}}
}

// manifests returns the files below a directory that may hold manifests, in the order
// of their names. Links to directories are not followed, except for the directory
// itself, and Git's own directories are not entered.
func manifests(directory string) (files []string, problems []Problem) {
	// What ends in a separator is what the link leads to.
	err := filepath.WalkDir(directory+string(os.PathSeparator), func(path string, entry fs.DirEntry, err error) error {
		path = filepath.Clean(path) // below the directory as it is named, link or not
		switch {
		case err != nil:
			problems = append(problems, Problem{File: path, Message: cause(err)})
		case entry.IsDir() && entry.Name() == ".git" && path != filepath.Clean(directory):
			return filepath.SkipDir
		case !entry.IsDir() && slices.Contains(extensions, filepath.Ext(path)):
			files = append(files, path)
		}
		return nil
	})
	if err != nil {
		problems = append(problems, Problem{File: directory, Message: cause(err)})
	}
	return files, problems
}
