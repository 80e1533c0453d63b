package lint

import (
	"cmp"
	"fmt"
	"strings"

	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/yaml"

	"fedmesh.io/fedmesh/cmd/kubectl-fedmesh/internal/documents"
	"fedmesh.io/fedmesh/policies"
	"fedmesh.io/fedmesh/policies/api/v1alpha1"
	"fedmesh.io/fedmesh/policies/mesh"
)

// Finding is one finding, and where it is.
type Finding struct {
	policies.Finding
	// File and Line of the field, as in package documents.
	File string
	Line int
}

// Report is what came of a set of documents.
type Report struct {
	// Findings in the order of the documents, and of the catalogue for each.
	Findings []Finding
	// Problems are documents that could not be judged.
	Problems []documents.Problem
	// Objects is how many were judged.
	Objects int
	// Declared says that there was a Federation; without one nothing is denied.
	Declared bool
}

// Count is how many findings led to action.
func (r Report) Count(action policies.Action) int {
	count := 0
	for _, finding := range r.Findings {
		if finding.Action == action {
			count++
		}
	}
	return count
}

// object is a decoded document.
type object struct {
	*mesh.Object
	document documents.Document
}

// Run judges documents that are the whole configuration of one cluster, with the
// Federation that is among them. Objects that name no namespace are taken for ones
// of the given one. Kinds that no rule knows are passed over.
func Run(all []documents.Document, namespace string) (Report, error) {
	evaluator, err := policies.NewEvaluator(policies.Catalogue())
	if err != nil {
		return Report{}, err
	}
	var report Report
	federation := report.federation(all)
	index := mesh.NewIndex()
	var objects []object
	for _, document := range all {
		decoded, err := decode(document, namespace)
		switch {
		case err != nil:
			report.Problems = append(report.Problems, problem(document, err))
		case decoded != nil:
			index.Put(mesh.NewRecord(decoded))
			objects = append(objects, object{decoded, document})
		}
	}
	for _, object := range objects {
		if !judged(evaluator, object.Kind) {
			continue
		}
		report.Objects++
		outcome := evaluator.Evaluate(policies.Review{Object: object.Object, Whole: true}, index, federation)
		for _, failure := range outcome.Failures {
			report.Problems = append(report.Problems, documents.Problem{
				File: object.document.File, Line: object.document.Line(""),
				Message: fmt.Sprintf("[%s] the rule failed, which is a defect of fedmesh: %s", failure.Rule, failure.Reason),
			})
		}
		for _, finding := range outcome.Findings {
			report.Findings = append(report.Findings, Finding{
				Finding: finding, File: object.document.File, Line: object.document.Line(finding.Field.String()),
			})
		}
	}
	return report, nil
}

// judged reports whether objects of kind are judged by what files say of them. Pods
// are not: their rules are about what webhooks have made of them.
func judged(evaluator *policies.Evaluator, kind mesh.Kind) bool {
	return evaluator.AppliesTo(kind) && kind != mesh.Pod
}

// decode reads the object of a document; it is nil for a kind that no rule is about
// and none asks about.
func decode(document documents.Document, namespace string) (*mesh.Object, error) {
	kind, known := kindOf(document)
	if !known || kind == mesh.Pod {
		return nil, nil
	}
	parts, err := mesh.Split(document.JSON)
	if err != nil {
		return nil, fmt.Errorf("cannot read the %s: %w", kind, err)
	}
	if parts.Name == "" {
		return nil, fmt.Errorf("%s without metadata.name", kind)
	}
	if kind.Namespaced() {
		parts.Namespace = cmp.Or(parts.Namespace, namespace)
	}
	return mesh.DecodeParts(kind, parts)
}

func kindOf(document documents.Document) (mesh.Kind, bool) {
	return mesh.KindOf(schema.FromAPIVersionAndKind(document.APIVersion, document.Kind).Group, document.Kind)
}

// federation returns the one that is among the documents.
func (r *Report) federation(all []documents.Document) *mesh.Federation {
	federation := mesh.Undeclared()
	for _, document := range all {
		group := schema.FromAPIVersionAndKind(document.APIVersion, document.Kind).Group
		if group != v1alpha1.Group || document.Kind != "Federation" {
			continue
		}
		if r.Declared {
			r.Problems = append(r.Problems, problem(document, fmt.Errorf("a second Federation: a cluster has one, named default")))
			continue
		}
		compiled, err := compile(document)
		if err != nil {
			r.Problems = append(r.Problems, problem(document, err))
			continue
		}
		federation, r.Declared = compiled, true
	}
	return federation
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

func problem(document documents.Document, err error) documents.Problem {
	return documents.Problem{File: document.File, Line: document.Line(""), Message: err.Error()}
}
