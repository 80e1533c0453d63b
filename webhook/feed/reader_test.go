package feed

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/testing/protocmp"
	networking "istio.io/api/networking/v1alpha3"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/client-go/rest"

	"fedmesh.io/fedmesh/policies/mesh"
)

// answer is what an API server says to a GET. Those that say NotFound are as
// Kubernetes 1.36 gave them.
type answer struct {
	code              int
	contentType, body string
}

func (a answer) WriteTo(writer http.ResponseWriter) {
	writer.Header().Set("Content-Type", a.contentType)
	writer.WriteHeader(a.code)
	_, _ = fmt.Fprint(writer, a.body)
}

func okay(body string) answer { return answer{http.StatusOK, "application/json", body} }

func failure(code int, reason string) answer {
	return answer{code, "application/json", fmt.Sprintf(`{"kind":"Status","apiVersion":"v1","metadata":{},"status":"Failure","message":"no","reason":%q,"code":%d}`, reason, code)}
}

// noObject says that a resource has no object of this name.
func noObject(resource, group, name string) answer {
	return answer{http.StatusNotFound, "application/json", fmt.Sprintf(`{"kind":"Status","apiVersion":"v1","metadata":{},"status":"Failure","message":"%[1]s.%[2]s \"%[3]s\" not found","reason":"NotFound","details":{"name":%[3]q,"group":%[2]q,"kind":%[1]q},"code":404}`, resource, group, name)}
}

var (
	// noPage says that nothing is served under a path, in a group of custom
	// resources.
	noPage = answer{http.StatusNotFound, "text/plain; charset=utf-8", "404 page not found\n"}
	// noResource says the same in a group of Kubernetes itself.
	noResource = answer{http.StatusNotFound, "application/json", `{"kind":"Status","apiVersion":"v1","metadata":{},"status":"Failure","message":"the server could not find the requested resource","reason":"NotFound","details":{},"code":404}`}
)

// answers is an API server that serves nothing but what it holds, by path, and
// notes what it is asked.
type answers struct {
	lock  sync.Mutex
	paths map[string]answer
	asked []string
	// heard is called with each path after its answer was chosen.
	heard func(path string)
}

func (a *answers) ServeHTTP(writer http.ResponseWriter, request *http.Request) {
	a.lock.Lock()
	defer a.lock.Unlock()
	path := request.URL.RequestURI() // a query would show: it must not ask a cache
	a.asked = append(a.asked, path)
	found, ok := a.paths[path]
	if !ok {
		found = noPage
	}
	if a.heard != nil {
		a.heard(path)
	}
	found.WriteTo(writer)
}

// set has another answer from now on.
func (a *answers) set(path string, to answer) {
	a.lock.Lock()
	defer a.lock.Unlock()
	a.paths[path] = to
}

// takeAsked returns what has been asked since it was called last.
func (a *answers) takeAsked() []string {
	a.lock.Lock()
	defer a.lock.Unlock()
	asked := a.asked
	a.asked = nil
	return asked
}

// newReader returns a Reader of api.
func newReader(t *testing.T, api http.Handler) *Reader {
	t.Helper()
	server := httptest.NewServer(api)
	t.Cleanup(server.Close)
	reader, err := NewReader(&rest.Config{Host: server.URL, QPS: -1}, server.Client())
	if err != nil {
		t.Fatal(err)
	}
	return reader
}

const (
	entryV1       = "/apis/networking.istio.io/v1/namespaces/foo/serviceentries/one"
	entryV1beta1  = "/apis/networking.istio.io/v1beta1/namespaces/foo/serviceentries/one"
	entryV1alpha3 = "/apis/networking.istio.io/v1alpha3/namespaces/foo/serviceentries/one"
	sidecarV1     = "/apis/networking.istio.io/v1/namespaces/foo/sidecars/one"
	serviceV1     = "/api/v1/namespaces/foo/services/one"
	definition    = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions/serviceentries.networking.istio.io"
	ipV1          = "/apis/networking.k8s.io/v1/ipaddresses/2001:db8::1"
	ipV1beta1     = "/apis/networking.k8s.io/v1beta1/ipaddresses/2001:db8::1"
)

var (
	entryRef = mesh.Ref{Kind: mesh.ServiceEntry, Namespace: "foo", Name: "one"}
	ipRef    = mesh.Ref{Kind: mesh.IPAddress, Name: "2001:db8::1"}
)

// stored is an object as the API server answers with it.
func stored(groupVersion string, ref mesh.Ref, spec string) answer {
	return okay(fmt.Sprintf(`{"apiVersion":%q,"kind":%q,"metadata":{"name":%q,"namespace":%q,"uid":"u-1","resourceVersion":"42",
		"creationTimestamp":"2026-01-02T03:04:05Z","labels":{"istio.io/rev":"canary"},
		"annotations":{"fedmesh.io/replaces":"old","other":"x"},"managedFields":[{"manager":"x"}]},"spec":%s}`,
		groupVersion, ref.Kind, ref.Name, ref.Namespace, spec))
}

// read is the object that stored speaks of, but for its specification.
func read(ref mesh.Ref, change func(*mesh.Object)) *mesh.Object {
	object := &mesh.Object{
		Ref: ref, UID: "u-1", ResourceVersion: "42", Replaces: "old", Revision: "canary",
		Labels: map[string]string{"istio.io/rev": "canary"}, Created: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC),
	}
	change(object)
	return object
}

// diffObjects compares objects but for what package mesh keeps to itself.
func diffObjects(want, got *mesh.Object) string {
	unexported := cmp.FilterPath(func(path cmp.Path) bool { return path.Last().String() == ".rawSpec" }, cmp.Ignore())
	return cmp.Diff(want, got, protocmp.Transform(), unexported, cmp.Comparer(time.Time.Equal))
}

func TestReaderFinds(t *testing.T) {
	entry := read(entryRef, func(o *mesh.Object) { o.ServiceEntry = &networking.ServiceEntry{Hosts: []string{"a.b.global"}} })
	ip := read(ipRef, func(o *mesh.Object) {
		o.IPAddress = &mesh.IPAddressSpec{}
		o.IPAddress.ParentRef.Resource = "gateways"
	})
	const ipSpec = `{"parentRef":{"resource":"gateways"}}`
	sidecarRef, serviceRef := entryRef, entryRef
	sidecarRef.Kind, serviceRef.Kind = mesh.Sidecar, mesh.Service
	for _, test := range []struct {
		name  string
		ref   mesh.Ref
		paths map[string]answer
		want  *mesh.Object
		asked []string
	}{
		{"in the version that is preferred", entryRef,
			map[string]answer{entryV1: stored("networking.istio.io/v1", entryRef, `{"hosts":["a.b.global"]}`), entryV1beta1: failure(500, "InternalError")},
			entry, []string{entryV1}},
		{"in another version", entryRef,
			map[string]answer{entryV1alpha3: stored("networking.istio.io/v1alpha3", entryRef, `{"hosts":["a.b.global"]}`)},
			entry, []string{entryV1, entryV1beta1, entryV1alpha3}},
		{"a Sidecar", sidecarRef,
			map[string]answer{sidecarV1: stored("networking.istio.io/v1", sidecarRef, `{}`)},
			read(sidecarRef, func(o *mesh.Object) { o.Sidecar = &networking.Sidecar{} }), []string{sidecarV1}},
		{"a Service", serviceRef,
			map[string]answer{serviceV1: stored("v1", serviceRef, `{"clusterIPs":["10.0.0.1"]}`)},
			read(serviceRef, func(o *mesh.Object) { o.Service = &mesh.ServiceSpec{ClusterIPs: []string{"10.0.0.1"}} }), []string{serviceV1}},
		{"an IPAddress", ipRef,
			map[string]answer{ipV1: stored("networking.k8s.io/v1", ipRef, ipSpec)}, ip, []string{ipV1}},
		// Kubernetes 1.31 and 1.32 serve networking.k8s.io/v1, for Ingresses.
		{"an IPAddress where the version has other resources only", ipRef,
			map[string]answer{ipV1: noResource, ipV1beta1: stored("networking.k8s.io/v1beta1", ipRef, ipSpec)}, ip, []string{ipV1, ipV1beta1}},
	} {
		t.Run(test.name, func(t *testing.T) {
			api := &answers{paths: test.paths}
			got, err := newReader(t, api).Get(t.Context(), test.ref)
			if err != nil {
				t.Fatalf("Get(%s): %v", test.ref, err)
			}
			if diff := diffObjects(test.want, got); diff != "" {
				t.Errorf("Get(%s) differs (-want +got):\n%s", test.ref, diff)
			}
			if diff := cmp.Diff(test.asked, api.takeAsked()); diff != "" {
				t.Errorf("what was asked differs (-want +got):\n%s", diff)
			}
		})
	}
}

// TestReaderFindsNothing: an object does not exist when a version that is served
// says so, and when its kind is not installed.
func TestReaderFindsNothing(t *testing.T) {
	absent := noObject("serviceentries", "networking.istio.io", "one")
	for _, test := range []struct {
		name  string
		ref   mesh.Ref
		paths map[string]answer
		asked []string
	}{
		{"where the version that is preferred has none", entryRef,
			map[string]answer{entryV1: absent, entryV1beta1: failure(500, "InternalError")}, []string{entryV1}},
		{"where another version has none", entryRef,
			map[string]answer{entryV1beta1: absent, entryV1alpha3: failure(500, "InternalError")}, []string{entryV1, entryV1beta1}},
		{"where the kind is not installed", entryRef,
			map[string]answer{definition: noObject("customresourcedefinitions", "apiextensions.k8s.io", "serviceentries.networking.istio.io")},
			[]string{entryV1, entryV1beta1, entryV1alpha3, definition}},
		{"where a built-in kind has no object", ipRef,
			map[string]answer{ipV1: noObject("ipaddresses", "networking.k8s.io", "2001:db8::1")}, []string{ipV1}},
		{"where no version of a built-in kind is served", ipRef,
			map[string]answer{ipV1: noResource, ipV1beta1: noResource}, []string{ipV1, ipV1beta1}},
	} {
		t.Run(test.name, func(t *testing.T) {
			api := &answers{paths: test.paths}
			got, err := newReader(t, api).Get(t.Context(), test.ref)
			if got != nil || err != nil {
				t.Errorf("Get(%s) = %v, %v; want nothing and no error", test.ref, got, err)
			}
			if diff := cmp.Diff(test.asked, api.takeAsked()); diff != "" {
				t.Errorf("what was asked differs (-want +got):\n%s", diff)
			}
		})
	}
}

// TestReaderFails: what the API server does not say plainly is an error, and so
// is a question that it cannot answer.
func TestReaderFails(t *testing.T) {
	bare := answer{http.StatusInternalServerError, "text/plain", "oops"}
	other := mesh.Ref{Kind: mesh.ServiceEntry, Namespace: "foo", Name: "two"}
	for _, test := range []struct {
		name  string
		ref   mesh.Ref
		paths map[string]answer
		want  string // the error has it
		asked int
	}{
		{"forbidden", entryRef, map[string]answer{entryV1: failure(403, "Forbidden")}, "ServiceEntry foo/one", 1},
		{"unavailable", entryRef, map[string]answer{entryV1: failure(503, "ServiceUnavailable")}, "ServiceEntry foo/one", 1},
		{"no Status", entryRef, map[string]answer{entryV1: bare}, "ServiceEntry foo/one", 1},
		{"another version forbidden", entryRef, map[string]answer{entryV1beta1: failure(403, "Forbidden")}, "ServiceEntry foo/one", 2},
		{"no version served although the kind is installed", entryRef,
			map[string]answer{definition: okay(`{"apiVersion":"apiextensions.k8s.io/v1","kind":"CustomResourceDefinition"}`)}, "no version of it is served", 4},
		{"no version served and the definition not to be read", entryRef, map[string]answer{definition: failure(403, "Forbidden")}, "ServiceEntry foo/one: no version", 4},
		{"no version served and nothing known of definitions", entryRef, nil, "ServiceEntry foo/one: neither", 4},
		{"unreadable specification", entryRef, map[string]answer{entryV1: stored("networking.istio.io/v1", entryRef, `{"hosts":7}`)}, "ServiceEntry foo/one: spec.hosts", 1},
		{"unreadable specification of an IPAddress", ipRef, map[string]answer{ipV1: stored("networking.k8s.io/v1", ipRef, `7`)}, "IPAddress 2001:db8::1: spec", 1},
		{"unreadable metadata", entryRef, map[string]answer{entryV1: okay(`{"apiVersion":"networking.istio.io/v1","kind":"ServiceEntry","metadata":7}`)}, "ServiceEntry foo/one", 1},
		{"another object", entryRef, map[string]answer{entryV1: stored("networking.istio.io/v1", other, `{}`)}, `"two" of namespace "foo"`, 1},
		{"another kind", entryRef, map[string]answer{entryV1: okay(`{"apiVersion":"networking.istio.io/v1","kind":"Sidecar","metadata":{"name":"one","namespace":"foo"}}`)}, "ServiceEntry foo/one", 1},
		{"a kind that is not read", mesh.Ref{Kind: mesh.Namespace, Name: "foo"}, nil, "Namespace foo", 0},
		{"no kind", mesh.Ref{Namespace: "foo", Name: "one"}, nil, "foo/one", 0},
		{"no namespace", mesh.Ref{Kind: mesh.ServiceEntry, Name: "one"}, nil, "namespace", 0},
		{"a namespace where there is none", mesh.Ref{Kind: mesh.IPAddress, Namespace: "foo", Name: "10.0.0.1"}, nil, "namespace", 0},
		{"no name", mesh.Ref{Kind: mesh.ServiceEntry, Namespace: "foo"}, nil, "name", 0},
	} {
		t.Run(test.name, func(t *testing.T) {
			api := &answers{paths: test.paths}
			got, err := newReader(t, api).Get(t.Context(), test.ref)
			if got != nil || err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("Get(%s) = %v, %v; want an error with %q", test.ref, got, err, test.want)
			}
			if apierrors.IsNotFound(err) {
				t.Errorf("%v is taken for NotFound", err)
			}
			if asked := api.takeAsked(); len(asked) != test.asked {
				t.Errorf("it was asked %q; want %d questions", asked, test.asked)
			}
		})
	}
}

// TestReaderWrapsErrors: a caller can tell why it failed.
func TestReaderWrapsErrors(t *testing.T) {
	reader := newReader(t, &answers{paths: map[string]answer{entryV1: failure(403, "Forbidden")}})
	if _, err := reader.Get(t.Context(), entryRef); !apierrors.IsForbidden(err) {
		t.Errorf("got %v; want an error that says Forbidden", err)
	}
	ended, end := context.WithCancel(t.Context())
	end()
	if object, err := reader.Get(ended, entryRef); object != nil || !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, %v; want the error of the context that has ended", object, err)
	}
	away := httptest.NewServer(http.NotFoundHandler())
	away.Close()
	reader, err := NewReader(&rest.Config{Host: away.URL}, http.DefaultClient)
	if err != nil {
		t.Fatal(err)
	}
	if object, err := reader.Get(t.Context(), entryRef); object != nil || err == nil {
		t.Errorf("got %v, %v; want an error when there is no API server", object, err)
	}
}

// TestReaderRemembers: the version that was served is asked first, and all are
// tried when it is no longer served.
func TestReaderRemembers(t *testing.T) {
	api := &answers{paths: map[string]answer{}}
	reader := newReader(t, api)
	v1, v1beta1 := stored("networking.istio.io/v1", entryRef, `{}`), stored("networking.istio.io/v1beta1", entryRef, `{}`)
	absent := noObject("serviceentries", "networking.istio.io", "one")
	for _, step := range []struct {
		name            string
		inV1, inV1beta1 answer
		exists          bool
		asked           []string
	}{
		{"the second one is served", noPage, v1beta1, true, []string{entryV1, entryV1beta1}},
		{"it is remembered", noPage, v1beta1, true, []string{entryV1beta1}},
		{"the first one is served, too", v1, v1beta1, true, []string{entryV1beta1}},
		{"the second one is served no longer", v1, noPage, true, []string{entryV1beta1, entryV1}},
		{"the first one is remembered", v1, noPage, true, []string{entryV1}},
		{"the second one alone is served, without the object", noPage, absent, false, []string{entryV1, entryV1beta1}},
		{"that is remembered just as well", noPage, absent, false, []string{entryV1beta1}},
	} {
		api.set(entryV1, step.inV1)
		api.set(entryV1beta1, step.inV1beta1)
		got, err := reader.Get(t.Context(), entryRef)
		if err != nil || (got != nil) != step.exists {
			t.Errorf("%s: Get = %v, %v; want an object: %t", step.name, got, err, step.exists)
		}
		if diff := cmp.Diff(step.asked, api.takeAsked()); diff != "" {
			t.Errorf("%s: what was asked differs (-want +got):\n%s", step.name, diff)
		}
	}
}

// TestReaderWhileVersionsChange: a version that comes to be served after it was
// asked, while the one with the object ceases to be before it is asked, does not
// make the object look absent.
func TestReaderWhileVersionsChange(t *testing.T) {
	api := &answers{paths: map[string]answer{
		entryV1beta1: stored("networking.istio.io/v1beta1", entryRef, `{}`),
		definition:   okay(`{"apiVersion":"apiextensions.k8s.io/v1","kind":"CustomResourceDefinition"}`),
	}}
	api.heard = func(path string) {
		if path == entryV1 {
			api.paths[entryV1] = stored("networking.istio.io/v1", entryRef, `{}`)
			delete(api.paths, entryV1beta1)
		}
	}
	reader := newReader(t, api)
	if got, err := reader.Get(t.Context(), entryRef); got != nil || err == nil {
		t.Errorf("Get = %v, %v; want an error while versions change", got, err)
	}
	if got, err := reader.Get(t.Context(), entryRef); got == nil || err != nil {
		t.Errorf("Get = %v, %v; want the object afterwards", got, err)
	}
}

// TestReaderConcurrently: several goroutines share a Reader; the race detector
// is the judge.
func TestReaderConcurrently(t *testing.T) {
	reader := newReader(t, &answers{paths: map[string]answer{entryV1beta1: stored("networking.istio.io/v1beta1", entryRef, `{}`)}})
	var group sync.WaitGroup
	for range 4 {
		group.Go(func() {
			for range 20 {
				if got, err := reader.Get(t.Context(), entryRef); got == nil || err != nil {
					t.Errorf("Get = %v, %v; want the object", got, err)
				}
			}
		})
	}
	group.Wait()
}
