package mesh

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/types"
)

// TestSplit: of the metadata, what is not asked for is not looked at, whatever it
// is.
func TestSplit(t *testing.T) {
	created := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	for name, test := range map[string]struct {
		metadata string
		want     Parts
	}{
		"empty":    {`{}`, Parts{}},
		"identity": {`{"name": "a", "namespace": "foo", "uid": "0f4f1f9e", "resourceVersion": "17"}`, Parts{Name: "a", Namespace: "foo", UID: types.UID("0f4f1f9e"), ResourceVersion: "17"}},
		"age and labels": {`{"creationTimestamp": "2026-01-02T03:04:05Z", "labels": {"a": "b"}}`,
			Parts{Created: created, Labels: map[string]string{"a": "b"}}},
		"no annotations":        {`{"annotations": null}`, Parts{}},
		"an annotation":         {`{"annotations": {"` + ReplacesAnnotation + `": "old"}}`, Parts{Replaces: "old"}},
		"an annotation of null": {`{"annotations": {"` + ReplacesAnnotation + `": null}}`, Parts{}},
		"other annotations":     {`{"annotations": {"a": {"b": 1}, "` + ReplacesAnnotation + `": "old", "replaces": "x"}}`, Parts{Replaces: "old"}},
		"other metadata":        {`{"managedFields": 1, "finalizers": 2}`, Parts{}},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := Split([]byte(`{"metadata": ` + test.metadata + `}`))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("parts differ (-want +got):\n%s", diff)
			}
		})
	}
}

// TestDecodeKeepsMetadata: what Split reads, the object has.
func TestDecodeKeepsMetadata(t *testing.T) {
	got := decode(t, Namespace, `{metadata: {name: foo, uid: 0f4f1f9e, resourceVersion: "17", creationTimestamp: "2026-01-02T03:04:05Z",
		labels: {istio.io/rev: canary}, annotations: {fedmesh.io/replaces: old}}}`)
	got.Created = got.Created.UTC()
	want := &Object{
		Ref: Ref{Kind: Namespace, Name: "foo"}, UID: "0f4f1f9e", ResourceVersion: "17", Revision: "canary",
		Created: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC), Labels: map[string]string{"istio.io/rev": "canary"}, Replaces: "old",
	}
	if diff := cmp.Diff(want, got, cmp.FilterPath(func(path cmp.Path) bool { return path.String() == "rawSpec" }, cmp.Ignore())); diff != "" {
		t.Errorf("objects differ (-want +got):\n%s", diff)
	}
}

func TestPredecessor(t *testing.T) {
	for name, test := range map[string]struct {
		object Object
		want   Ref
		ok     bool
	}{
		"none":              {Object{Ref: Ref{Kind: Sidecar, Namespace: "foo", Name: "a"}}, Ref{}, false},
		"another":           {Object{Ref: Ref{Kind: Sidecar, Namespace: "foo", Name: "a"}, Replaces: "b"}, Ref{Kind: Sidecar, Namespace: "foo", Name: "b"}, true},
		"itself":            {Object{Ref: Ref{Kind: Sidecar, Namespace: "foo", Name: "a"}, Replaces: "a"}, Ref{}, false},
		"the name to come":  {Object{Ref: Ref{Kind: ServiceEntry, Namespace: "foo"}, Replaces: "b"}, Ref{Kind: ServiceEntry, Namespace: "foo", Name: "b"}, true},
		"a namespace in it": {Object{Ref: Ref{Kind: Sidecar, Namespace: "foo", Name: "a"}, Replaces: "bar/b"}, Ref{Kind: Sidecar, Namespace: "foo", Name: "bar/b"}, true},
	} {
		t.Run(name, func(t *testing.T) {
			if got, ok := test.object.Predecessor(); got != test.want || ok != test.ok {
				t.Errorf("got %v, %t; want %v, %t", got, ok, test.want, test.ok)
			}
		})
	}
}
