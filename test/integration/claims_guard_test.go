package integration

import (
	"fmt"
	"strings"
	"testing"
)

// testGuard: a virtual address and a Service do not meet, from either side.
func (c *claimsTest) testGuard(t *testing.T) {
	// What an administrator has reserved is taken.
	c.kubectl(t, foreignAddress("240.1.7.1"), "create", "-f", "-")
	entry := serviceEntry("guard", "entry", "entry.guard.global", "240.1.7.1")
	become(t, "the index learns of the IPAddress", func() error {
		result := c.plane.Kubectl(t.Context(), entry, "create", "-f", "-", "--dry-run=server")
		if !strings.Contains(result.Stderr, "[FED105] spec.addresses[0]: 240.1.7.1 already belongs to IPAddress 240.1.7.1") {
			return fmt.Errorf("got %q; want a refusal that names the IPAddress", result.Stderr)
		}
		return nil
	})
	c.refused(t, entry, []string{"[FED105]", "IPAddress 240.1.7.1"}, "create", "-f", "-")
	c.kubectl(t, "", "delete", "ipaddress", "240.1.7.1")
	// At once, though the index may not know yet that it is gone.
	c.kubectl(t, entry, "create", "-f", "-")
	guard := c.guarded(t, "240.1.7.1", "guard", "entry")

	contested := serviceEntry("guard", "contested", "contested.guard.global", "240.1.7.3")
	c.kubectl(t, contested, "create", "-f", "-")
	c.guarded(t, "240.1.7.3", "guard", "contested")

	// A range for Services comes over both addresses.
	c.kubectl(t, "{apiVersion: networking.k8s.io/v1, kind: ServiceCIDR, metadata: {name: guard}, spec: {cidrs: [240.1.7.0/24]}}", "create", "-f", "-")
	service := func(address string) []string {
		return []string{"create", "service", "clusterip", "web", "-n", "guard", "--tcp=80", "--clusterip=" + address}
	}
	become(t, "the range is in use", func() error {
		return c.plane.Kubectl(t.Context(), "", append(service("240.1.7.2"), "--dry-run=server")...).Err()
	})
	c.refused(t, "", []string{"240.1.7.1", "provided IP is already allocated"}, service("240.1.7.1")...)
	c.kubectl(t, "", service("240.1.7.2")...)
	if got := c.ipAddress(t, "240.1.7.1"); got == nil || got.UID != guard.UID {
		t.Errorf("got guard %v; want %s left alone", got, guard.UID)
	}

	// Inside the range a guard that is deleted stays away. One outside of it that
	// comes back shows that the controller has been there.
	c.kubectl(t, serviceEntry("guard", "beside", "beside.guard.global", "240.1.8.1"), "create", "-f", "-")
	beside := c.guarded(t, "240.1.8.1", "guard", "beside")
	c.kubectl(t, "", "delete", "ipaddress", "240.1.7.1", "240.1.7.3", "240.1.8.1")
	if again := c.guarded(t, "240.1.8.1", "guard", "beside"); again.UID == beside.UID {
		t.Errorf("got guard %s; want a new one", again.UID)
	}
	for _, address := range []string{"240.1.7.1", "240.1.7.3"} {
		if got := c.ipAddress(t, address); got != nil {
			t.Errorf("got guard %v inside a range of Services; want none", got)
		}
	}

	// Without the range it comes back, except where an administrator has put
	// something else in its place: that is reported and left alone.
	conflicts := c.conflicts(t, "vip")
	c.kubectl(t, foreignAddress("240.1.7.3"), "create", "-f", "-")
	foreign := c.ipAddress(t, "240.1.7.3")
	c.kubectl(t, "", "delete", "service", "-n", "guard", "web")
	c.kubectl(t, "", "delete", "servicecidr", "guard", "--wait=false") // takes ten seconds
	c.guarded(t, "240.1.7.1", "guard", "entry")
	c.conflictsBecome(t, "vip", conflicts+1)
	c.eventSays(t, "guard", "serviceentry/contested", "Warning", "Conflict", "[FED105]", "IPAddress 240.1.7.3")
	if got := c.ipAddress(t, "240.1.7.3"); foreign == nil || got == nil || got.ResourceVersion != foreign.ResourceVersion {
		t.Errorf("got %v; want somebody else's IPAddress as it was: %v", got, foreign)
	}
	// The entry itself stays what it is, and nobody else gets the address.
	c.kubectl(t, strings.ReplaceAll(contested, "8000", "8001"), "apply", "-f", "-")
	c.refused(t, serviceEntry("guard", "third", "third.guard.global", "240.1.7.3"), []string{"[FED105]"}, "create", "-f", "-")
	c.kubectl(t, "", "delete", "ipaddress", "240.1.7.3")
	c.guarded(t, "240.1.7.3", "guard", "contested")
	c.conflictsBecome(t, "vip", conflicts)

	c.kubectl(t, "", "delete", "serviceentry", "-n", "guard", "--all")
	for _, address := range []string{"240.1.7.1", "240.1.7.3", "240.1.8.1"} {
		c.unguarded(t, address)
	}
}
