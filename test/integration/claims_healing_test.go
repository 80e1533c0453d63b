package integration

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"fedmesh.io/fedmesh/test/controlplane"
)

// testHealing: claims and guards that somebody deletes come back, and what is
// taken out of a claim does.
func (c *claimsTest) testHealing(t *testing.T) {
	c.kubectl(t, serviceEntry("healing", "entry", "entry.healing.global", "240.1.10.1"), "create", "-f", "-")
	c.kubectl(t, defaultSidecar("healing", "default"), "create", "-f", "-")
	before := map[string]string{
		"vip-240.1.10.1":            "ServiceEntry/healing/entry",
		"host-entry.healing.global": "ServiceEntry/healing/entry",
		"sidecar-healing":           "Sidecar/healing/default",
	}
	uids := map[string]string{}
	for name, object := range before {
		uids[name] = string(c.confirmed(t, name, object).UID)
	}
	guard := c.guarded(t, "240.1.10.1", "healing", "entry")
	for name := range before {
		c.kubectl(t, "", "delete", "lease", "-n", "fedmesh-system", name)
	}
	for name, object := range before {
		if got := c.confirmed(t, name, object); string(got.UID) == uids[name] {
			t.Errorf("the claim %s: got uid %s; want a new one", name, got.UID)
		}
	}
	c.kubectl(t, "", "annotate", "lease", "-n", "fedmesh-system", "vip-240.1.10.1", "fedmesh.io/entries=[]", "--overwrite")
	c.confirmed(t, "vip-240.1.10.1", before["vip-240.1.10.1"])
	if got := c.ipAddress(t, "240.1.10.1"); got == nil || got.UID != guard.UID {
		t.Errorf("without its claim: got guard %v; want %s left alone", got, guard.UID)
	}
	c.kubectl(t, "", "delete", "ipaddress", "240.1.10.1")
	if got := c.guarded(t, "240.1.10.1", "healing", "entry"); got.UID == guard.UID {
		t.Errorf("got guard %s; want a new one", got.UID)
	}
	c.kubectl(t, "", "delete", "serviceentry", "-n", "healing", "--all")
	c.kubectl(t, "", "delete", "sidecar", "-n", "healing", "--all")
	c.unclaimed(t, "vip-240.1.10.1", "host-entry.healing.global", "sidecar-healing")
}

// testForeignLease: a Lease of fedmesh's namespace that is no claim is in the way,
// is not touched, and the message says what to do.
func (c *claimsTest) testForeignLease(t *testing.T) {
	const foreign = `
apiVersion: coordination.k8s.io/v1
kind: Lease
metadata: {name: vip-240.1.11.1, namespace: fedmesh-system}
spec: {holderIdentity: somebody}
`
	c.kubectl(t, foreign, "create", "-f", "-")
	lease := c.lease(t, "vip-240.1.11.1")
	entry := serviceEntry("foreign", "entry", "entry.foreign.global", "240.1.11.1")
	c.create(t, "foreign", entry, "").comesAgain(t, "the address whose claim has no place", "lease fedmesh-system/vip-240.1.11.1 stands where the claim to 240.1.11.1 should be", "delete that lease")
	// The key that could be claimed is free for others again.
	c.unclaimed(t, "host-entry.foreign.global")
	c.refused(t, "", []string{"NotFound"}, "get", "serviceentry", "-n", "foreign", "entry")

	// kubectl goes on trying, and is served once the Lease is gone.
	created := c.inBackground(t, entry, "create", "-f", "-", "-v=6")
	become(t, "the request is told to come again", func() error {
		if got := c.log.lines("Let a request come again", `"namespace":"foreign"`); len(got) < 2 {
			return fmt.Errorf("got log %q; want two lines", got)
		}
		return nil
	})
	if got := c.lease(t, "vip-240.1.11.1"); got == nil || got.ResourceVersion != lease.ResourceVersion {
		t.Errorf("got %v; want somebody's Lease as it was: %v", got, lease)
	}
	c.kubectl(t, "", "delete", "lease", "-n", "fedmesh-system", "vip-240.1.11.1")
	cameAgain(t, <-created)
	c.confirmed(t, "vip-240.1.11.1", "ServiceEntry/foreign/entry")

	// It takes the place of a claim.
	c.kubectl(t, strings.NewReplacer("vip-240.1.11.1", "host-beside.foreign.global").Replace(foreign), "create", "-f", "-")
	lease = c.lease(t, "host-beside.foreign.global")
	c.create(t, "foreign", serviceEntry("foreign", "beside", "beside.foreign.global", "240.1.11.2"), "dryRun=All").
		comesAgain(t, "a dry run", "lease fedmesh-system/host-beside.foreign.global")
	if got := c.lease(t, "host-beside.foreign.global"); got == nil || got.ResourceVersion != lease.ResourceVersion {
		t.Errorf("got %v; want somebody's Lease as it was: %v", got, lease)
	}
	c.kubectl(t, "", "delete", "lease", "-n", "fedmesh-system", "host-beside.foreign.global")
	c.kubectl(t, "", "delete", "serviceentry", "-n", "foreign", "--all")
	c.unclaimed(t, "vip-240.1.11.1", "host-entry.foreign.global")
}

// claimsKubectl is what became of a kubectl in the background.
type claimsKubectl struct {
	controlplane.KubectlResult
	took time.Duration
}

// inBackground runs kubectl while the test goes on.
func (c *claimsTest) inBackground(t *testing.T, stdin string, args ...string) <-chan claimsKubectl {
	t.Helper()
	done := make(chan claimsKubectl, 1)
	started := time.Now()
	go func() {
		result := c.plane.Kubectl(t.Context(), stdin, args...)
		done <- claimsKubectl{result, time.Since(started)}
	}()
	return done
}

// cameAgain complains unless kubectl, run with -v=6, was told to come again and
// was served in the end.
func cameAgain(t *testing.T, result claimsKubectl) {
	t.Helper()
	t.Logf("kubectl was at it for %s", result.took)
	if err := result.Err(); err != nil {
		t.Errorf("got %v; want kubectl to come again until it is served", err)
	}
	for _, text := range []string{"503 Service Unavailable", "Got a Retry-After"} {
		if !strings.Contains(result.Stderr, text) {
			t.Errorf("got %q; want %q in it", result.Stderr, text)
		}
	}
}

// testNoPermission: while claims can be neither read nor written, nothing is
// allowed that needs one.
func (c *claimsTest) testNoPermission(t *testing.T) {
	entry := serviceEntry("permission", "entry", "entry.permission.global", "240.1.12.1")
	c.kubectl(t, entry, "create", "-f", "-")
	c.confirmed(t, "vip-240.1.12.1", "ServiceEntry/permission/entry")

	const binding = "fedmesh-webhook-leases"
	subjects := c.kubectl(t, "", "get", "rolebinding", "-n", "fedmesh-system", binding, "-o", "jsonpath={.subjects}")
	permit := func(subjects string) {
		t.Helper()
		c.kubectl(t, "", "patch", "rolebinding", "-n", "fedmesh-system", binding, "--type=merge", "-p", `{"subjects":`+subjects+`}`)
	}
	permit("[]")
	second := serviceEntry("permission", "second", "second.permission.global", "240.1.12.2")
	become(t, "the permission is gone", func() error {
		if got := c.create(t, "permission", second, "dryRun=All"); got.code == http.StatusCreated {
			return errors.New("claims can still be read")
		}
		return nil
	})
	c.create(t, "permission", second, "").comesAgain(t, "a creation", "cannot write the claim to host second.permission.global", "forbidden")
	c.create(t, "permission", second, "dryRun=All").comesAgain(t, "a dry run", "cannot read the claim to host second.permission.global", "forbidden")
	// What needs no claim goes on.
	c.kubectl(t, strings.ReplaceAll(entry, "8000", "8001"), "apply", "-f", "-")
	c.kubectl(t, "", "label", "serviceentry", "-n", "permission", "entry", "a=b")

	created := c.inBackground(t, second, "create", "-f", "-", "-v=6")
	before := len(c.log.lines("Let a request come again", `"name":"second"`))
	become(t, "kubectl is told to come again", func() error {
		if len(c.log.lines("Let a request come again", `"name":"second"`)) == before {
			return errors.New("not yet")
		}
		return nil
	})
	permit(subjects)
	cameAgain(t, <-created)
	c.confirmed(t, "vip-240.1.12.2", "ServiceEntry/permission/second")
	c.kubectl(t, "", "delete", "serviceentry", "-n", "permission", "--all")
	c.unclaimed(t, "vip-240.1.12.1", "vip-240.1.12.2", "host-entry.permission.global", "host-second.permission.global")
}
