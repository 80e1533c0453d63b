package feed

import (
	"encoding/json"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"

	"fedmesh.io/fedmesh/policies/mesh"
)

// object is how an object comes from the API server: its metadata read, the
// rest still JSON for package mesh to read.
type object struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata"`

	Spec   json.RawMessage `json:"spec"`
	Status json.RawMessage `json:"status"`
}

// DeepCopyObject is asked for by runtime.Object. Reflectors hand objects on and
// never change them, so sharing the JSON is safe.
func (o *object) DeepCopyObject() runtime.Object {
	duplicate := *o
	o.ObjectMeta.DeepCopyInto(&duplicate.ObjectMeta)
	return &duplicate
}

type objectList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata"`

	Items []object `json:"items"`
}

// DeepCopyObject is asked for by runtime.Object; see object.DeepCopyObject.
func (l *objectList) DeepCopyObject() runtime.Object {
	duplicate := *l
	l.ListMeta.DeepCopyInto(&duplicate.ListMeta)
	duplicate.Items = append([]object(nil), l.Items...)
	return &duplicate
}

// kept is what remains of an object on its way into the index: the name that a
// reflector's own store needs, the UID, and the record.
type kept struct {
	metav1.ObjectMeta
	record mesh.Record
}

// keep reads an object of kind and drops all but its record.
func keep(kind mesh.Kind, from *object) (*kept, error) {
	decoded, err := mesh.DecodeParts(kind, partsOf(from))
	if err != nil {
		return nil, err
	}
	return &kept{
		ObjectMeta: metav1.ObjectMeta{Namespace: from.Namespace, Name: from.Name, UID: from.UID},
		record:     mesh.NewRecord(decoded),
	}, nil
}

// partsOf is an object as package mesh decodes it.
func partsOf(from *object) mesh.Parts {
	return mesh.Parts{
		Namespace:       from.Namespace,
		Name:            from.Name,
		UID:             from.UID,
		ResourceVersion: from.ResourceVersion,
		Created:         from.CreationTimestamp.Time,
		Labels:          from.Labels,
		Replaces:        from.Annotations[mesh.ReplacesAnnotation],
		Owners:          from.OwnerReferences,
		Spec:            from.Spec,
		Status:          from.Status,
	}
}
