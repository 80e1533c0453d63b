package installation

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"fedmesh.io/fedmesh/test/controlplane"
)

// logs may be read while replicas write to it.
type logs struct {
	lock   sync.Mutex
	buffer bytes.Buffer
}

func (l *logs) Write(p []byte) (int, error) {
	l.lock.Lock()
	defer l.lock.Unlock()
	return l.buffer.Write(p)
}

func (l *logs) String() string {
	l.lock.Lock()
	defer l.lock.Unlock()
	return l.buffer.String()
}

func TestInstallation(t *testing.T) {
	ctx := t.Context()
	plane, err := controlplane.Start(ctx, controlplane.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := plane.Stop(); err != nil {
			t.Error(err)
		}
	})
	if err := plane.InstallIstioCRDs(ctx); err != nil {
		t.Fatal(err)
	}
	t.Run("a server that does not start", func(t *testing.T) { serverFails(t, plane) })

	federation, err := os.ReadFile("../../manifests/samples/federation.yaml")
	if err != nil {
		t.Fatal(err)
	}
	output := &logs{}
	installed, err := Install(ctx, Options{ControlPlane: plane, Federation: string(federation), Logs: output})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := installed.Stop(); err != nil {
			t.Error(err)
		}
		if t.Failed() {
			t.Log(output)
		}
	})
	t.Run("replicas come and go", func(t *testing.T) { replicas(ctx, t, installed) })
	t.Run("replicas share the requests", func(t *testing.T) { spread(ctx, t, installed) })
	t.Run("the ServiceAccount may do what the server does", func(t *testing.T) {
		if text := output.String(); strings.Contains(text, "forbidden: User") {
			t.Errorf("something is forbidden:\n%s", text)
		}
	})
	t.Run("uninstalled", func(t *testing.T) {
		if err := installed.Uninstall(ctx); err != nil {
			t.Fatal(err)
		}
		if got := refusal(ctx, installed.client); got != "" {
			t.Errorf("a ServiceEntry is refused: %s", got)
		}
		if installed.Replica() != nil {
			t.Error("a replica is still asked")
		}
	})
}

// serverFails checks that what a user reads when the server does not start says
// why.
func serverFails(t *testing.T, plane *controlplane.ControlPlane) {
	broken := filepath.Join(t.TempDir(), "broken")
	if err := os.WriteFile(broken, []byte("#!/bin/sh\necho no luck >&2\nexit 3\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	for binary, want := range map[string]string{
		filepath.Join(t.TempDir(), "missing"): `run "make build" first`,
		broken:                                "ended with exit status 3; fedmesh-webhook-1 printed last:\n\tno luck",
	} {
		installed, err := Install(t.Context(), Options{ControlPlane: plane, Binary: binary})
		if installed != nil || err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("with %s the error is %v, want it to say %q", filepath.Base(binary), err, want)
		}
	}
}

func replicas(ctx context.Context, t *testing.T, installed *Installation) {
	first := installed.Replica()
	second, err := installed.StartReplica(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if first.Name == second.Name || first.URL == second.URL {
		t.Errorf("two replicas are called %s and %s, at %s and %s", first.Name, second.Name, first.URL, second.URL)
	}
	if err := installed.Direct(ctx, second); err != nil {
		t.Fatal(err)
	}
	if err := first.Stop(); err != nil {
		t.Errorf("the first replica: %v", err)
	}
	if got := refusal(ctx, installed.client); !strings.Contains(got, "[FED") {
		t.Errorf("asked the second replica, a bad ServiceEntry gets %q, want a rule to refuse it", got)
	}
	if err := second.Kill(); err != nil {
		t.Fatal(err)
	}
	if got := refusal(ctx, installed.client); !strings.Contains(got, "failed calling webhook") {
		t.Errorf("without a replica, a ServiceEntry gets %q, want the API server to say that nobody answers", got)
	}
	third, err := installed.StartReplica(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if err := installed.Direct(ctx, third); err != nil {
		t.Fatal(err)
	}
	if installed.Replica() != third {
		t.Errorf("%s is asked, want %s", installed.Replica().Name, third.Name)
	}
}

// spread looks at who is asked: each request by exactly one replica, and all of
// them now and then.
func spread(ctx context.Context, t *testing.T, installed *Installation) {
	group := []*Replica{installed.Replica()}
	for len(group) < 3 {
		replica, err := installed.StartReplica(ctx)
		if err != nil {
			t.Fatal(err)
		}
		group = append(group, replica)
	}
	share := func() {
		t.Helper()
		if err := installed.Spread(ctx, group...); err != nil {
			t.Fatal(err)
		}
		if installed.Replica() != group[0] {
			t.Errorf("%s is asked about pods, want %s", installed.Replica().Name, group[0].Name)
		}
		before := objectsAsked(ctx, t, group)
		// Creations, which have a uid, and updates, which have a resourceVersion. The
		// entry is none of the rules' business.
		const rounds = 30
		for n := range rounds {
			entry := badEntry()
			entry.SetName("spread")
			for field, value := range map[string]any{"hosts": []any{"www.example.com"}, "addresses": []any{}} {
				if err := unstructured.SetNestedField(entry.Object, value, "spec", field); err != nil {
					t.Fatal(err)
				}
			}
			if err := installed.client.Create(ctx, entry); err != nil {
				t.Fatal(err)
			}
			entry.SetLabels(map[string]string{"round": strconv.Itoa(n)})
			if err := installed.client.Update(ctx, entry); err != nil {
				t.Fatal(err)
			}
			if err := installed.client.Delete(ctx, entry); err != nil {
				t.Fatal(err)
			}
		}
		sum := 0
		for n, after := range objectsAsked(ctx, t, group) {
			if after == before[n] {
				t.Errorf("%s was never asked", group[n].Name)
			}
			sum += after - before[n]
		}
		if sum != 2*rounds {
			t.Errorf("%d questions were asked for %d requests, want one each", sum, 2*rounds)
		}
	}
	share()
	// One is replaced.
	if err := group[1].Kill(); err != nil {
		t.Fatal(err)
	}
	replica, err := installed.StartReplica(ctx)
	if err != nil {
		t.Fatal(err)
	}
	group[1] = replica
	share()
	// Back to one, which is asked already.
	if err := installed.Direct(ctx, group[2]); err != nil {
		t.Fatal(err)
	}
	for _, replica := range group[:2] {
		if err := replica.Stop(); err != nil {
			t.Error(err)
		}
	}
	for range 10 {
		if got := refusal(ctx, installed.client); !strings.Contains(got, "[FED") {
			t.Errorf("with one replica left a bad ServiceEntry gets %q, want a rule to refuse it", got)
		}
	}
	if err := installed.Spread(ctx); err == nil {
		t.Error("requests could be spread over no replica")
	}
}

// objectsAsked says how many questions about mesh objects each replica answered.
func objectsAsked(ctx context.Context, t *testing.T, replicas []*Replica) []int {
	t.Helper()
	var counts []int
	for _, replica := range replicas {
		answered, err := replica.answered(ctx)
		if err != nil {
			t.Fatal(err)
		}
		count, _ := strconv.Atoi(answered["/mesh"]) // none is an empty text
		counts = append(counts, count)
	}
	return counts
}

// refusal says why a ServiceEntry that is all wrong is refused, by dry-run; ""
// when it is not.
func refusal(ctx context.Context, api client.Client) string {
	err := api.Create(ctx, badEntry(), client.DryRunAll)
	if err == nil {
		return ""
	}
	return err.Error()
}
