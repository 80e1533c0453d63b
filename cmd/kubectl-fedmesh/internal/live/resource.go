package live

import (
	"fmt"

	"k8s.io/apimachinery/pkg/runtime/schema"

	"fedmesh.io/fedmesh/policies/mesh"
)

// resource is what is listed.
type resource struct {
	mesh.Resource
	// selector of labels; empty for all objects.
	selector string
	// without is what happens when it cannot be listed.
	without string
}

// resources lists what is read of a cluster: all that judging it may need, in a fleet
// more. Pods are not judged by what is written of them, and would be most of it.
func resources(fleet bool) []resource {
	all := []resource{
		{mesh.FederationKind.Resource(), "", "the cluster is judged as one without a Federation"},
		{mesh.FederationExemption.Resource(), "", "the cluster is judged as one without exemptions"},
	}
	for _, known := range mesh.Resources() {
		read := resource{Resource: known, without: fmt.Sprintf("rules that look at %s objects are left out", known.Kind)}
		switch {
		case known.Kind == mesh.Pod || known.Kind == mesh.FederationKind || known.Kind == mesh.FederationExemption:
			continue
		case known.Kind.Whole() && !fleet:
			continue
		case known.Kind == mesh.ConfigMap:
			// Only that of istiod is read, which Istio's chart labels so
			// (istio manifests/charts/istio-control/istio-discovery/templates/configmap.yaml).
			read.selector = mesh.RevisionLabel
		}
		all = append(all, read)
	}
	return all
}

// path is where a version of the resource is listed.
func (r resource) path(version string) string {
	return groupPath(r.in(version)) + "/" + r.Plural
}

// groupPath is where the API server says what it serves of a group in a version.
func groupPath(version schema.GroupVersion) string {
	if version.Group == "" {
		return "/api/" + version.Version
	}
	return "/apis/" + version.String()
}

// in is a version of the resource's group.
func (r resource) in(version string) schema.GroupVersion {
	return schema.GroupVersion{Group: r.Kind.GroupKind().Group, Version: version}
}
