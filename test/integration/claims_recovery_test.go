package integration

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"fedmesh.io/fedmesh/test/installation"
)

// storeBefore stores what is there when fedmesh comes. The older objects are the
// last by name and namespace, so that only their age puts them first.
func (c *claimsTest) storeBefore(t *testing.T) {
	t.Helper()
	c.kubectl(t, `{apiVersion: networking.k8s.io/v1, kind: ServiceCIDR, metadata: {name: before}, spec: {cidrs: [240.1.9.0/24]}}`, "create", "-f", "-")
	c.kubectl(t, foreignAddress("240.1.0.6"), "create", "-f", "-")
	c.foreign = c.ipAddress(t, "240.1.0.6")
	c.kubectl(t, strings.Join([]string{
		serviceEntry("before-later", "vip-older", "vip-older.before.global", "240.1.0.1"),
		serviceEntry("before-later", "host-older", "host.before.global", "240.1.0.2"),
		defaultSidecar("before", "older"),
		serviceEntry("before", "alone", "alone.before.global", "240.1.0.5"),
		serviceEntry("before", "foreign", "foreign.before.global", "240.1.0.6"),
		serviceEntry("before", "services", "services.before.global", "240.1.9.5"),
	}, "---\n"), "create", "-f", "-")
	created := time.Now()
	become(t, "a second passes", func() error {
		// Objects tell their age in seconds.
		if !time.Now().Truncate(time.Second).After(created) {
			return errors.New("not yet")
		}
		return nil
	})
	c.kubectl(t, strings.Join([]string{
		serviceEntry("before", "vip-younger", "vip-younger.before.global", "240.1.0.1"),
		serviceEntry("before", "host-younger", "host.before.global", "240.1.0.3"),
		defaultSidecar("before", "default"),
	}, "---\n"), "create", "-f", "-")
}

// testRecovery looks at objects that are older than fedmesh. All get claims; of
// those that share what only one may have, the one that Istio serves is the
// holder, and the others are findings.
func (c *claimsTest) testRecovery(t *testing.T) {
	c.confirmed(t, "vip-240.1.0.5", "ServiceEntry/before/alone")
	c.confirmed(t, "host-alone.before.global", "ServiceEntry/before/alone")
	c.guarded(t, "240.1.0.5", "before", "alone")

	c.confirmed(t, "vip-240.1.0.1", "ServiceEntry/before-later/vip-older", "ServiceEntry/before/vip-younger")
	c.confirmed(t, "host-host.before.global", "ServiceEntry/before-later/host-older", "ServiceEntry/before/host-younger")
	c.confirmed(t, "sidecar-before", "Sidecar/before/older", "Sidecar/before/default")
	c.guarded(t, "240.1.0.1", "before-later", "vip-older")
	c.eventSays(t, "before", "serviceentry/vip-younger", "Warning", "Conflict", "[FED105]", "before-later/vip-older")
	c.eventSays(t, "before", "serviceentry/host-younger", "Warning", "Conflict", "[FED106]", "before-later/host-older")
	c.eventSays(t, "before", "sidecar/default", "Warning", "Conflict", "[FED301]", "before/older")
	for _, lost := range []struct{ rule, name string }{{"FED105", "vip-younger"}, {"FED106", "host-younger"}, {"FED301", "default"}} {
		if got := c.log.lines(`"rule":"`+lost.rule+`"`, `"namespace":"before"`, `"name":"`+lost.name+`"`); len(got) != 1 {
			t.Errorf("got log %q; want one line for %s on %s", got, lost.rule, lost.name)
		}
	}
	for _, kind := range []string{"older", "vip-older", "host-older"} {
		if got := c.log.lines("shares what only one may have", `"name":"`+kind+`"`); len(got) != 0 {
			t.Errorf("got log %q; want nothing of the one that is served", got)
		}
	}

	// The entry loses against somebody else's IPAddress, too, and that stays.
	c.confirmed(t, "vip-240.1.0.6", "ServiceEntry/before/foreign")
	c.eventSays(t, "before", "serviceentry/foreign", "Warning", "Conflict", "[FED105]", "IPAddress 240.1.0.6")
	c.conflictsBecome(t, "vip", 2)
	c.conflictsBecome(t, "host", 1)
	c.conflictsBecome(t, "sidecar", 1)
	if got := c.ipAddress(t, "240.1.0.6"); got == nil || got.ResourceVersion != c.foreign.ResourceVersion {
		t.Errorf("got %v; want somebody else's IPAddress as it was: %v", got, c.foreign)
	}
	// The guard would come with the claim.
	c.confirmed(t, "vip-240.1.9.5", "ServiceEntry/before/services")
	if guard := c.ipAddress(t, "240.1.9.5"); guard != nil {
		t.Errorf("got guard %v inside a range of Services; want none", guard)
	}

	// When the older ones go, the younger ones are served.
	c.kubectl(t, "", "delete", "serviceentry", "-n", "before-later", "vip-older", "host-older")
	c.kubectl(t, "", "delete", "sidecar", "-n", "before", "older")
	c.kubectl(t, "", "delete", "ipaddress", "240.1.0.6")
	c.confirmed(t, "vip-240.1.0.1", "ServiceEntry/before/vip-younger")
	c.confirmed(t, "host-host.before.global", "ServiceEntry/before/host-younger")
	c.confirmed(t, "sidecar-before", "Sidecar/before/default")
	c.guarded(t, "240.1.0.1", "before", "vip-younger")
	c.guarded(t, "240.1.0.6", "before", "foreign")
	for _, kind := range []string{"vip", "host", "sidecar"} {
		c.conflictsBecome(t, kind, 0)
	}
	c.kubectl(t, "", "delete", "serviceentry", "-n", "before", "--all")
	c.kubectl(t, "", "delete", "sidecar", "-n", "before", "--all")
	// Kubernetes takes ten seconds over it.
	c.kubectl(t, "", "delete", "servicecidr", "before", "--wait=false")
	c.unclaimed(t, "vip-240.1.0.1", "host-host.before.global", "sidecar-before", "vip-240.1.9.5")
}

// testAway: what happens while fedmesh is away is put in order when it comes back.
func (c *claimsTest) testAway(t *testing.T) {
	for name, address := range map[string]string{"older": "240.1.16.1", "moving": "240.1.16.2", "going": "240.1.16.3"} {
		c.kubectl(t, serviceEntry("away", name, name+".away.global", address), "create", "-f", "-")
		c.confirmed(t, "vip-"+address, "ServiceEntry/away/"+name)
		c.guarded(t, address, "away", name)
	}
	c.deleteConfigurations(t)
	for _, replica := range c.replicas {
		if err := replica.Stop(); err != nil {
			t.Error(err)
		}
	}
	c.kubectl(t, serviceEntry("away", "younger", "younger.away.global", "240.1.16.1"), "create", "-f", "-")
	c.kubectl(t, "", "patch", "serviceentry", "-n", "away", "moving", "--type=merge", "-p", `{"spec":{"addresses":["240.1.16.4"]}}`)
	c.kubectl(t, "", "delete", "serviceentry", "-n", "away", "going")
	c.kubectl(t, "", "delete", "ipaddress", "240.1.16.1")

	c.kubectl(t, "", "apply", "--server-side", "--kustomize="+overlay)
	c.startAnother(t)
	c.confirmed(t, "vip-240.1.16.1", "ServiceEntry/away/older", "ServiceEntry/away/younger")
	c.guarded(t, "240.1.16.1", "away", "older")
	c.eventSays(t, "away", "serviceentry/younger", "Warning", "Conflict", "[FED105]", "away/older")
	c.confirmed(t, "vip-240.1.16.4", "ServiceEntry/away/moving")
	c.guarded(t, "240.1.16.4", "away", "moving")
	c.unclaimed(t, "vip-240.1.16.2", "vip-240.1.16.3", "host-going.away.global")
	c.unguarded(t, "240.1.16.2")
	c.unguarded(t, "240.1.16.3")
	c.kubectl(t, "", "delete", "serviceentry", "-n", "away", "--all")
	c.unclaimed(t, "vip-240.1.16.1", "vip-240.1.16.4")
}

// testLeader kills the replica that keeps the claims. Until another one does,
// addresses change hands all the same.
func (c *claimsTest) testLeader(t *testing.T) {
	identity := func() string {
		t.Helper()
		if lease := c.lease(t, "fedmesh-leader"); lease != nil && lease.Spec.HolderIdentity != nil {
			return *lease.Spec.HolderIdentity
		}
		return ""
	}
	before := identity()
	leads := c.log.lines(`"Keeping the claims"`, before)
	i := slices.IndexFunc(c.replicas, func(replica *installation.Replica) bool {
		return before != "" && len(leads) == 1 && strings.HasPrefix(leads[0], replica.Name+": ")
	})
	if i < 0 || c.replicas[i] == c.installed.Replica() {
		t.Fatalf("%q leads, as these lines say: %q; want a replica that is not asked", before, leads)
	}
	old := serviceEntry("leader", "old", "old.leader.global", "240.1.1.1")
	c.kubectl(t, old, "create", "-f", "-")
	c.confirmed(t, "vip-240.1.1.1", "ServiceEntry/leader/old")
	if err := c.replicas[i].Kill(); err != nil {
		t.Fatal(err)
	}

	// Nobody keeps the claims now. What is confirmed and gone is free.
	c.kubectl(t, "", "delete", "serviceentry", "-n", "leader", "old")
	c.create(t, "leader", serviceEntry("leader", "new", "new.leader.global", "240.1.1.1"), "").want(t, "the address of a deleted entry", http.StatusCreated)
	c.create(t, "leader", old, "").want(t, "the address of the new entry", http.StatusForbidden, "[FED105]", "leader/new")
	if entries := c.entries(t, "vip-240.1.1.1"); len(entries) != 1 || entries[0].Since == nil {
		t.Errorf("got entries %v; want one that nobody has confirmed", entries)
	}
	// What is not confirmed and given up is free as well: the object says that it
	// was stored, and that it has another address now.
	c.kubectl(t, serviceEntry("leader", "moved", "moved.leader.global", "240.1.1.2"), "create", "-f", "-")
	c.kubectl(t, "", "patch", "serviceentry", "-n", "leader", "moved", "--type=merge", "-p", `{"spec":{"addresses":["240.1.1.3"]}}`)
	c.create(t, "leader", serviceEntry("leader", "next", "next.leader.global", "240.1.1.2"), "").want(t, "an address that was given up", http.StatusCreated)
	if got := identity(); got != before {
		t.Fatalf("%s leads already; want nobody to", got)
	}

	if err := installation.Poll(t.Context(), "another replica leads", func(context.Context) error {
		if got := identity(); got == before || got == "" {
			return fmt.Errorf("the leader is still %q", got)
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	c.confirmed(t, "vip-240.1.1.1", "ServiceEntry/leader/new")
	c.unclaimed(t, "host-old.leader.global")
	c.guarded(t, "240.1.1.1", "leader", "new")
	c.kubectl(t, "", "delete", "serviceentry", "-n", "leader", "--all")
	c.unclaimed(t, "vip-240.1.1.1", "host-new.leader.global")
	c.unguarded(t, "240.1.1.1")
}

// testKindGoes: when Istio is taken away, so are the claims of its objects.
func (c *claimsTest) testKindGoes(t *testing.T) {
	c.kubectl(t, defaultSidecar("leader", "default"), "create", "-f", "-")
	c.confirmed(t, "sidecar-leader", "Sidecar/leader/default")
	c.kubectl(t, "", "delete", "crd", "sidecars.networking.istio.io")
	c.unclaimed(t, "sidecar-leader")
}
