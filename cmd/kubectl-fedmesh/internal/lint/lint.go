package lint

import (
	"fedmesh.io/fedmesh/cmd/kubectl-fedmesh/internal/documents"
	"fedmesh.io/fedmesh/policies"
)

// Finding is one finding, and where it is.
type Finding struct {
	policies.Finding
	// Cluster is the name of the one that the object is in, as in Cluster.
	Cluster string
	// File and Line of the field, as in package documents.
	File string
	Line int
}

// Report is what came of one or more clusters.
type Report struct {
	// Findings in the order of the clusters, of their documents, and of the
	// catalogue for each.
	Findings []Finding
	// Problems are documents that could not be judged.
	Problems []documents.Problem
	// Objects is how many were judged.
	Objects int
	// Judged are these, in the order of the documents.
	Judged []Judged
	// Known is how many findings were left out because a baseline has them.
	Known int
	// Declared says that every cluster had a Federation; without one nothing is
	// denied.
	Declared bool
	// Undeclared are the names of the clusters that had none.
	Undeclared []string
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

// Run judges clusters, each with the Federation that is among its documents. Objects
// that name no namespace are taken for ones of the given one. Kinds that no rule
// knows are passed over.
func Run(clusters []Cluster, namespace string) (Report, error) {
	report := Report{Declared: true}
	var all []loaded
	for _, cluster := range clusters {
		loaded, problems, err := load(cluster, namespace)
		if err != nil {
			return Report{}, err
		}
		all = append(all, loaded)
		report.Problems = append(report.Problems, problems...)
		if !loaded.Federation.Declared {
			report.Declared = false
			report.Undeclared = append(report.Undeclared, cluster.Name)
		}
	}
	report.Problems = append(report.Problems, sameMembers(all)...)
	for _, cluster := range all {
		cluster.judge(&report)
	}
	// What is found only in several clusters together stands behind what is found in
	// each of them.
	judgeTogether(all, &report)
	return report, nil
}
