package feed

import (
	"context"
	"net/http"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/cache"
)

// listWatch lists and watches one resource in one version.
type listWatch struct {
	client     rest.Interface
	parameters runtime.ParameterCodec
	plural     string
}

// newListWatch returns a listWatch whose objects are decoded into object and
// objectList.
func newListWatch(config *rest.Config, client *http.Client, resource Resource, version string) (*listWatch, error) {
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
	restClient, err := rest.RESTClientForConfigAndClient(config, client)
	if err != nil {
		return nil, err
	}
	return &listWatch{client: restClient, parameters: runtime.NewParameterCodec(scheme), plural: resource.Plural}, nil
}

// ListWithContext lists the objects of all namespaces.
func (l *listWatch) ListWithContext(ctx context.Context, options metav1.ListOptions) (runtime.Object, error) {
	list := &objectList{}
	err := l.client.Get().Resource(l.plural).VersionedParams(&options, l.parameters).Do(ctx).Into(list)
	return list, err
}

// WatchWithContext watches the objects of all namespaces.
func (l *listWatch) WatchWithContext(ctx context.Context, options metav1.ListOptions) (watch.Interface, error) {
	options.Watch = true
	return l.client.Get().Resource(l.plural).VersionedParams(&options, l.parameters).Watch(ctx)
}

// untilGone is a listWatch that says when the resource is no longer served.
type untilGone struct {
	*listWatch
	gone func()
}

var _ cache.ListerWatcherWithContext = (*untilGone)(nil)

// ListWithContext is listWatch's; see there.
func (u *untilGone) ListWithContext(ctx context.Context, options metav1.ListOptions) (runtime.Object, error) {
	list, err := u.listWatch.ListWithContext(ctx, options)
	return list, u.check(err)
}

// WatchWithContext is listWatch's; see there.
func (u *untilGone) WatchWithContext(ctx context.Context, options metav1.ListOptions) (watch.Interface, error) {
	events, err := u.listWatch.WatchWithContext(ctx, options)
	return events, u.check(err)
}

// List is asked for by cache.ListerWatcher; reflectors call ListWithContext.
func (u *untilGone) List(options metav1.ListOptions) (runtime.Object, error) {
	return u.ListWithContext(context.Background(), options)
}

// Watch is asked for by cache.ListerWatcher; reflectors call WatchWithContext.
func (u *untilGone) Watch(options metav1.ListOptions) (watch.Interface, error) {
	return u.WatchWithContext(context.Background(), options)
}

func (u *untilGone) check(err error) error {
	if apierrors.IsNotFound(err) {
		u.gone()
	}
	return err
}
