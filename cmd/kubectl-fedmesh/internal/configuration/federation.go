package configuration

import (
	"fmt"
	"strings"

	"sigs.k8s.io/yaml"

	"fedmesh.io/fedmesh/cmd/kubectl-fedmesh/internal/documents"
	"fedmesh.io/fedmesh/policies/api/v1alpha1"
	"fedmesh.io/fedmesh/policies/mesh"
)

// findFederation returns the one that is among the documents: the first that can be
// used.
func findFederation(all []documents.Document) (*mesh.Federation, []documents.Problem) {
	found := mesh.Undeclared()
	var problems []documents.Problem
	for _, document := range all {
		if groupOf(document) != v1alpha1.Group || document.Kind != "Federation" {
			continue
		}
		if found.Declared {
			problems = append(problems, problem(document, fmt.Errorf("a second Federation: a cluster has one, named default")))
			continue
		}
		compiled, err := compile(document)
		if err != nil {
			problems = append(problems, problem(document, err))
			continue
		}
		found = compiled
	}
	return found, problems
}

func compile(document documents.Document) (*mesh.Federation, error) {
	var object v1alpha1.Federation
	if err := yaml.UnmarshalStrict(document.JSON, &object); err != nil {
		return nil, fmt.Errorf("cannot read the Federation: %s", strings.TrimPrefix(err.Error(), "error unmarshaling JSON: while decoding JSON: json: "))
	}
	federation, errs := mesh.Compile(object.Spec)
	if err := errs.ToAggregate(); err != nil {
		return nil, fmt.Errorf("cannot use the Federation: %w", err)
	}
	return federation, nil
}
