package lint

import (
	"fmt"
	"time"

	"fedmesh.io/fedmesh/cmd/kubectl-fedmesh/internal/configuration"
	"fedmesh.io/fedmesh/cmd/kubectl-fedmesh/internal/documents"
	"fedmesh.io/fedmesh/cmd/kubectl-fedmesh/internal/parallel"
	"fedmesh.io/fedmesh/cmd/kubectl-fedmesh/internal/progress"
	"fedmesh.io/fedmesh/cmd/kubectl-fedmesh/internal/schema"
	"fedmesh.io/fedmesh/policies"
	"fedmesh.io/fedmesh/policies/mesh"
)

// Cluster is what there is of one cluster.
type Cluster struct {
	// Name is a label for people, and need not be the name of a member. It is empty
	// where only one cluster is spoken of.
	Name string
	// Documents, its Federation among them.
	Documents []documents.Document
	// Complete as in policies.Review: these are known to be all of its documents.
	Complete bool
	// Unlisted are the kinds that could not be read. Rules that ask about them are
	// left out for the cluster: what they do not see may well be there.
	Unlisted mesh.Kinds
	// Progress counts the objects that were judged; it may be nil.
	Progress *progress.Progress
}

// loaded is a cluster on its way through Run.
type loaded struct {
	Cluster
	configuration.Configuration
	evaluator *policies.Evaluator
	schemas   *schema.Checker
	// exemptions are those of the time of the run.
	exemptions mesh.Exemptions
}

// load reads the documents of a cluster.
func load(cluster Cluster, namespace string) (loaded, []documents.Problem, error) {
	evaluator, err := policies.NewEvaluator(policies.Catalogue())
	if err != nil {
		return loaded{}, nil, err
	}
	read, problems := configuration.Load(cluster.Documents, namespace)
	cluster.Complete = cluster.Complete && len(problems) == 0
	return loaded{cluster, read, evaluator, schema.NewChecker(), read.Index.ExemptionsAt(time.Now())}, problems, nil
}

// judge holds the objects of the cluster against the rules, each by itself.
func (l loaded) judge(report *Report) {
	outcomes := make([]policies.Outcome, len(l.Objects))
	parallel.Each(len(l.Objects), func(i int) {
		outcomes[i] = l.evaluator.Evaluate(policies.Review{
			Object: l.Objects[i].Object, Whole: true, Complete: l.Complete, Unlisted: l.Unlisted, Exemptions: l.exemptions,
		}, l.Index, l.Federation)
		if l.evaluator.AppliesTo(l.Objects[i].Kind) {
			outcomes[i].Findings = append(l.unknownFields(l.Objects[i]), outcomes[i].Findings...)
			l.Progress.Judged(1)
		}
	})
	for i, object := range l.Objects {
		if !l.evaluator.AppliesTo(object.Kind) {
			continue
		}
		report.Objects++
		report.Judged = append(report.Judged, Judged{Cluster: l.Name, File: object.Document.File, Ref: object.Ref})
		for _, failure := range outcomes[i].Failures {
			report.Problems = append(report.Problems, documents.Problem{
				File: object.Document.File, Line: object.Document.Line(""),
				Message: fmt.Sprintf("[%s] the rule failed, which is a defect of fedmesh: %s", failure.Rule, failure.Reason),
			})
		}
		for _, finding := range outcomes[i].Findings {
			report.Findings = append(report.Findings, Finding{
				Finding: finding, Cluster: l.Name, File: object.Document.File, Line: object.Document.Line(finding.Field.String()),
			})
		}
	}
}
