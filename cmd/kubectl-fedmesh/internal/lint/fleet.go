package lint

import (
	"slices"

	"fedmesh.io/fedmesh/policies/fleet"
	"fedmesh.io/fedmesh/policies/mesh"
)

// judgeTogether holds what the clusters ask of each other, and what they say of the
// fleet, against the rules about several clusters. Only clusters that are there as a
// whole are asked: what could not be read of one may be what another asks for. Files
// that nobody calls a cluster are left out, too: what of SPIRE and Istio is among them
// may be meant for another one.
func judgeTogether(all []loaded, report *Report) {
	whole := slices.DeleteFunc(slices.Clone(all), func(one loaded) bool { return !one.Complete })
	var clusters []fleet.Cluster
	for _, loaded := range whole {
		objects := make([]*mesh.Object, len(loaded.Objects))
		for i, object := range loaded.Objects {
			objects[i] = object.Object
		}
		clusters = append(clusters, fleet.Cluster{
			Name: loaded.Name, Federation: loaded.Federation, Index: loaded.Index, Objects: objects, Exemptions: loaded.exemptions,
		})
	}
	for _, finding := range fleet.New(clusters).Evaluate(fleet.Catalogue()) {
		in := whole[finding.Cluster]
		document := in.Objects[slices.Index(clusters[finding.Cluster].Objects, finding.Object)].Document
		report.Findings = append(report.Findings, Finding{
			Finding: finding.Finding, Cluster: in.Name, File: document.File, Line: document.Line(finding.Field.String()),
		})
	}
}
