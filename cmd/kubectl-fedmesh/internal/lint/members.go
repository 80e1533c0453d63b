package lint

import (
	"fmt"

	"k8s.io/apimachinery/pkg/runtime/schema"

	"fedmesh.io/fedmesh/cmd/kubectl-fedmesh/internal/documents"
	"fedmesh.io/fedmesh/policies/api/v1alpha1"
)

// sameMembers finds clusters that claim to be the same member of the federation.
// What a cluster is called on the command line need not be the member's name.
func sameMembers(clusters []loaded) (problems []documents.Problem) {
	first := map[string]string{} // member to cluster
	for _, cluster := range clusters {
		if !cluster.Federation.Declared {
			continue
		}
		member := cluster.Federation.Spec.LocalMember
		other, taken := first[member]
		if !taken {
			first[member] = cluster.Name
			continue
		}
		document := federationOf(cluster.Documents)
		problems = append(problems, documents.Problem{
			File: document.File, Line: document.Line("spec.localMember"),
			Message: fmt.Sprintf("spec.localMember: Invalid value: %q: cluster %q is this member already; name the member that cluster %q is",
				member, other, cluster.Name),
		})
	}
	return problems
}

// federationOf returns the first Federation, of which there is one at least.
func federationOf(all []documents.Document) documents.Document {
	for _, document := range all {
		if schema.FromAPIVersionAndKind(document.APIVersion, document.Kind).Group == v1alpha1.Group && document.Kind == "Federation" {
			return document
		}
	}
	return documents.Document{}
}
