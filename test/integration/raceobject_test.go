package integration

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	coordinationv1 "k8s.io/api/coordination/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"

	"fedmesh.io/fedmesh/policies/mesh"
	"fedmesh.io/fedmesh/webhook/claims"
)

// dryPrefix is in the name or in a host of all that is only sent to be tried, so
// that it is known where it is stored after all, or claimed.
const dryPrefix = "dry-"

// raceObject is a ServiceEntry or a Sidecar of the race.
type raceObject struct {
	ref     mesh.Ref
	uid     types.UID
	version string
	// Of a ServiceEntry.
	hosts, addresses, exportTo []string
	// Of a Sidecar: it has a workloadSelector, so that it is not the default one.
	selective bool
}

// keys are what only one object may have, spelled out here once more: what decides
// whether the product is right should not be the product's own code.
func (o *raceObject) keys() []claims.Key {
	var keys []claims.Key
	if o.ref.Kind == mesh.Sidecar {
		if !o.selective {
			keys = append(keys, claims.Key{Kind: claims.Sidecar, Name: o.ref.Namespace})
		}
		return keys
	}
	for _, host := range o.hosts {
		keys = append(keys, claims.Key{Kind: claims.Host, Name: host, ExportTo: o.level()})
	}
	for _, address := range o.addresses {
		keys = append(keys, claims.Key{Kind: claims.VIP, Name: address})
	}
	return keys
}

// level is the one namespace that a ServiceEntry is exported to; empty when that
// is every one. The race has none for several.
func (o *raceObject) level() string {
	switch {
	case len(o.exportTo) == 0 || o.exportTo[0] == "*":
		return ""
	case o.exportTo[0] == ".":
		return o.ref.Namespace
	}
	return o.exportTo[0]
}

// dry reports whether the object was only to be tried.
func (o *raceObject) dry() bool {
	return strings.HasPrefix(o.ref.Name, dryPrefix) ||
		slices.ContainsFunc(o.hosts, func(host string) bool { return strings.HasPrefix(host, dryPrefix) })
}

func (o *raceObject) spec() map[string]any {
	if o.ref.Kind == mesh.Sidecar {
		spec := map[string]any{"egress": []any{map[string]any{"hosts": []any{"*/*"}}}}
		if o.selective {
			// Of its own: equal selectors are FED303's, which claims nothing.
			spec["workloadSelector"] = map[string]any{"labels": map[string]any{"app": o.ref.Name}}
		}
		return spec
	}
	spec := map[string]any{
		"hosts":      anySlice(o.hosts),
		"addresses":  anySlice(o.addresses),
		"location":   "MESH_INTERNAL",
		"resolution": "DNS",
		"ports":      []any{map[string]any{"number": int64(8000), "name": "http", "protocol": "HTTP"}},
		"endpoints":  []any{map[string]any{"address": "gateway.bar.com", "ports": map[string]any{"http": int64(15443)}}},
	}
	if len(o.exportTo) > 0 {
		spec["exportTo"] = anySlice(o.exportTo)
	}
	return spec
}

// manifest is the object as a client sends it. One without a version is to be
// created, and one without a name gets one.
func (o *raceObject) manifest() *unstructured.Unstructured {
	object := newRaceKind(o.ref.Kind)
	object.Object["spec"] = o.spec()
	object.SetNamespace(o.ref.Namespace)
	object.SetName(o.ref.Name)
	object.SetResourceVersion(o.version)
	if o.ref.Name == "" {
		object.SetGenerateName("generated-")
	}
	return object
}

func newRaceKind(kind mesh.Kind) *unstructured.Unstructured {
	return &unstructured.Unstructured{Object: map[string]any{"apiVersion": "networking.istio.io/v1", "kind": kind.String()}}
}

func anySlice(texts []string) []any {
	var values []any
	for _, text := range texts {
		values = append(values, text)
	}
	return values
}

// readObject is what the API server has as the race knows it.
func readObject(kind mesh.Kind, stored *unstructured.Unstructured) raceObject {
	object := raceObject{
		ref:     mesh.Ref{Kind: kind, Namespace: stored.GetNamespace(), Name: stored.GetName()},
		uid:     stored.GetUID(),
		version: stored.GetResourceVersion(),
	}
	object.hosts, _, _ = unstructured.NestedStringSlice(stored.Object, "spec", "hosts")
	object.addresses, _, _ = unstructured.NestedStringSlice(stored.Object, "spec", "addresses")
	object.exportTo, _, _ = unstructured.NestedStringSlice(stored.Object, "spec", "exportTo")
	_, object.selective, _ = unstructured.NestedMap(stored.Object, "spec", "workloadSelector")
	slices.Sort(object.hosts)
	return object
}

// raceClaim is a claim as its Lease has it.
type raceClaim struct {
	key     claims.Key
	lease   string
	version string
	entries []raceEntry
}

// raceEntry is what the race has to know of an entry of a claim.
type raceEntry struct {
	Object  string // Kind/namespace/name
	UID     types.UID
	Hosts   []string
	Created *time.Time // of one that is confirmed
}

// readClaim reads what webhook/claims writes.
func readClaim(lease *coordinationv1.Lease) (raceClaim, error) {
	claim := raceClaim{lease: lease.Name, version: lease.ResourceVersion}
	var err error
	if claim.key, err = claims.ParseKey(lease.Annotations["fedmesh.io/key"]); err != nil {
		return claim, fmt.Errorf("lease %s: %w", lease.Name, err)
	}
	if err := json.Unmarshal([]byte(lease.Annotations["fedmesh.io/entries"]), &claim.entries); err != nil {
		return claim, fmt.Errorf("lease %s: %w", lease.Name, err)
	}
	return claim, nil
}

// speaksFor reports whether the claim has an entry of object, for the hosts that it
// has where it matters.
func (c *raceClaim) speaksFor(object *raceObject, confirmed bool) bool {
	return slices.ContainsFunc(c.entries, func(entry raceEntry) bool { return entry.of(c.key, object) && (entry.Created != nil || !confirmed) })
}

func (e *raceEntry) of(key claims.Key, object *raceObject) bool {
	name := object.ref.Kind.String() + "/" + object.ref.Namespace + "/" + object.ref.Name
	return e.Object == name && e.UID == object.uid && (key.Kind != claims.VIP || slices.Equal(e.Hosts, object.hosts))
}

// dry reports whether the claim is there because of something that was only to be
// tried.
func (c *raceClaim) dry() bool {
	return strings.HasPrefix(c.key.Name, dryPrefix) ||
		slices.ContainsFunc(c.entries, func(entry raceEntry) bool { return strings.Contains(entry.Object, "/"+dryPrefix) })
}
