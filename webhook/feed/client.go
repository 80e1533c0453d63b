package feed

import (
	"context"
	"fmt"
	"net/http"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/rest"

	"fedmesh.io/fedmesh/policies/mesh"
)

// client asks the API server for one resource in one version.
type client struct {
	rest       rest.Interface
	parameters runtime.ParameterCodec
	plural     string
}

// newClients returns a client for each version of a resource, in their order.
func newClients(config *rest.Config, httpClient *http.Client, resource mesh.Resource) ([]*client, error) {
	clients := make([]*client, 0, len(resource.Versions))
	for _, version := range resource.Versions {
		client, err := newClient(config, httpClient, resource, version)
		if err != nil {
			return nil, fmt.Errorf("cannot make a client for %s: %w", resource.Plural, err)
		}
		clients = append(clients, client)
	}
	return clients, nil
}

// newClient returns a client whose objects are decoded into object and
// objectList.
func newClient(config *rest.Config, httpClient *http.Client, resource mesh.Resource, version string) (*client, error) {
	groupKind := resource.Kind.GroupKind()
	groupVersion := schema.GroupVersion{Group: groupKind.Group, Version: version}
	scheme := runtime.NewScheme()
	scheme.AddKnownTypeWithName(groupVersion.WithKind(groupKind.Kind), &object{})
	scheme.AddKnownTypeWithName(groupVersion.WithKind(groupKind.Kind+"List"), &objectList{})
	metav1.AddToGroupVersion(scheme, groupVersion)

	config = rest.CopyConfig(config)
	config.GroupVersion = &groupVersion
	config.APIPath = "/apis"
	if groupKind.Group == "" {
		config.APIPath = "/api"
	}
	config.NegotiatedSerializer = serializer.NewCodecFactory(scheme).WithoutConversion()
	config.AcceptContentTypes = runtime.ContentTypeJSON
	config.ContentType = runtime.ContentTypeJSON
	restClient, err := rest.RESTClientForConfigAndClient(config, httpClient)
	if err != nil {
		return nil, err
	}
	return &client{rest: restClient, parameters: runtime.NewParameterCodec(scheme), plural: resource.Plural}, nil
}

// Get reads one object; namespace is empty for kinds without namespaces. It
// names no resource version, so that the answer is never one of a cache's.
func (c *client) Get(ctx context.Context, namespace, name string) (*object, error) {
	found := &object{}
	err := c.rest.Get().NamespaceIfScoped(namespace, namespace != "").Resource(c.plural).Name(name).Do(ctx).Into(found)
	return found, err
}

// GetDefinition asks for a CustomResourceDefinition by its name; the answer is in
// the error alone.
func (c *client) GetDefinition(ctx context.Context, name string) error {
	return c.rest.Get().AbsPath("/apis/apiextensions.k8s.io/v1/customresourcedefinitions", name).Do(ctx).Error()
}

// ListWithContext lists the objects of all namespaces.
func (c *client) ListWithContext(ctx context.Context, options metav1.ListOptions) (runtime.Object, error) {
	list := &objectList{}
	err := c.rest.Get().Resource(c.plural).VersionedParams(&options, c.parameters).Do(ctx).Into(list)
	return list, err
}

// WatchWithContext watches the objects of all namespaces.
func (c *client) WatchWithContext(ctx context.Context, options metav1.ListOptions) (watch.Interface, error) {
	options.Watch = true
	return c.rest.Get().Resource(c.plural).VersionedParams(&options, c.parameters).Watch(ctx)
}
