package mutate

import (
	"cmp"
	"encoding/json"
	"fmt"
	"strings"

	"k8s.io/apimachinery/pkg/runtime/schema"

	"fedmesh.io/fedmesh/cmd/kubectl-fedmesh/internal/documents"
)

// Workload is a pod, or what makes pods of a template.
type Workload struct {
	// Kind, and Namespace and Name of the object. The name is what comes before the
	// generated part where the API server makes one.
	Kind, Namespace, Name string
	Document              documents.Document
	// Result is the object in JSON as fedmesh would leave it. It is the document's
	// JSON where fedmesh changes nothing.
	Result []byte

	// steps lead to the pod, or to the template: both have metadata and spec.
	steps []string
	pod   json.RawMessage // nil where there is no template
}

// String names the object as findings do: "Deployment foo/sleep".
func (w *Workload) String() string { return w.Kind + " " + w.Namespace + "/" + w.Name }

// newWorkload reads the workload of a document; it is nil for another kind.
func newWorkload(document documents.Document, namespace string) (*Workload, error) {
	steps, known := podPath(schema.FromAPIVersionAndKind(document.APIVersion, document.Kind).GroupKind())
	if !known {
		return nil, nil
	}
	var head struct {
		Metadata struct {
			Name         string `json:"name"`
			GenerateName string `json:"generateName"`
			Namespace    string `json:"namespace"`
		} `json:"metadata"`
	}
	if err := json.Unmarshal(document.JSON, &head); err != nil {
		return nil, err
	}
	meta := &head.Metadata
	workload := &Workload{
		Kind:      document.Kind,
		Namespace: cmp.Or(meta.Namespace, namespace),
		Name:      cmp.Or(meta.Name, meta.GenerateName),
		Document:  document,
		Result:    document.JSON,
		steps:     steps,
	}
	var err error
	workload.pod, err = member(document.JSON, steps)
	return workload, err
}

// podPath is where objects of a kind have the pod, or the template of their pods.
// Other kinds make pods too; what their templates become is for their controllers
// to say.
func podPath(kind schema.GroupKind) (steps []string, known bool) {
	switch kind {
	case schema.GroupKind{Kind: "Pod"}:
		return nil, true
	case schema.GroupKind{Kind: "PodTemplate"}:
		return []string{"template"}, true
	case schema.GroupKind{Group: "batch", Kind: "CronJob"}:
		return []string{"spec", "jobTemplate", "spec", "template"}, true
	case schema.GroupKind{Kind: "ReplicationController"},
		schema.GroupKind{Group: "apps", Kind: "Deployment"},
		schema.GroupKind{Group: "apps", Kind: "StatefulSet"},
		schema.GroupKind{Group: "apps", Kind: "DaemonSet"},
		schema.GroupKind{Group: "apps", Kind: "ReplicaSet"},
		schema.GroupKind{Group: "batch", Kind: "Job"},
		schema.GroupKind{Group: "argoproj.io", Kind: "Rollout"}:
		return []string{"spec", "template"}, true
	}
	return nil, false
}

// member returns what lies at the end of steps, and nil when that is nothing.
func member(object json.RawMessage, steps []string) (json.RawMessage, error) {
	for i, step := range steps {
		var members map[string]json.RawMessage
		if err := json.Unmarshal(object, &members); err != nil {
			return nil, fmt.Errorf("%s: want an object", strings.Join(steps[:i], "."))
		}
		object = members[step]
		if len(object) == 0 || string(object) == "null" {
			return nil, nil
		}
	}
	return object, nil
}

// pointer is the JSON pointer to the pod.
func (w *Workload) pointer() string {
	if len(w.steps) == 0 {
		return ""
	}
	return "/" + strings.Join(w.steps, "/")
}

// path is the field path to the pod, or to a field of it.
func (w *Workload) path(field string) string {
	return strings.Trim(strings.Join(w.steps, ".")+"."+field, ".")
}
