package kustomize

import (
	"cmp"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"sigs.k8s.io/kustomize/api/konfig"
	"sigs.k8s.io/kustomize/api/krusty"
	"sigs.k8s.io/kustomize/api/resource"

	"fedmesh.io/fedmesh/cmd/kubectl-fedmesh/internal/documents"
)

// Build builds the kustomizations in directories and returns the objects that come
// out, each with the file that it was made of and the lines there. A field that a
// patch or a transformer sets has the line of what is written nearest to it.
func Build(directories []string) (built []documents.Document, problems []documents.Problem) {
	for _, directory := range directories {
		objects, err := build(directory)
		if err != nil {
			problems = append(problems, documents.Problem{File: directory, Message: "cannot build the kustomization: " + cause(err)})
			continue
		}
		built = append(built, objects...)
	}
	return built, problems
}

func build(directory string) (built []documents.Document, err error) {
	root, err := root(directory)
	if err != nil {
		return nil, err
	}
	defer func() { // the library panics at some input that it does not expect
		if cause := recover(); cause != nil {
			built, err = nil, fmt.Errorf("%v", cause)
		}
	}()
	resources, err := krusty.MakeKustomizer(krusty.MakeDefaultOptions()).Run(root, root.directory)
	if err != nil {
		return nil, err
	}
	sources := sources{}
	for _, resource := range resources.Resources() {
		origin, err := resource.GetOrigin()
		if err != nil {
			return nil, err
		}
		if !root.annotated {
			if err := resource.SetOrigin(nil); err != nil {
				return nil, err
			}
		}
		object, err := resource.MarshalJSON()
		if err != nil {
			return nil, err
		}
		file := root.file(origin)
		built = append(built, documents.Built(file, sources.of(file, resource), resource.GetApiVersion(), resource.GetKind(), object))
	}
	return built, nil
}

// file is where a resource comes from, as a path that can be opened from here. What
// a generator made comes from the kustomization that has the generator.
func (r *directory) file(origin *resource.Origin) string {
	switch {
	case origin == nil:
		return r.kustomization
	case origin.Repo != "":
		return origin.Repo + "/" + cmp.Or(origin.Path, origin.ConfiguredIn)
	}
	return filepath.Join(r.given, cmp.Or(origin.Path, origin.ConfiguredIn))
}

// sources are the documents of files, read once.
type sources map[string][]documents.Document

// of returns the document of a file that a resource was most likely made of: prefixes
// and suffixes may have been put to its name. It is nil where that cannot be told.
func (s sources) of(file string, made *resource.Resource) *documents.Document {
	all, read := s[file]
	if !read {
		if text, err := os.ReadFile(file); err == nil {
			all, _ = documents.Parse(file, text)
		}
		s[file] = all
	}
	var renamed *documents.Document
	for i := range all {
		document := &all[i]
		if document.Kind != made.GetKind() || document.APIVersion != made.GetApiVersion() {
			continue
		}
		switch name := document.Name(); {
		case name == made.GetName():
			return document
		case name != "" && renamed == nil && strings.Contains(made.GetName(), name):
			renamed = document
		}
	}
	return renamed
}

// cause is an error in one line.
func cause(err error) string {
	return strings.Join(strings.Fields(err.Error()), " ")
}

// recognised returns the path of the kustomization in a directory.
func recognised(directory string) (string, error) {
	for _, name := range konfig.RecognizedKustomizationFileNames() {
		path := filepath.Join(directory, name)
		if info, err := os.Stat(path); err == nil && !info.IsDir() {
			return path, nil
		}
	}
	return "", fmt.Errorf("there is none of %s in it", strings.Join(konfig.RecognizedKustomizationFileNames(), ", "))
}
