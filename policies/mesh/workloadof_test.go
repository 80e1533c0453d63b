package mesh

import (
	"maps"
	"testing"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/proto"
)

// TestWorkloadOf: labels of the object come first, and the object stays as it is.
func TestWorkloadOf(t *testing.T) {
	const fields = `address: 10.0.0.7, network: network-1, weight: 3, locality: a/b, serviceAccount: httpbin, ports: {http: 8080}`
	for name, test := range map[string]struct {
		text string
		want map[string]string
	}{
		"none":          {`{spec: {` + fields + `}}`, map[string]string{}},
		"specification": {`{spec: {labels: {a: b}, ` + fields + `}}`, map[string]string{"a": "b"}},
		"object":        {`{metadata: {labels: {a: b}}, spec: {` + fields + `}}`, map[string]string{"a": "b"}},
		"both":          {`{metadata: {labels: {a: x, c: d}}, spec: {labels: {a: b, e: f}, ` + fields + `}}`, map[string]string{"a": "x", "c": "d", "e": "f"}},
	} {
		t.Run(name, func(t *testing.T) {
			object := decode(t, WorkloadEntry, test.text)
			before, labels := proto.CloneOf(object.WorkloadEntry), maps.Clone(object.Labels)
			got := WorkloadOf(object)
			if !proto.Equal(before, object.WorkloadEntry) || !maps.Equal(labels, object.Labels) {
				t.Errorf("the object changed: %v", object)
			}
			if diff := cmp.Diff(test.want, got.GetLabels()); diff != "" {
				t.Errorf("labels differ (-want +got):\n%s", diff)
			}
			got.Labels = before.GetLabels()
			if !proto.Equal(got, before) {
				t.Errorf("got %v; want %v but for the labels", got, before)
			}
		})
	}
}
