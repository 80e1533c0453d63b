package integration

import (
	"context"
	"strings"
	"testing"
)

// overlay is what is installed.
const overlay = "../../manifests/overlays/selfmanaged"

// deleteConfigurations has the API server ask nobody. Applied again, they call the
// Service.
func (c *claimsTest) deleteConfigurations(t *testing.T) {
	t.Helper()
	c.kubectl(t, "", "delete", "validatingwebhookconfiguration,mutatingwebhookconfiguration", "fedmesh")
}

// testSecondInstallation: a server in another namespace than the one that the
// webhook configuration calls ends, and says why.
func (c *claimsTest) testSecondInstallation(t *testing.T) {
	c.deleteConfigurations(t)
	c.kubectl(t, "", "apply", "--server-side", "--kustomize="+overlay)
	replica, err := c.installed.LaunchReplica(context.Background(), "--namespace=other")
	if err != nil {
		t.Fatal(err)
	}
	err = replica.WaitUntilReady(t.Context())
	if err == nil {
		t.Fatal("a second installation becomes ready; want it to end")
	}
	for _, text := range []string{"ended with exit status 1", "calls the fedmesh in namespace fedmesh-system, and this one is in other", "delete one of the two"} {
		if !strings.Contains(err.Error(), text) {
			t.Errorf("got %v; want %q in it", err, text)
		}
	}
	// The first installation takes no notice.
	if err := c.replicas[len(c.replicas)-1].WaitUntilReady(t.Context()); err != nil {
		t.Error(err)
	}
}

// testUninstalled takes fedmesh away as the overlays say.
func (c *claimsTest) testUninstalled(t *testing.T) {
	if err := c.installed.Direct(t.Context(), c.replicas[len(c.replicas)-1]); err != nil {
		t.Fatal(err)
	}
	entry := serviceEntry("made", "left", "left.made.global", "240.1.14.1")
	c.kubectl(t, entry, "create", "-f", "-")
	c.confirmed(t, "vip-240.1.14.1", "ServiceEntry/made/left")
	c.guarded(t, "240.1.14.1", "made", "left")

	c.kubectl(t, "", "delete", "--kustomize="+overlay)
	for _, replica := range c.replicas {
		// Its pod would have gone with the namespace.
		if err := replica.Stop(); err != nil {
			t.Error(err)
		}
	}
	const selector = "ipaddress.kubernetes.io/managed-by=fedmesh.io"
	if got := c.kubectl(t, "", "delete", "ipaddresses", "--selector", selector); !strings.Contains(got, `"240.1.14.1" deleted`) {
		t.Errorf("got %q; want the guard deleted", got)
	}
	if got := c.kubectl(t, "", "get", "ipaddresses", "--selector", selector, "-o", "name"); got != "" {
		t.Errorf("got IPAddresses %q; want none left", got)
	}
	if got := c.kubectl(t, "", "get", "ipaddresses", "--selector", "ipaddress.kubernetes.io/managed-by=ipallocator.k8s.io", "-o", "name"); got == "" {
		t.Error("got no IPAddress of Services; want them left alone")
	}
	c.refused(t, "", []string{"NotFound"}, "get", "namespace", "fedmesh-system")
	if got := c.kubectl(t, "", "get", "leases", "--all-namespaces", "--selector", "fedmesh.io/claim", "-o", "name"); got != "" {
		t.Errorf("got Leases %q; want none left", got)
	}
	// What users have stays, and is theirs alone.
	c.kubectl(t, "", "get", "serviceentry", "-n", "made", "left")
	c.kubectl(t, serviceEntry("made", "beside", "beside.made.global", "240.1.14.1"), "create", "-f", "-")
}
