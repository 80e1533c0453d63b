package istio

import "testing"

// TestMesh looks at mesh objects on two clusters: what istiod says to those that
// fedmesh refuses, what it would have made of them, and what it makes of those that
// both accept. Istio is on both clusters, fedmesh on one.
func TestMesh(t *testing.T) {
	serving := startCluster(t, servingOperator)
	t.Run("accepted by Istio", func(t *testing.T) { testAcceptedByIstio(t, serving) })
	t.Run("effects", func(t *testing.T) { testEffects(t, serving) })

	calling := startCluster(t, callingOperator)
	calling.installFedmesh(t)
	t.Run("accepted by both", func(t *testing.T) { testAcceptedByBoth(t, calling) })
	t.Run("dry run", func(t *testing.T) { testDryRun(t, calling) })
	t.Run("walkthrough", func(t *testing.T) { testWalkthrough(t, calling, serving) })
}
