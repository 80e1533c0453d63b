package feed

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-logr/logr"
	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"
	"k8s.io/client-go/rest"

	"fedmesh.io/fedmesh/policies/mesh"
)

// apiServer answers like an API server that has one ServiceEntry, in the version
// v1beta1 only, and nothing else; watches stay open, without an event but for
// those of events. While installed is false it has no ServiceEntries at all.
type apiServer struct {
	installed atomic.Bool
	// expire has the next watches of ServiceEntries end with 410 Gone.
	expire atomic.Bool
	// empty has the next lists of ServiceEntries come without any.
	empty atomic.Bool
	lists atomic.Int32
	// events are what the watches of ServiceEntries send.
	events chan string
}

func (a *apiServer) ServeHTTP(writer http.ResponseWriter, request *http.Request) {
	writer.Header().Set("Content-Type", "application/json")
	query := request.URL.Query()
	isEntries := strings.HasSuffix(request.URL.Path, "/serviceentries")
	served := strings.HasPrefix(request.URL.Path, "/api/v1/") ||
		isEntries && a.installed.Load() && strings.Contains(request.URL.Path, "/v1beta1/")
	switch {
	case !served:
		writer.WriteHeader(http.StatusNotFound)
		_, _ = fmt.Fprint(writer, `{"kind":"Status","apiVersion":"v1","status":"Failure","reason":"NotFound","code":404}`)
	case query.Get("sendInitialEvents") != "": // an older server: the client lists
		writer.WriteHeader(http.StatusUnprocessableEntity)
		_, _ = fmt.Fprint(writer, `{"kind":"Status","apiVersion":"v1","status":"Failure","reason":"Invalid","code":422}`)
	case query.Get("watch") != "":
		if isEntries && a.expire.Load() {
			_, _ = fmt.Fprint(writer, `{"type":"ERROR","object":{"kind":"Status","apiVersion":"v1","status":"Failure","reason":"Expired","code":410}}`+"\n")
			return
		}
		_ = http.NewResponseController(writer).Flush()
		for isEntries {
			select {
			case event := <-a.events:
				_, _ = fmt.Fprintln(writer, event)
				_ = http.NewResponseController(writer).Flush()
			case <-request.Context().Done():
				return
			}
		}
		<-request.Context().Done()
	case isEntries && a.empty.Load():
		_, _ = fmt.Fprint(writer, `{"kind":"ServiceEntryList","apiVersion":"networking.istio.io/v1beta1","metadata":{"resourceVersion":"9"},"items":[]}`)
	case isEntries:
		a.lists.Add(1)
		_, _ = fmt.Fprint(writer, `{"kind":"ServiceEntryList","apiVersion":"networking.istio.io/v1beta1","metadata":{"resourceVersion":"7"},"items":[
			{"apiVersion":"networking.istio.io/v1beta1","kind":"ServiceEntry","metadata":{"name":"one","namespace":"foo","uid":"u1"},
			 "spec":{"hosts":["a.b.global"],"addresses":["240.0.0.2"]}}]}`)
	default:
		kind := map[string]string{"/api/v1/services": "ServiceList", "/api/v1/namespaces": "NamespaceList"}[request.URL.Path]
		_, _ = fmt.Fprintf(writer, `{"kind":%q,"apiVersion":"v1","metadata":{"resourceVersion":"7"},"items":[]}`, kind)
	}
}

// TestFeed: what is not installed counts as empty, an older version will do, an
// expired watch is begun anew, and nothing goes on when the feed ends.
func TestFeed(t *testing.T) {
	defer goleak.VerifyNone(t)
	api := &apiServer{}
	api.installed.Store(true)
	server := httptest.NewServer(api)
	defer server.Close()
	client := &http.Client{Transport: &http.Transport{}}
	defer client.CloseIdleConnections()

	index := mesh.NewIndex()
	feed, err := New(&rest.Config{Host: server.URL}, client, index, logr.Discard(), func(Change) {})
	if err != nil {
		t.Fatal(err)
	}
	if feed.HasSynced() {
		t.Error("synced before it started")
	}
	ctx, stop := context.WithCancel(t.Context())
	defer server.CloseClientConnections()
	defer stop()
	ended := make(chan error, 1)
	go func() { ended <- feed.Start(ctx) }()

	eventually(t, "every kind is synced", feed.HasSynced)
	if diff := cmp.Diff([]string{"one"}, holders(index)); diff != "" {
		t.Errorf("holders of 240.0.0.2 differ (-want +got):\n%s", diff)
	}
	before := api.lists.Load()
	api.expire.Store(true)
	server.CloseClientConnections() // the watches end, and the next ones are told that they are too old
	eventually(t, "ServiceEntries are listed again", func() bool { return api.lists.Load() > before })

	api.installed.Store(false)
	server.CloseClientConnections()
	eventually(t, "the index forgets what is no longer installed", func() bool { return len(holders(index)) == 0 })

	stop()
	if err := <-ended; err != nil {
		t.Errorf("got %v; want no error", err)
	}
}

// TestFeedTells: every event of a watch and every absence from a list is told,
// with the UID of the object where that is known.
func TestFeedTells(t *testing.T) {
	api := &apiServer{events: make(chan string)}
	api.installed.Store(true)
	server := httptest.NewServer(api)
	defer server.Close()

	tellings := make(chan told, 10)
	feed, err := New(&rest.Config{Host: server.URL}, server.Client(), mesh.NewIndex(), logr.Discard(), func(change Change) {
		if change.Ref.Kind == mesh.ServiceEntry {
			tellings <- tell(change)
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	var running sync.WaitGroup
	defer running.Wait()
	ctx, stop := context.WithCancel(t.Context())
	defer server.CloseClientConnections()
	defer stop()
	running.Go(func() { _ = feed.Start(ctx) })

	send := func(kind, name, uid, spec string) func() {
		return func() {
			api.events <- fmt.Sprintf(`{"type":%q,"object":{"apiVersion":"networking.istio.io/v1beta1","kind":"ServiceEntry",
				"metadata":{"name":%q,"namespace":"foo","uid":%q,"resourceVersion":"8"},"spec":%s}}`, kind, name, uid, spec)
		}
	}
	two, three := []string{"240.0.0.2"}, []string{"240.0.0.3"}
	for _, step := range []struct {
		name string
		do   func()
		want told
	}{
		{"the first list", func() {}, told{Name: "one", UID: "u1", After: two}},
		{"a second one is added", send("ADDED", "two", "u2", other), told{Name: "two", UID: "u2", After: three}},
		{"it is deleted", send("DELETED", "two", "u2", other), told{Name: "two", UID: "u2", Gone: true, Before: three}},
		{"one was created again unnoticed", send("MODIFIED", "one", "u3", holding), told{Name: "one", UID: "u3", Before: two, After: two}},
		{"it cannot be read", send("MODIFIED", "one", "u3", wrong), told{Name: "one", UID: "u3", Before: two}},
		{"it can again", send("MODIFIED", "one", "u3", other), told{Name: "one", UID: "u3", After: three}},
		{"it is missing from the next list", func() {
			api.empty.Store(true)
			api.expire.Store(true)
			server.CloseClientConnections()
		}, told{Name: "one", Gone: true, Before: three}},
	} {
		step.do()
		select {
		case got := <-tellings:
			if diff := cmp.Diff(step.want, got); diff != "" {
				t.Errorf("%s: what was told differs (-want +got):\n%s", step.name, diff)
			}
		case <-time.After(30 * time.Second):
			t.Fatalf("%s: nothing was told", step.name)
		}
	}
}

func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	for deadline := time.Now().Add(30 * time.Second); time.Now().Before(deadline); time.Sleep(10 * time.Millisecond) {
		if holds() {
			return
		}
	}
	t.Fatal("it did not come about that " + what)
}
