package integration

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	coordinationv1 "k8s.io/api/coordination/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/util/yaml"
)

// promptly is far less than a client that waits for a claim to run out would
// take, and far more than kubectl takes on a busy machine.
const promptly = 10 * time.Second

// testMadeAndRemoved follows the claims of one entry.
func (c *claimsTest) testMadeAndRemoved(t *testing.T) {
	c.kubectl(t, serviceEntry("made", "httpbin", "httpbin.made.global", "240.1.2.1"), "apply", "-f", "-")
	c.confirmed(t, "vip-240.1.2.1", "ServiceEntry/made/httpbin")
	c.confirmed(t, "host-httpbin.made.global", "ServiceEntry/made/httpbin")
	c.guarded(t, "240.1.2.1", "made", "httpbin")
	for _, list := range []struct {
		args []string
		want []string // columns of a line
	}{
		{[]string{"get", "ipaddresses"}, []string{"240.1.2.1", "serviceentries.networking.istio.io/made/httpbin"}},
		{[]string{"get", "leases", "-n", "fedmesh-system"}, []string{"vip-240.1.2.1", "ServiceEntry made/httpbin"}},
		{[]string{"get", "leases", "-n", "fedmesh-system"}, []string{"host-httpbin.made.global", "ServiceEntry made/httpbin"}},
	} {
		got := c.kubectl(t, "", list.args...)
		if !hasLine(got, list.want) {
			t.Errorf("kubectl %s: got %s; want a line with %q", strings.Join(list.args, " "), got, list.want)
		}
	}
	// The name that the API server makes up, and an address in its other spelling.
	generated := strings.NewReplacer("name: generated", "generateName: generated-", "240.1.2.3", "240.1.2.3/32", "DNS", "STATIC", "gateway.bar.com", "10.1.2.3").
		Replace(serviceEntry("made", "generated", "generated.made.global", "240.1.2.3"))
	name := strings.TrimSpace(c.kubectl(t, generated, "create", "-f", "-", "-o", "jsonpath={.metadata.name}"))
	c.confirmed(t, "vip-240.1.2.3", "ServiceEntry/made/"+name)
	c.confirmed(t, "host-generated.made.global", "ServiceEntry/made/"+name)
	c.guarded(t, "240.1.2.3", "made", name)
	// One for other namespaces has claims of other names.
	c.kubectl(t, exportedTo(serviceEntry("made", "private", "private.made.global", "240.1.2.2"), `"."`), "apply", "-f", "-")
	c.confirmed(t, "private-host-made.private.made.global", "ServiceEntry/made/private")
	c.kubectl(t, defaultSidecar("made", "default"), "apply", "-f", "-")
	c.confirmed(t, "sidecar-made", "Sidecar/made/default")

	c.kubectl(t, "", "delete", "serviceentry", "-n", "made", "--all")
	c.kubectl(t, "", "delete", "sidecar", "-n", "made", "--all")
	c.unclaimed(t, "vip-240.1.2.1", "host-httpbin.made.global", "vip-240.1.2.2", "private-host-made.private.made.global", "sidecar-made",
		"vip-240.1.2.3", "host-generated.made.global")
	for _, address := range []string{"240.1.2.1", "240.1.2.2", "240.1.2.3"} {
		c.unguarded(t, address)
	}
}

// hasLine reports whether a line of text begins with the first column and has the
// others in it.
func hasLine(text string, columns []string) bool {
	for line := range strings.Lines(text) {
		if rest, found := strings.CutPrefix(line, columns[0]+" "); found && strings.Contains(rest, columns[1]) {
			return true
		}
	}
	return false
}

// testDryRun: a dry run claims nothing, and tells the truth about the claims of
// others.
func (c *claimsTest) testDryRun(t *testing.T) {
	first := serviceEntry("dry", "first", "first.dry.global", "240.1.3.1")
	c.kubectl(t, first, "apply", "-f", "-", "--dry-run=server")
	c.unclaimed(t, "vip-240.1.3.1", "host-first.dry.global")

	c.kubectl(t, first, "create", "-f", "-")
	lease := c.confirmed(t, "vip-240.1.3.1", "ServiceEntry/dry/first")
	unchanged := func(what string) {
		t.Helper()
		if got := c.lease(t, "vip-240.1.3.1"); got == nil || got.ResourceVersion != lease.ResourceVersion {
			t.Errorf("%s: the claim has changed: got %v; want %v", what, got, lease)
		}
	}
	second := serviceEntry("dry", "second", "second.dry.global", "240.1.3.1")
	c.refused(t, second, []string{"[FED105]", "dry/first"}, "create", "-f", "-", "--dry-run=server")
	unchanged("a dry run that is refused")
	// It may share the address, and this is no claim of its own either.
	c.kubectl(t, exportedTo(serviceEntry("dry", "sharing", "first.dry.global", "240.1.3.1"), `"."`), "create", "-f", "-", "--dry-run=server")
	unchanged("a dry run that is allowed")
	c.unclaimed(t, "private-host-dry.first.dry.global")
	// An update that would take another address leaves both claims alone.
	c.kubectl(t, "", "patch", "serviceentry", "-n", "dry", "first", "--dry-run=server", "--type=merge", "-p", `{"spec":{"addresses":["240.1.3.2"]}}`)
	unchanged("a dry run of an update")
	c.unclaimed(t, "vip-240.1.3.2")

	// A request that was let pass and then failed, of which no index can know: the
	// name exists.
	c.refused(t, serviceEntry("dry", "first", "other.dry.global", "240.1.3.3"), []string{"AlreadyExists"}, "create", "-f", "-")
	claimed := c.lease(t, "vip-240.1.3.3")
	if claimed == nil {
		t.Fatal("there is no Lease vip-240.1.3.3; want the claim of the request that failed")
	}
	third := serviceEntry("dry", "third", "third.dry.global", "240.1.3.3")
	c.create(t, "dry", third, "dryRun=All").comesAgain(t, "a dry run for an address that is being claimed", "240.1.3.3 is being claimed by ServiceEntry dry/first")
	if got := c.lease(t, "vip-240.1.3.3"); got == nil || got.ResourceVersion != claimed.ResourceVersion {
		t.Errorf("the claim has changed by a dry run: got %v; want %v", got, claimed)
	}
	c.unclaimed(t, "host-third.dry.global")
	c.kubectl(t, "", "delete", "serviceentry", "-n", "dry", "--all")
}

// testUpdates: what keeps its keys writes no claim, what gives one up frees it at
// once, and a key that is kept for something else is a new use.
func (c *claimsTest) testUpdates(t *testing.T) {
	entry := serviceEntry("updates", "entry", "entry.updates.global", "240.1.4.1")
	c.kubectl(t, entry, "apply", "-f", "-")
	vip := c.confirmed(t, "vip-240.1.4.1", "ServiceEntry/updates/entry")
	host := c.confirmed(t, "host-entry.updates.global", "ServiceEntry/updates/entry")
	c.kubectl(t, entry, "apply", "-f", "-")
	c.kubectl(t, entry, "apply", "-f", "-", "--server-side", "--force-conflicts")
	c.kubectl(t, strings.ReplaceAll(entry, "8000", "8001"), "apply", "-f", "-")
	c.kubectl(t, "", "label", "serviceentry", "-n", "updates", "entry", "a=b")
	for _, before := range []*coordinationv1.Lease{vip, host} {
		if got := c.lease(t, before.Name); got == nil || got.ResourceVersion != before.ResourceVersion {
			t.Errorf("updates that keep the keys: got claim %v; want it as it was: %v", got, before)
		}
	}

	// From one address to another, in both directions.
	other := serviceEntry("updates", "other", "other.updates.global", "240.1.4.1")
	c.refused(t, other, []string{"[FED105]", "updates/entry"}, "create", "-f", "-")
	c.kubectl(t, "", "patch", "serviceentry", "-n", "updates", "entry", "--type=merge", "-p", `{"spec":{"addresses":["240.1.4.2"]}}`)
	started := time.Now()
	c.kubectl(t, other, "create", "-f", "-")
	if took := time.Since(started); took > promptly {
		t.Errorf("taking an address that was given up took %s; want less than %s", took, promptly)
	}
	c.confirmed(t, "vip-240.1.4.1", "ServiceEntry/updates/other")
	c.confirmed(t, "vip-240.1.4.2", "ServiceEntry/updates/entry")
	c.guarded(t, "240.1.4.1", "updates", "other")
	c.guarded(t, "240.1.4.2", "updates", "entry")

	// Another host for the same address is a new use: not while somebody shares
	// the address for the old host, and then the old host has lost it.
	rename := []string{"patch", "serviceentry", "-n", "updates", "entry", "--type=merge", "-p", `{"spec":{"hosts":["renamed.updates.global"]}}`}
	sharing := exportedTo(serviceEntry("again", "sharing", "entry.updates.global", "240.1.4.2"), `"."`)
	c.kubectl(t, sharing, "create", "-f", "-")
	c.confirmed(t, "vip-240.1.4.2", "ServiceEntry/updates/entry", "ServiceEntry/again/sharing")
	c.refused(t, "", []string{"[FED105]", "again/sharing"}, rename...)
	c.kubectl(t, "", "delete", "serviceentry", "-n", "again", "sharing")
	c.kubectl(t, "", rename...)
	c.refused(t, sharing, []string{"[FED105]", "updates/entry"}, "create", "-f", "-")
	c.refused(t, strings.Replace(sharing, "  exportTo: [\".\"]\n", "", 1), []string{"[FED105]", "updates/entry"}, "create", "-f", "-")
	c.unclaimed(t, "host-entry.updates.global")
	c.confirmed(t, "vip-240.1.4.2", "ServiceEntry/updates/entry")

	// So it is while somebody may come to share it, of whom no index knows: a
	// request that was let pass and then failed, because the name exists.
	c.kubectl(t, serviceEntry("updates", "shared", "shared.updates.global", "240.1.4.3"), "create", "-f", "-")
	c.refused(t, exportedTo(serviceEntry("updates", "other", "shared.updates.global", "240.1.4.3"), `"."`), []string{"AlreadyExists"}, "create", "-f", "-")
	c.patch(t, "updates", "shared", `{"spec":{"hosts":["renamed-too.updates.global"]}}`).
		comesAgain(t, "another host for an address that is about to be shared", "240.1.4.3 is being claimed by ServiceEntry updates/other")
	c.unclaimed(t, "host-renamed-too.updates.global")

	// A client whose connection broke sends a creation again. What that leaves
	// behind is in nobody's way who has the name.
	other = strings.ReplaceAll(other, "8000", "8001")
	c.create(t, "updates", other, "").want(t, "a creation that is sent again", http.StatusConflict, "already exists")
	c.kubectl(t, other, "apply", "-f", "-")
	c.remove(t, "updates", "other").want(t, "its deletion", http.StatusOK)
	c.create(t, "updates", other, "").want(t, "the same again", http.StatusCreated)
	c.kubectl(t, "", "delete", "serviceentry", "-n", "updates", "--all")
}

// testAgainAtOnce deletes and creates: the user sees that it works, also where an
// index and the controller still know what was there before.
func (c *claimsTest) testAgainAtOnce(t *testing.T) {
	const rounds = 20
	one := serviceEntry("again", "one", "one.again.global", "240.1.5.1")
	two := serviceEntry("again", "two", "two.again.global", "240.1.5.1")

	// By the same: no request has to be sent twice.
	for round := range rounds {
		what := fmt.Sprintf("round %d, the same owner", round)
		c.create(t, "again", one, "").want(t, what, http.StatusCreated)
		c.remove(t, "again", "one").want(t, what, http.StatusOK)
	}
	// By another one, once the entry has been there for a moment: none either.
	for round := range rounds {
		what := fmt.Sprintf("round %d, another owner", round)
		name, manifest := "one", one
		if round%2 == 1 {
			name, manifest = "two", two
		}
		c.create(t, "again", manifest, "").want(t, what, http.StatusCreated)
		c.confirmed(t, "vip-240.1.5.1", "ServiceEntry/again/"+name)
		c.remove(t, "again", name).want(t, what, http.StatusOK)
	}
	// What is being deleted is served until it is gone, and no longer.
	c.kubectl(t, strings.Replace(one, "metadata: {", "metadata: {finalizers: [example.com/hold], ", 1), "create", "-f", "-")
	c.kubectl(t, "", "delete", "serviceentry", "-n", "again", "one", "--wait=false")
	c.create(t, "again", two, "").want(t, "the address of an entry that is being deleted", http.StatusForbidden, "[FED105]", "again/one")
	c.patch(t, "again", "one", `{"metadata":{"finalizers":null}}`).want(t, "the end of the finalizer", http.StatusOK)
	c.create(t, "again", two, "").want(t, "the address of an entry that is gone", http.StatusCreated)
	c.remove(t, "again", "two").want(t, "its deletion", http.StatusOK)

	// By another one at any moment: clients may have to come again, and do so by
	// themselves. No user hears of an owner that is gone.
	slowest := time.Duration(0)
	for round := range rounds {
		manifest := one
		if round%2 == 1 {
			manifest = two
		}
		object := decodeEntry(t, manifest)
		started := time.Now()
		if err := c.api.Create(t.Context(), object); err != nil {
			t.Errorf("round %d, another owner at once: %v", round, err)
		}
		if err := c.api.Delete(t.Context(), object); err != nil {
			t.Errorf("round %d, another owner at once: %v", round, err)
		}
		slowest = max(slowest, time.Since(started))
	}
	t.Logf("client-go creates and deletes in %s at most", slowest)
	if slowest > promptly {
		t.Errorf("client-go creates and deletes in %s; want less than %s", slowest, promptly)
	}
	for round := range 5 {
		started := time.Now()
		c.kubectl(t, one, "replace", "--force", "-f", "-")
		c.kubectl(t, "", "delete", "serviceentry", "-n", "again", "one")
		c.kubectl(t, two, "create", "-f", "-")
		c.kubectl(t, "", "delete", "serviceentry", "-n", "again", "two")
		if took := time.Since(started); took > promptly {
			t.Errorf("round %d, kubectl: it took %s; want less than %s", round, took, promptly)
		}
	}
	c.unclaimed(t, "vip-240.1.5.1", "host-one.again.global", "host-two.again.global")
	c.unguarded(t, "240.1.5.1")
}

// decodeEntry is a manifest as client-go sends it.
func decodeEntry(t *testing.T, manifest string) *unstructured.Unstructured {
	t.Helper()
	object := &unstructured.Unstructured{}
	if err := yaml.Unmarshal([]byte(manifest), object); err != nil {
		t.Fatal(err)
	}
	return object
}

// testPredecessor renames as GitOps and Helm do: the new one comes before the old
// one goes.
func (c *claimsTest) testPredecessor(t *testing.T) {
	for _, kind := range []struct {
		resource, rule, lease, object string
		manifest                      func(name string) string
	}{
		{"serviceentry", "FED106", "host-renamed.successor.global", "ServiceEntry/successor/", func(name string) string {
			return serviceEntry("successor", name, "renamed.successor.global", "240.1.6.1")
		}},
		{"sidecar", "FED301", "sidecar-successor", "Sidecar/successor/", func(name string) string {
			return defaultSidecar("successor", name)
		}},
	} {
		// In the order of their names, since they may be of one second.
		c.kubectl(t, kind.manifest("a"), "apply", "-f", "-")
		c.confirmed(t, kind.lease, kind.object+"a")
		c.refused(t, kind.manifest("b"), []string{"[" + kind.rule + "]", "successor/a", "fedmesh.io/replaces: a"}, "apply", "-f", "-")
		successor := replacing(kind.manifest("b"), "a")
		if got := c.kubectl(t, successor, "apply", "-f", "-"); !strings.Contains(got, "Warning: ["+kind.rule+"]") || !strings.Contains(got, "successor/a") {
			t.Errorf("the successor: got %q; want a warning of %s that names the predecessor", got, kind.rule)
		}
		c.confirmed(t, kind.lease, kind.object+"a", kind.object+"b")
		// Once is enough: not a third one, whomever it names.
		for _, predecessor := range []string{"a", "b"} {
			c.refused(t, replacing(kind.manifest("third"), predecessor), []string{"[" + kind.rule + "]"}, "apply", "-f", "-")
		}
		c.kubectl(t, "", "delete", kind.resource, "-n", "successor", "a")
		c.confirmed(t, kind.lease, kind.object+"b")
		// Its predecessor may not come back.
		c.refused(t, kind.manifest("a"), []string{"[" + kind.rule + "]", "successor/b"}, "apply", "-f", "-")
		c.kubectl(t, "", "delete", kind.resource, "-n", "successor", "--all")
		c.unclaimed(t, kind.lease)
	}
}
