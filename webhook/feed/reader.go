package feed

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync/atomic"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"

	"fedmesh.io/fedmesh/policies/mesh"
)

// Reader reads single objects from the API server as they are now. The Index may
// lag behind; what hangs on whether an object exists this very moment asks here.
// It is safe for use by several goroutines.
type Reader struct {
	kinds map[mesh.Kind]*kindReader
}

// kindReader reads objects of one kind.
type kindReader struct {
	clients    []*client // one a version, in the order of preference
	definition string    // definitionOf
	// served is the client of the version that was served last.
	served atomic.Pointer[client]
}

// NewReader returns a Reader of ServiceEntries, Sidecars, Services and
// IPAddresses, the kinds whose objects hold something, from the API server that
// config and client speak of. The error is that config makes no client.
func NewReader(config *rest.Config, client *http.Client) (*Reader, error) {
	readable := mesh.KindSet(mesh.ServiceEntry, mesh.Sidecar, mesh.Service, mesh.IPAddress)
	reader := &Reader{kinds: map[mesh.Kind]*kindReader{}}
	for _, resource := range Resources() {
		if !readable.Has(resource.Kind) {
			continue
		}
		clients, err := newClients(config, client, resource)
		if err != nil {
			return nil, err
		}
		kind := &kindReader{clients: clients, definition: definitionOf(resource)}
		kind.served.Store(clients[0])
		reader.kinds[resource.Kind] = kind
	}
	return reader, nil
}

// definitionOf is the name of the CustomResourceDefinition that a resource comes
// from; empty for those of Kubernetes itself.
func definitionOf(resource mesh.Resource) string {
	group := resource.Kind.GroupKind().Group
	if group == "" || strings.HasSuffix(group, ".k8s.io") {
		return ""
	}
	return resource.Name()
}

// Get returns the object as the API server has it now, and nil when it does not
// exist; an object of a kind that is not installed does not. To learn that one
// is not, it reads the kind's CustomResourceDefinition.
//
// It is an error when the API server cannot say, when the object cannot be
// decoded, and when ref is of a kind that is not read here or has a namespace
// where the kind has none, or the other way round. Errors name the object; those
// of the API server are wrapped, and none of them is a NotFound.
func (r *Reader) Get(ctx context.Context, ref mesh.Ref) (*mesh.Object, error) {
	kind, ok := r.kinds[ref.Kind]
	if !ok {
		return nil, fmt.Errorf("cannot read %s: its kind is not among those read one by one", ref)
	}
	// Such a path is served by nobody, which would look like a kind that is not
	// installed.
	if (ref.Namespace == "") != (ref.Kind == mesh.IPAddress) {
		return nil, fmt.Errorf("cannot read %s: %q cannot be its namespace", ref, ref.Namespace)
	}
	found, err := kind.get(ctx, ref)
	if err != nil {
		return nil, fmt.Errorf("cannot read %s: %w", ref, err)
	}
	if found == nil {
		return nil, nil
	}
	return mesh.DecodeParts(ref.Kind, partsOf(found)) // its error names the object
}

// get returns an object in the first version that is served, and nil when it
// does not exist.
func (k *kindReader) get(ctx context.Context, ref mesh.Ref) (*object, error) {
	for _, client := range k.inOrder() {
		found, err := client.Get(ctx, ref.Namespace, ref.Name)
		switch {
		case err == nil && (found.Namespace != ref.Namespace || found.Name != ref.Name):
			return nil, fmt.Errorf("the API server answered with %q of namespace %q", found.Name, found.Namespace)
		case err == nil:
			k.served.Store(client)
			return found, nil
		case SaysAbsent(err, ref.Name):
			k.served.Store(client)
			return nil, nil
		case !apierrors.IsNotFound(err):
			return nil, err
		}
	}
	return nil, k.confirmMissing(ctx)
}

// confirmMissing returns an error unless the kind is not installed. That no
// version is served does not say so: when other versions are to be served than
// before, there are moments in which the API server serves neither, since it
// looks at the new definition and at what it has made of the old one
// (k8s.io/apiextensions-apiserver pkg/apiserver/customresource_handler.go,
// ServeHTTP; seen on Kubernetes 1.36). So the definition is asked for. What
// Kubernetes itself serves is fixed when the API server starts.
func (k *kindReader) confirmMissing(ctx context.Context) error {
	if k.definition == "" {
		return nil
	}
	err := k.clients[0].GetDefinition(ctx, k.definition)
	switch {
	case err == nil:
		return fmt.Errorf("%s is installed, but no version of it is served at the moment", k.definition)
	case SaysAbsent(err, k.definition):
		return nil
	case apierrors.IsNotFound(err): // not wrapped: it says nothing about the object
		return fmt.Errorf("neither a version of %s is served nor are CustomResourceDefinitions", k.definition)
	}
	return fmt.Errorf("no version of %s is served, and whether it is installed cannot be learnt: %w", k.definition, err)
}

// inOrder lists the clients, the one of the version that was served last first.
func (k *kindReader) inOrder() []*client {
	order := []*client{k.served.Load()}
	for _, client := range k.clients {
		if client != order[0] {
			order = append(order, client)
		}
	}
	return order
}

// SaysAbsent reports whether err, of a GET, says that the object called name
// does not exist. The other things that come as NotFound say that the resource
// is not served in this version, and nothing about the object:
//
//   - "404 page not found" in plain text, in the groups of custom resources
//     (k8s.io/apiserver pkg/util/notfoundhandler). The client makes a Status of
//     it, with the object's name and a cause by which it is recognized
//     (k8s.io/client-go rest/request.go, newUnstructuredResponseError);
//   - a Status without a name and without that cause, in the groups of Kubernetes
//     itself (k8s.io/apiserver pkg/server/handler.go, serviceErrorHandler).
func SaysAbsent(err error, name string) bool {
	var status apierrors.APIStatus
	if !apierrors.IsNotFound(err) || !errors.As(err, &status) {
		return false
	}
	details := status.Status().Details
	return details != nil && details.Name == name && !apierrors.HasStatusCause(err, metav1.CauseTypeUnexpectedServerResponse)
}
