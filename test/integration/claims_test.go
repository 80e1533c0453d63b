package integration

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	coordinationv1 "k8s.io/api/coordination/v1"
	networkingv1 "k8s.io/api/networking/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"fedmesh.io/fedmesh/test/installation"
)

// TestClaims shows on one control plane with two replicas what claims do for a
// user: who applies, deletes, tries again, looks, or takes fedmesh away. Each
// scenario has namespaces, hosts and addresses of its own. The first replica is
// the leader, which keeps the claims, and the second is the one that is asked, so
// that neither knows by itself what the other does.
func TestClaims(t *testing.T) {
	c := startClaims(t)
	t.Run("recovery", c.testRecovery)
	// Takes a minute, in which the others go on.
	refused := c.refuseLater(t)
	t.Run("refused later", func(t *testing.T) { refused.testAtOnce(t, c) })
	t.Run("updates refused later", c.testUpdatesRefusedLater)
	t.Run("made and removed", c.testMadeAndRemoved)
	t.Run("guard", c.testGuard)
	t.Run("dry run", c.testDryRun)
	t.Run("updates", c.testUpdates)
	t.Run("again at once", c.testAgainAtOnce)
	t.Run("predecessor", c.testPredecessor)
	t.Run("healing", c.testHealing)
	t.Run("foreign lease", c.testForeignLease)
	t.Run("leader", c.testLeader)
	t.Run("a minute later", func(t *testing.T) { refused.testAfterAMinute(t, c) })
	t.Run("away", c.testAway)
	t.Run("no permission", c.testNoPermission)
	t.Run("kind goes", c.testKindGoes)
	t.Run("second installation", c.testSecondInstallation)
	t.Run("uninstalled", c.testUninstalled)
}

// claimsTest is fedmesh with two replicas, and what tests of claims ask it.
type claimsTest struct {
	*live
	api client.Client
	// once sends every request to server once.
	once   *http.Client
	server *url.URL
	log    *claimsLog
	// foreign is an IPAddress of somebody else that was there before fedmesh.
	foreign *networkingv1.IPAddress
	// replicas are those that run to the end, or are killed.
	replicas []*installation.Replica
}

// startClaims starts a control plane, stores what testRecovery looks at, and then
// installs fedmesh.
func startClaims(t *testing.T) *claimsTest {
	t.Helper()
	plane := startPlane(t)
	c := &claimsTest{live: &live{plane: plane}, log: &claimsLog{out: testWriter{t}}}
	config := plane.Config()
	var err error
	if c.api, err = client.New(config, client.Options{}); err != nil {
		t.Fatal(err)
	}
	if c.once, err = rest.HTTPClientFor(config); err != nil {
		t.Fatal(err)
	}
	if c.server, _, err = rest.DefaultServerUrlFor(config); err != nil {
		t.Fatal(err)
	}
	var namespaces strings.Builder
	for _, name := range []string{
		"before", "before-later", "made", "guard", "dry", "updates", "again", "successor", "healing", "foreign",
		"leader", "away", "later", "quota", "permission",
	} {
		fmt.Fprintf(&namespaces, "---\n{apiVersion: v1, kind: Namespace, metadata: {name: %s}}\n", name)
	}
	c.kubectl(t, namespaces.String(), "create", "-f", "-")
	c.storeBefore(t)

	c.installed, err = installation.Install(context.Background(), installation.Options{
		ControlPlane: plane, Federation: twoClusters, Logs: c.log,
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		for _, replica := range c.replicas {
			if err := replica.Stop(); err != nil {
				t.Error(err)
			}
		}
		_ = c.installed.Stop() // complains of the one that had to fail
	})
	c.replicas = append(c.replicas, c.installed.Replica())
	c.startAnother(t)
	return c
}

// startAnother starts one more replica and has the API server ask it.
func (c *claimsTest) startAnother(t *testing.T) {
	t.Helper()
	replica, err := c.installed.StartReplica(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	c.replicas = append(c.replicas, replica)
	if err := c.installed.Direct(t.Context(), replica); err != nil {
		t.Fatal(err)
	}
}

// claimsLog passes on what the replicas print, and keeps it.
type claimsLog struct {
	out  io.Writer
	lock sync.Mutex
	text strings.Builder
}

func (l *claimsLog) Write(p []byte) (int, error) {
	l.lock.Lock()
	defer l.lock.Unlock()
	l.text.Write(p)
	return l.out.Write(p)
}

// lines returns the lines so far that have all of texts in them.
func (l *claimsLog) lines(texts ...string) []string {
	l.lock.Lock()
	defer l.lock.Unlock()
	var found []string
	for line := range strings.Lines(l.text.String()) {
		if !slices.ContainsFunc(texts, func(text string) bool { return !strings.Contains(line, text) }) {
			found = append(found, line)
		}
	}
	return found
}

// claimEntry is an entry of a claim, as far as tests look at it.
type claimEntry struct {
	Object  string     `json:"object"`
	Created *time.Time `json:"created"`
	Since   *time.Time `json:"since"`
}

// lease returns a Lease of fedmesh's namespace; nil when there is none.
func (c *claimsTest) lease(t *testing.T, name string) *coordinationv1.Lease {
	t.Helper()
	var lease coordinationv1.Lease
	err := c.api.Get(t.Context(), client.ObjectKey{Namespace: installation.Namespace, Name: name}, &lease)
	if apierrors.IsNotFound(err) {
		return nil
	}
	if err != nil {
		t.Fatal(err)
	}
	return &lease
}

// entries returns those of a claim, which must be there.
func (c *claimsTest) entries(t *testing.T, name string) []claimEntry {
	t.Helper()
	lease := c.lease(t, name)
	if lease == nil {
		t.Fatalf("there is no Lease %s; want the claim", name)
	}
	entries, err := claimEntries(lease)
	if err != nil {
		t.Fatal(err)
	}
	return entries
}

func claimEntries(lease *coordinationv1.Lease) ([]claimEntry, error) {
	var entries []claimEntry
	if err := json.Unmarshal([]byte(lease.Annotations["fedmesh.io/entries"]), &entries); err != nil {
		return nil, fmt.Errorf("lease %s: %w", lease.Name, err)
	}
	return entries, nil
}

// confirmed waits until a claim has entries for these objects in this order,
// written as kind/namespace/name, all of them confirmed, and the first for its
// holder. It returns the Lease.
func (c *claimsTest) confirmed(t *testing.T, name string, objects ...string) *coordinationv1.Lease {
	t.Helper()
	var lease *coordinationv1.Lease
	become(t, "the claim "+name+" is confirmed", func() error {
		if lease = c.lease(t, name); lease == nil {
			return errors.New("there is no such Lease")
		}
		entries, err := claimEntries(lease)
		if err != nil {
			return err
		}
		var got []string
		for _, entry := range entries {
			if entry.Created == nil || entry.Since != nil {
				return fmt.Errorf("the entry of %s is not confirmed: %s", entry.Object, lease.Annotations["fedmesh.io/entries"])
			}
			got = append(got, entry.Object)
		}
		if !slices.Equal(got, objects) {
			return fmt.Errorf("got entries of %q; want %q", got, objects)
		}
		kind, name, _ := strings.Cut(objects[0], "/")
		if holder := lease.Spec.HolderIdentity; holder == nil || *holder != kind+" "+name {
			return fmt.Errorf("got holder %v; want %s %s", holder, kind, name)
		}
		return nil
	})
	return lease
}

// unclaimed waits until there is no such Lease.
func (c *claimsTest) unclaimed(t *testing.T, names ...string) {
	t.Helper()
	for _, name := range names {
		become(t, "the claim "+name+" is gone", func() error {
			if lease := c.lease(t, name); lease != nil {
				return fmt.Errorf("it has entries %s", lease.Annotations["fedmesh.io/entries"])
			}
			return nil
		})
	}
}

// ipAddress returns an IPAddress; nil when there is none.
func (c *claimsTest) ipAddress(t *testing.T, name string) *networkingv1.IPAddress {
	t.Helper()
	var address networkingv1.IPAddress
	err := c.api.Get(t.Context(), client.ObjectKey{Name: name}, &address)
	if apierrors.IsNotFound(err) {
		return nil
	}
	if err != nil {
		t.Fatal(err)
	}
	return &address
}

// guarded waits until the guard of an address stands for a ServiceEntry, and
// returns it.
func (c *claimsTest) guarded(t *testing.T, address, namespace, name string) *networkingv1.IPAddress {
	t.Helper()
	var guard *networkingv1.IPAddress
	become(t, "address "+address+" is guarded", func() error {
		if guard = c.ipAddress(t, address); guard == nil {
			return errors.New("there is no such IPAddress")
		}
		if got := guard.Labels["ipaddress.kubernetes.io/managed-by"]; got != "fedmesh.io" {
			return fmt.Errorf("it is managed by %q; want fedmesh.io", got)
		}
		want := networkingv1.ParentReference{Group: "networking.istio.io", Resource: "serviceentries", Namespace: namespace, Name: name}
		if got := guard.Spec.ParentRef; got == nil || *got != want {
			return fmt.Errorf("it stands for %v; want %v", got, want)
		}
		return nil
	})
	return guard
}

// unguarded waits until there is no IPAddress.
func (c *claimsTest) unguarded(t *testing.T, address string) {
	t.Helper()
	become(t, "address "+address+" is not guarded any more", func() error {
		if guard := c.ipAddress(t, address); guard != nil {
			return fmt.Errorf("it stands for %v", guard.Spec.ParentRef)
		}
		return nil
	})
}

// answer is what the API server said to one request.
type answer struct {
	code       int
	retryAfter string
	message    string
}

func (a answer) String() string {
	return fmt.Sprintf("%d (Retry-After %q) %s", a.code, a.retryAfter, a.message)
}

// create sends a manifest of a ServiceEntry to the API server, once: kubectl and
// client-go would send it again when they are told to. The query is one such as
// dryRun=All.
func (c *claimsTest) create(t *testing.T, namespace, manifest, query string) answer {
	t.Helper()
	return c.send(t, http.MethodPost, namespace, "", manifest, query)
}

// patch changes a ServiceEntry, as create makes one.
func (c *claimsTest) patch(t *testing.T, namespace, name, patch string) answer {
	t.Helper()
	return c.send(t, http.MethodPatch, namespace, name, patch, "")
}

// remove deletes a ServiceEntry, as create makes one.
func (c *claimsTest) remove(t *testing.T, namespace, name string) answer {
	t.Helper()
	return c.send(t, http.MethodDelete, namespace, name, "", "")
}

func (c *claimsTest) send(t *testing.T, method, namespace, name, manifest, query string) answer {
	t.Helper()
	target := c.server.JoinPath("apis/networking.istio.io/v1/namespaces", namespace, "serviceentries", name)
	target.RawQuery = query
	request, err := http.NewRequestWithContext(t.Context(), method, target.String(), strings.NewReader(manifest))
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Content-Type", "application/yaml")
	if method == http.MethodPatch {
		request.Header.Set("Content-Type", "application/merge-patch+json")
	}
	request.Header.Set("Accept", "application/json")
	response, err := c.once.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	got := answer{code: response.StatusCode, retryAfter: response.Header.Get("Retry-After")}
	var status metav1.Status
	if err := json.Unmarshal(body, &status); err == nil && status.Kind == "Status" {
		got.message = status.Message
	}
	return got
}

// want complains of an answer that has another code, or lacks one of the texts.
func (a answer) want(t *testing.T, what string, code int, says ...string) {
	t.Helper()
	if a.code != code {
		t.Errorf("%s: got %s; want %d", what, a, code)
	}
	for _, text := range says {
		if !strings.Contains(a.message, text) {
			t.Errorf("%s: got %s; want %q in it", what, a, text)
		}
	}
}

// comesAgain complains of an answer that does not have clients send the request
// again.
func (a answer) comesAgain(t *testing.T, what string, says ...string) {
	t.Helper()
	a.want(t, what, http.StatusServiceUnavailable, append(says, "try again")...)
	if a.retryAfter == "" {
		t.Errorf("%s: got no Retry-After; want one", what)
	}
}

// conflicts returns how many objects the replicas know to have lost a key, by
// their metric.
func (c *claimsTest) conflicts(t *testing.T, kind string) (count int) {
	t.Helper()
	impatient := &http.Client{Timeout: 5 * time.Second}
	for _, replica := range c.replicas {
		response, err := impatient.Get(replica.MetricsURL + "/metrics")
		if err != nil {
			continue // it has been killed
		}
		body, err := io.ReadAll(response.Body)
		_ = response.Body.Close()
		if err != nil {
			t.Fatal(err)
		}
		_, rest, found := strings.Cut(string(body), `fedmesh_claim_conflicts{kind="`+kind+`"} `)
		if !found {
			t.Fatalf("%s has no metric fedmesh_claim_conflicts for %s", replica.Name, kind)
		}
		value, _, _ := strings.Cut(rest, "\n")
		each, err := strconv.Atoi(value)
		if err != nil {
			t.Fatal(err)
		}
		count += each // only the leader knows of any
	}
	return count
}

// conflictsBecome waits until the metric has this value.
func (c *claimsTest) conflictsBecome(t *testing.T, kind string, want int) {
	t.Helper()
	become(t, "the metric fedmesh_claim_conflicts for "+kind, func() error {
		if got := c.conflicts(t, kind); got != want {
			return fmt.Errorf("got %d; want %d", got, want)
		}
		return nil
	})
}

// eventSays waits for an Event on an object, as kubectl lists it.
func (c *claimsTest) eventSays(t *testing.T, namespace, object string, says ...string) {
	t.Helper()
	become(t, "there is an Event on "+object, func() error {
		got := c.kubectl(t, "", "get", "events", "-n", namespace)
		for line := range strings.Lines(got) {
			if strings.Contains(line, " "+object+" ") && !slices.ContainsFunc(says, func(text string) bool { return !strings.Contains(line, text) }) {
				return nil
			}
		}
		return fmt.Errorf("got %q; want %q", got, says)
	})
}

// exportedTo is the manifest of a ServiceEntry for these namespaces alone.
func exportedTo(manifest, exportTo string) string {
	return strings.Replace(manifest, "spec:\n", "spec:\n  exportTo: ["+exportTo+"]\n", 1)
}

// replacing is a manifest with the annotation that names its predecessor.
func replacing(manifest, predecessor string) string {
	return strings.Replace(manifest, "metadata: {", "metadata: {annotations: {fedmesh.io/replaces: "+predecessor+"}, ", 1)
}

// defaultSidecar is a Sidecar for all pods of its namespace.
func defaultSidecar(namespace, name string) string {
	return fmt.Sprintf("{apiVersion: networking.istio.io/v1, kind: Sidecar, metadata: {name: %s, namespace: %s}, spec: {egress: [{hosts: [\"*/*\"]}]}}\n", name, namespace)
}

// foreignAddress is an IPAddress that an administrator made.
func foreignAddress(address string) string {
	return fmt.Sprintf(`
apiVersion: networking.k8s.io/v1
kind: IPAddress
metadata: {name: %s, labels: {ipaddress.kubernetes.io/managed-by: example.com}}
spec: {parentRef: {resource: nodes, name: gateway}}
`, address)
}
