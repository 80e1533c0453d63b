package lint

import (
	"slices"

	"fedmesh.io/fedmesh/policies/fleet"
	"fedmesh.io/fedmesh/policies/mesh"
)

// judgeTogether holds what the clusters ask of each other, and what they say of the
// fleet, against the rules about several clusters. Files that nobody calls a cluster
// are left out: what of SPIRE and Istio is among them may be meant for another one.
func judgeTogether(all []loaded, report *Report) {
	if len(all) == 1 && !all[0].Complete {
		return
	}
	var clusters []fleet.Cluster
	var unlisted mesh.Kinds
	for _, loaded := range all {
		objects := make([]*mesh.Object, len(loaded.Objects))
		for i, object := range loaded.Objects {
			objects[i] = object.Object
		}
		clusters = append(clusters, fleet.Cluster{
			Name: loaded.Name, Federation: loaded.Federation, Index: loaded.Index, Objects: objects, Exemptions: loaded.exemptions,
		})
		unlisted |= loaded.Unlisted
	}
	// What could not be read in one of them may well be there.
	rules := slices.DeleteFunc(fleet.Catalogue(), func(rule fleet.Rule) bool { return slices.ContainsFunc(rule.Reads, unlisted.Has) })
	for _, finding := range fleet.New(clusters).Evaluate(rules) {
		in := all[finding.Cluster]
		document := in.Objects[slices.Index(clusters[finding.Cluster].Objects, finding.Object)].Document
		report.Findings = append(report.Findings, Finding{
			Finding: finding.Finding, Cluster: in.Name, File: document.File, Line: document.Line(finding.Field.String()),
		})
	}
}
