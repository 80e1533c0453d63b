package lint

import "fedmesh.io/fedmesh/policies/mesh"

// Judged is an object that was judged.
type Judged struct {
	// Cluster and File as in Finding.
	Cluster, File string
	Ref           mesh.Ref
}
