package configuration

import (
	"cmp"
	"fmt"

	"k8s.io/apimachinery/pkg/runtime/schema"

	"fedmesh.io/fedmesh/cmd/kubectl-fedmesh/internal/documents"
	"fedmesh.io/fedmesh/cmd/kubectl-fedmesh/internal/parallel"
	"fedmesh.io/fedmesh/policies/mesh"
)

// Configuration is the whole configuration of one cluster.
type Configuration struct {
	// Federation that is among the documents; mesh.Undeclared without one.
	Federation *mesh.Federation
	// Objects of the kinds that fedmesh knows, in the order of the documents. Pods
	// are not among them: their rules are about what webhooks have made of them.
	Objects []Object
	// Index of the objects.
	Index *mesh.Index
}

// Object is a decoded document.
type Object struct {
	*mesh.Object
	Document documents.Document
}

// Load decodes documents. Objects that name no namespace are taken for ones of the
// given one. Kinds that fedmesh does not know are passed over. What cannot be used
// is among the problems, and does not keep the rest from being loaded.
func Load(all []documents.Document, namespace string) (Configuration, []documents.Problem) {
	federation, problems := findFederation(all)
	loaded := Configuration{Federation: federation, Index: mesh.NewIndex()}
	objects, errs := make([]*mesh.Object, len(all)), make([]error, len(all))
	parallel.Each(len(all), func(i int) { objects[i], errs[i] = decode(all[i], namespace) })
	for i, document := range all {
		switch {
		case errs[i] != nil:
			problems = append(problems, problem(document, errs[i]))
		case objects[i] != nil:
			loaded.Index.Put(mesh.NewRecord(objects[i]))
			loaded.Objects = append(loaded.Objects, Object{objects[i], document})
		}
	}
	return loaded, problems
}

// decode reads the object of a document; it is nil for a kind that no rule is about
// and none asks about.
func decode(document documents.Document, namespace string) (*mesh.Object, error) {
	kind, known := mesh.KindOf(groupOf(document), document.Kind)
	if !known || kind == mesh.Pod {
		return nil, nil
	}
	parts, err := mesh.Split(document.JSON)
	if err != nil {
		return nil, fmt.Errorf("cannot read the %s: %w", kind, err)
	}
	switch {
	case kind.Whole():
		return mesh.Decode(kind, document.JSON) // of an IstioOperator nobody asks for a name
	case parts.Name == "":
		return nil, fmt.Errorf("%s without metadata.name", kind)
	}
	if kind.Namespaced() {
		parts.Namespace = cmp.Or(parts.Namespace, namespace)
	}
	return mesh.DecodeParts(kind, parts)
}

func groupOf(document documents.Document) string {
	return schema.FromAPIVersionAndKind(document.APIVersion, document.Kind).Group
}

func problem(document documents.Document, err error) documents.Problem {
	return documents.Problem{File: document.File, Line: document.Line(""), Message: err.Error()}
}
