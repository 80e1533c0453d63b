package policies

import (
	"fmt"
	"slices"
	"strings"

	"fedmesh.io/fedmesh/policies/pods"
)

// podMutation gathers the changes to one pod.
type podMutation struct {
	pod      *pods.Pod
	settings PodSettings
	injected bool

	labels, annotations []assignment
	operations          []PatchOperation // on the specification
	warnings            []string
	findings            []Finding
}

// assignment is a label or an annotation to be set.
type assignment struct{ key, value string }

func (m *podMutation) label(key, value string) {
	m.labels = append(m.labels, assignment{key, value})
}

// annotate sets an annotation unless it has the value.
func (m *podMutation) annotate(key, value string) {
	if current, present := m.pod.Annotations.Lookup(key); !present || current != value {
		m.annotations = append(m.annotations, assignment{key, value})
	}
}

// add adds a member or an item, or sets a member whether it is there or not.
func (m *podMutation) add(path string, value any) {
	m.operations = append(m.operations, PatchOperation{Op: "add", Path: path, Value: value})
}

func (m *podMutation) replace(path string, value any) {
	m.operations = append(m.operations, PatchOperation{Op: "replace", Path: path, Value: value})
}

func (m *podMutation) remove(path string) {
	m.operations = append(m.operations, PatchOperation{Op: "remove", Path: path})
}

// environmentVariable is a variable to be added.
type environmentVariable struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

// addVariable adds a variable that the container's environment lacks.
func (m *podMutation) addVariable(c *pods.Container, name, value string) {
	added := environmentVariable{Name: name, Value: value}
	if c.HasEnvironment {
		m.add(c.Path+"/env/-", added)
		return
	}
	c.HasEnvironment = true
	m.add(c.Path+"/env", []environmentVariable{added})
}

// patch returns the operations: on the metadata in the order of keys, then on
// the specification.
func (m *podMutation) patch() []PatchOperation {
	if len(m.labels) == 0 && len(m.annotations) == 0 && len(m.operations) == 0 {
		return nil
	}
	operations := make([]PatchOperation, 0, 1+len(m.labels)+len(m.annotations)+len(m.operations))
	if !m.pod.HasMetadata {
		operations = append(operations, PatchOperation{Op: "add", Path: "/metadata", Value: struct{}{}})
	}
	operations = setMap(operations, "/metadata/labels", &m.pod.Labels, m.labels)
	operations = setMap(operations, "/metadata/annotations", &m.pod.Annotations, m.annotations)
	return append(operations, m.operations...)
}

// setMap appends the operations that set labels or annotations. A map that is
// absent or null has no place for a member and is made whole.
func setMap(operations []PatchOperation, path string, current *pods.Strings, assignments []assignment) []PatchOperation {
	if len(assignments) == 0 {
		return operations
	}
	if !current.Present {
		values := make(map[string]string, len(assignments)) // is encoded in the order of keys
		for _, assignment := range assignments {
			values[assignment.key] = assignment.value
		}
		return append(operations, PatchOperation{Op: "add", Path: path, Value: values})
	}
	slices.SortFunc(assignments, func(a, b assignment) int { return strings.Compare(a.key, b.key) })
	for _, assignment := range assignments {
		op := "add"
		if current.Has(assignment.key) {
			op = "replace"
		}
		operations = append(operations, PatchOperation{
			Op: op, Path: path + "/" + escapePointer(assignment.key), Value: assignment.value,
		})
	}
	return operations
}

// escapePointer writes a member name as part of a JSON pointer (RFC 6901).
func escapePointer(name string) string {
	if !strings.ContainsAny(name, "~/") {
		return name
	}
	return strings.ReplaceAll(strings.ReplaceAll(name, "~", "~0"), "/", "~1")
}

// warn tells the user what was left alone.
func (m *podMutation) warn(format string, args ...any) {
	m.warnings = append(m.warnings, pods.Cut(fmt.Sprintf(format, args...), MaxWarning))
}
