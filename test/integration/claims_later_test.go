package integration

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"
)

// refusedLater are requests that fedmesh let pass and that were refused after it:
// by a quota, or because the name exists. What they have claimed is in the way of
// others for a minute.
type refusedLater struct {
	last time.Time // when the last of them was refused
	// waiting is a kubectl that wants what one of them has claimed.
	waiting <-chan claimsKubectl
	// corrected is true when those that were refused have been stored after all.
	corrected bool
}

// What the refused requests have claimed: an address that another object gets by
// one request after the time, one that a kubectl waits for, one that nobody asks
// for again, and two that go to the names that they were refused for.
const (
	freeAddress      = "240.1.13.1"
	awaitedAddress   = "240.1.13.2"
	forgottenAddress = "240.1.13.3"
	correctedAddress = "240.1.13.4"
	quotaAddress     = "240.1.13.5"
)

// refuseLater has requests refused, and kubectl begin to wait.
func (c *claimsTest) refuseLater(t *testing.T) *refusedLater {
	t.Helper()
	c.kubectl(t, "", "create", "quota", "none", "-n", "quota", "--hard=count/serviceentries.networking.istio.io=0")
	become(t, "the quota is in force", func() error {
		if got := c.create(t, "quota", beyondQuota(), "dryRun=All"); got.code != http.StatusForbidden {
			return fmt.Errorf("got %s; want the quota to refuse it", got)
		}
		return nil
	})
	c.create(t, "quota", beyondQuota(), "").want(t, "beyond the quota", http.StatusForbidden, "quota")
	if entries := c.entries(t, "vip-"+quotaAddress); len(entries) != 1 || entries[0].Since == nil {
		t.Errorf("got entries %v of the request beyond the quota; want one that is not confirmed", entries)
	}

	c.kubectl(t, serviceEntry("later", "existing", "existing.later.global", "240.1.13.9"), "create", "-f", "-")
	for _, address := range []string{freeAddress, forgottenAddress, correctedAddress, awaitedAddress} {
		c.refused(t, existing(address), []string{"AlreadyExists"}, "create", "-f", "-")
	}
	return &refusedLater{
		last:    time.Now(),
		waiting: c.inBackground(t, serviceEntry("later", "awaiting", "awaiting.later.global", awaitedAddress), "create", "-f", "-", "-v=6"),
	}
}

func beyondQuota() string {
	return serviceEntry("quota", "entry", "entry.quota.global", quotaAddress)
}

// existing is a manifest under the name of an entry that exists.
func existing(address string) string {
	return serviceEntry("later", "existing", "existing-"+address[len(address)-1:]+".later.global", address)
}

// testUpdatesRefusedLater: of an update, the API server stores nothing but what
// replaces the version that it was admitted against. So what another webhook has
// refused is in nobody's way once the object has changed.
func (c *claimsTest) testUpdatesRefusedLater(t *testing.T) {
	c.kubectl(t, `
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingWebhookConfiguration
metadata: {name: refusing}
webhooks:
- name: refusing.example.com
  admissionReviewVersions: [v1]
  clientConfig: {url: "https://127.0.0.1:1/nobody"}
  rules: [{apiGroups: [networking.istio.io], apiVersions: ["*"], resources: [serviceentries], operations: [UPDATE]}]
  objectSelector: {matchLabels: {refused: later}}
  sideEffects: None
`, "create", "-f", "-")
	const before, wanted = "240.1.15.1", "240.1.15.2"
	c.kubectl(t, strings.Replace(serviceEntry("later", "updated", "updated.later.global", before), "metadata: {", "metadata: {labels: {refused: later}, ", 1), "create", "-f", "-")
	c.confirmed(t, "vip-"+before, "ServiceEntry/later/updated")
	move := []string{"patch", "serviceentry", "-n", "later", "updated", "--type=merge", "-p", `{"spec":{"addresses":["` + wanted + `"]}}`}
	become(t, "the other webhook is asked", func() error {
		result := c.plane.Kubectl(t.Context(), "", append(move, "--dry-run=server")...)
		if !strings.Contains(result.Stderr, "refusing.example.com") {
			return fmt.Errorf("got %q; want it refused", result.Stderr)
		}
		return nil
	})
	c.unclaimed(t, "vip-"+wanted)
	c.refused(t, "", []string{"refusing.example.com"}, move...)
	if entries := c.entries(t, "vip-"+wanted); len(entries) != 1 || entries[0].Since == nil {
		t.Errorf("got entries %v of the update; want one that is not confirmed", entries)
	}
	// Not so the address that the object still has.
	other := serviceEntry("later", "taking", "taking.later.global", before)
	c.create(t, "later", other, "").want(t, "the address that is still used", http.StatusForbidden, "[FED105]", "later/updated")
	other = strings.ReplaceAll(other, before, wanted)
	c.create(t, "later", other, "").comesAgain(t, "the address of the update", wanted+" is being claimed by ServiceEntry later/updated")
	c.kubectl(t, "", "delete", "validatingwebhookconfiguration", "refusing")
	become(t, "the object changes", func() error {
		return c.plane.Kubectl(t.Context(), "", "label", "serviceentry", "-n", "later", "updated", "refused-").Err()
	})
	c.create(t, "later", other, "").want(t, "the address of an update that cannot be stored any more", http.StatusCreated)
	c.refused(t, "", []string{"[FED105]", "later/taking"}, move...)
	c.kubectl(t, "", "delete", "serviceentry", "-n", "later", "updated", "taking")
	c.unclaimed(t, "vip-"+before, "vip-"+wanted)
}

// testAtOnce: who was refused may try again at once, others are told who is in
// their way and for how long.
func (r *refusedLater) testAtOnce(t *testing.T, c *claimsTest) {
	for address, object := range map[string]string{freeAddress: "later/existing", quotaAddress: "quota/entry"} {
		got := c.create(t, "later", serviceEntry("later", "other", "other.later.global", address), "")
		got.comesAgain(t, "another object", address+" is being claimed by ServiceEntry "+object, "let pass", "free in")
		t.Logf("another object gets %s", got)
		if left := time.Until(r.last.Add(time.Minute)); left < 10*time.Second {
			t.Errorf("the claims have only %s left; they ought to be looked at earlier", left)
		}
	}
	c.unclaimed(t, "host-other.later.global")

	// With the quota out of the way.
	c.kubectl(t, "", "delete", "quota", "-n", "quota", "none")
	become(t, "the quota is not in force any more", func() error {
		if got := c.create(t, "quota", beyondQuota(), "dryRun=All"); got.code != http.StatusCreated {
			return fmt.Errorf("got %s; want 201", got)
		}
		return nil
	})
	c.create(t, "quota", beyondQuota(), "").want(t, "the same object", http.StatusCreated)
	c.guarded(t, quotaAddress, "quota", "entry")
	// By what should have been done in the first place.
	if got := c.kubectl(t, existing(correctedAddress), "apply", "-f", "-", "-v=6"); strings.Contains(got, "503 Service Unavailable") {
		t.Errorf("kubectl apply: got %q; want it to succeed at the first attempt", got)
	}
	c.guarded(t, correctedAddress, "later", "existing")
	r.corrected = true
}

// testAfterAMinute: nothing is in anybody's way any more.
func (r *refusedLater) testAfterAMinute(t *testing.T, c *claimsTest) {
	// Time is what it takes, and a moment more for clocks and for the controller.
	time.Sleep(time.Until(r.last.Add(65 * time.Second)))
	c.create(t, "later", serviceEntry("later", "other", "other.later.global", freeAddress), "").want(t, "another object, after a minute", http.StatusCreated)
	c.confirmed(t, "vip-"+freeAddress, "ServiceEntry/later/other")
	if r.corrected {
		c.confirmed(t, "vip-"+quotaAddress, "ServiceEntry/quota/entry")
		c.confirmed(t, "vip-"+correctedAddress, "ServiceEntry/later/existing")
	}
	c.unclaimed(t, "vip-"+forgottenAddress, "host-existing-3.later.global")

	cameAgain(t, <-r.waiting)
	c.confirmed(t, "vip-"+awaitedAddress, "ServiceEntry/later/awaiting")
	c.kubectl(t, "", "delete", "serviceentry", "-n", "later", "--all")
	c.kubectl(t, "", "delete", "serviceentry", "-n", "quota", "--all")
}
