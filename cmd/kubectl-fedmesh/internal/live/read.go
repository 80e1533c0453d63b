package live

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/util/workqueue"

	"fedmesh.io/fedmesh/cmd/kubectl-fedmesh/internal/documents"
	"fedmesh.io/fedmesh/policies/mesh"
)

// workers is how many lists are asked for at the same time.
const workers = 4

// Configuration is what there is in a cluster.
type Configuration struct {
	// Documents of all kinds that package mesh knows, except pods, and of fedmesh's
	// own. Their File is the name of the cluster. Kinds come in a fixed order, each as
	// of one moment, and what is in them in the API server's; a kind that is not
	// installed has none.
	Documents []documents.Document
	// Problems are the kinds that could not be listed, with what it takes.
	Problems []documents.Problem
	// Unlisted are these kinds.
	Unlisted mesh.Kinds
}

// Read reads a cluster that is to be called name; for one of a fleet also what only
// rules about several clusters look at. An error is that it cannot be spoken with at
// all, or that ctx has ended.
func Read(ctx context.Context, name string, config *rest.Config, fleet bool) (Configuration, error) {
	client, err := newClient(config)
	if err != nil {
		return Configuration{}, err
	}
	all := resources(fleet)
	served, err := client.versions(ctx, all)
	if ctx.Err() != nil {
		return Configuration{}, context.Cause(ctx)
	}
	if err != nil {
		return Configuration{}, fmt.Errorf("cannot read the cluster at %s: %s", config.Host, reason(err))
	}
	objects, failed := make([][][]byte, len(all)), make([]error, len(all))
	workqueue.ParallelizeUntil(ctx, workers, len(all), func(i int) {
		if version := served.of(all[i]); version != "" {
			objects[i], failed[i] = client.list(ctx, all[i].path(version), all[i].selector)
		}
	})
	if ctx.Err() != nil {
		return Configuration{}, context.Cause(ctx)
	}
	var read Configuration
	for i, resource := range all {
		if err := failed[i]; err != nil {
			read.Problems = append(read.Problems, documents.Problem{File: name, Message: explain(resource, err)})
			read.Unlisted |= mesh.KindSet(resource.Kind)
			continue
		}
		version := resource.in(served.of(resource)).String()
		for _, object := range objects[i] {
			read.Documents = append(read.Documents, documents.Document{
				File: name, APIVersion: version, Kind: resource.Kind.String(), JSON: object,
			})
		}
	}
	return read, nil
}

// explain says why a resource is not listed, what it takes, and what comes of it.
func explain(resource resource, err error) string {
	if apierrors.IsForbidden(err) {
		return fmt.Sprintf("may not list %s: %s; grant the verb list on %s in all namespaces; until then %s",
			resource.Name(), reason(err), resource.Name(), resource.without)
	}
	return fmt.Sprintf("cannot list %s: %s; %s", resource.Name(), reason(err), resource.without)
}

// reason is an error in one line, without the path of the request, which says
// nothing to users.
func reason(err error) string {
	status, request := apierrors.APIStatus(nil), (*url.Error)(nil)
	text := err.Error()
	switch {
	case errors.As(err, &status):
		text = status.Status().Message
	case errors.As(err, &request):
		text = request.Err.Error()
	}
	return strings.Join(strings.Fields(text), " ") // plugins for credentials write several
}

// versions are the resources that can be listed in each version of a group.
type versions map[schema.GroupVersion]map[string]bool

// of is the version in which a resource is asked for, empty when it is not served.
func (v versions) of(resource resource) string {
	for _, version := range resource.Versions {
		if v[resource.in(version)][resource.Plural] {
			return version
		}
	}
	return ""
}

// versions asks what the API server serves of the groups in question. Without it a
// kind that is not installed could not be told from one that may not be listed: who
// may not gets 403 for both.
func (c *client) versions(ctx context.Context, all []resource) (versions, error) {
	core := schema.GroupVersion{Version: "v1"}
	served, err := c.served(ctx, core)
	if err != nil {
		return nil, err // of an API server that cannot be reached nothing more is asked
	}
	found := versions{core: served}
	var others []schema.GroupVersion
	for _, resource := range all {
		for _, version := range resource.Versions {
			asked := resource.in(version)
			if _, known := found[asked]; !known {
				found[asked] = nil
				others = append(others, asked)
			}
		}
	}
	lists, failed := make([]map[string]bool, len(others)), make([]error, len(others))
	workqueue.ParallelizeUntil(ctx, workers, len(others), func(i int) { lists[i], failed[i] = c.served(ctx, others[i]) })
	for i, version := range others {
		if failed[i] != nil {
			return nil, failed[i]
		}
		found[version] = lists[i]
	}
	return found, nil
}
