package live

import (
	"context"
	"fmt"
	"strconv"

	"github.com/go-json-experiment/json"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/pager"
)

// pageSize is how many objects are asked for at once: as many as kubectl does.
const pageSize = 500

// client asks an API server, and leaves what it gets as JSON. A client with types
// would make the program several times as large, and lose fields.
type client struct {
	rest rest.Interface
}

func newClient(config *rest.Config) (*client, error) {
	scheme := runtime.NewScheme()
	metav1.AddToGroupVersion(scheme, schema.GroupVersion{Version: "v1"}) // Status, which says what went wrong
	config = rest.CopyConfig(config)
	config.NegotiatedSerializer = serializer.NewCodecFactory(scheme).WithoutConversion()
	config.AcceptContentTypes = runtime.ContentTypeJSON
	config.ContentType = runtime.ContentTypeJSON
	made, err := rest.UnversionedRESTClientFor(config)
	if err != nil {
		return nil, fmt.Errorf("cannot make a client: %w", err)
	}
	return &client{rest: made}, nil
}

// get reads what is at a path into an object in JSON.
func (c *client) get(ctx context.Context, path string, parameters map[string]string, into any) error {
	request := c.rest.Get().AbsPath(path)
	for name, value := range parameters {
		request = request.Param(name, value)
	}
	result := request.Do(ctx)
	if err := result.Error(); err != nil {
		return err
	}
	body, err := result.Raw()
	if err != nil {
		return err
	}
	if err := json.Unmarshal(body, into); err != nil {
		return fmt.Errorf("cannot read the answer of the API server for %s: %w", path, err)
	}
	return nil
}

// served returns the resources of a group in a version, those that can be listed:
// none when the API server does not serve it.
func (c *client) served(ctx context.Context, version schema.GroupVersion) (map[string]bool, error) {
	var list metav1.APIResourceList
	err := c.get(ctx, groupPath(version), nil, &list)
	if apierrors.IsNotFound(err) {
		return nil, nil
	}
	listed := map[string]bool{}
	for _, resource := range list.APIResources {
		for _, verb := range resource.Verbs {
			if verb == "list" {
				listed[resource.Name] = true
			}
		}
	}
	return listed, err
}

// list returns the objects at a path that a selector of labels takes, page by page.
func (c *client) list(ctx context.Context, path, selector string) ([][]byte, error) {
	pages := pager.New(func(ctx context.Context, options metav1.ListOptions) (runtime.Object, error) {
		parameters := map[string]string{}
		if options.Limit > 0 {
			parameters["limit"] = strconv.FormatInt(options.Limit, 10)
		}
		if selector != "" {
			parameters["labelSelector"] = selector
		}
		if options.Continue != "" {
			parameters["continue"] = options.Continue
		}
		list := &metav1.List{}
		if err := c.get(ctx, path, parameters, list); err != nil {
			return nil, err
		}
		// The pager puts objects together, not JSON.
		for i := range list.Items {
			list.Items[i].Object = &runtime.Unknown{Raw: list.Items[i].Raw}
		}
		return list, nil
	})
	pages.PageSize = pageSize
	list, _, err := pages.List(ctx, metav1.ListOptions{})
	if err != nil {
		return nil, err
	}
	items, err := meta.ExtractList(list)
	if err != nil {
		return nil, err
	}
	objects := make([][]byte, 0, len(items))
	for _, item := range items {
		objects = append(objects, item.(*runtime.Unknown).Raw)
	}
	return objects, nil
}
