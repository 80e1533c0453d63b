package kustomize

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"sigs.k8s.io/kustomize/api/types"
	"sigs.k8s.io/kustomize/kyaml/filesys"
	"sigs.k8s.io/yaml"
)

// directory is the file system with one kustomization changed: it asks for the
// origin of every resource (kustomize api/types/kustomization.go, OriginAnnotations).
// The library has no option for that.
type directory struct {
	filesys.FileSystem
	// given is the directory as the user names it, and directory is its real path.
	given, directory string
	// kustomization is the path of the file, below given.
	kustomization string
	// annotated says that the user asks for the origins too.
	annotated bool

	real string // path of the kustomization, as the library asks for it
	text []byte // what it reads there
}

func root(given string) (*directory, error) {
	info, err := os.Stat(given)
	if err != nil {
		if path := (*fs.PathError)(nil); errors.As(err, &path) {
			err = path.Err
		}
		return nil, err
	}
	if !info.IsDir() {
		return nil, errors.New("it is no directory")
	}
	kustomization, err := recognised(given)
	if err != nil {
		return nil, err
	}
	onDisk := filesys.MakeFsOnDisk()
	real, _, err := onDisk.CleanedAbs(given)
	if err != nil {
		return nil, err
	}
	text, err := os.ReadFile(kustomization)
	if err != nil {
		return nil, err
	}
	root := &directory{
		FileSystem: onDisk, given: given, directory: real.String(), kustomization: kustomization,
		real: real.Join(filepath.Base(kustomization)),
	}
	root.text, root.annotated = askForOrigins(text)
	return root, nil
}

// ReadFile is that of the file system, but for the kustomization.
func (r *directory) ReadFile(path string) ([]byte, error) {
	if path == r.real {
		return r.text, nil
	}
	return r.FileSystem.ReadFile(path)
}

// askForOrigins adds the request to the text of a kustomization, and reports whether
// it is there already. What cannot be read stays as it is: the library says why.
func askForOrigins(text []byte) (asking []byte, already bool) {
	var kustomization map[string]any
	if err := yaml.UnmarshalStrict(text, &kustomization); err != nil {
		return text, false
	}
	var metadata []any
	if found, exists := kustomization["buildMetadata"]; exists {
		list, isList := found.([]any)
		if !isList {
			return text, false
		}
		metadata = list
	}
	if slices.Contains(metadata, any(types.OriginAnnotations)) {
		return text, true
	}
	if kustomization == nil {
		return text, false
	}
	kustomization["buildMetadata"] = append(metadata, types.OriginAnnotations)
	asking, err := yaml.Marshal(kustomization)
	if err != nil {
		return text, false
	}
	return asking, false
}
