package policies

import (
	"maps"
	"slices"
	"strings"

	"fedmesh.io/fedmesh/policies/pods"
)

// registration is MUT4: the labels by which SPIRE knows that a pod is to have
// an identity. A label that the pod has is the user's, whatever its value.
func (m *podMutation) registration() (status string) {
	labels := m.settings.Pods.RegistrationLabels
	if len(labels) == 0 {
		return "off: pods.registrationLabels is empty"
	}
	var applied, kept []string
	for _, key := range slices.Sorted(maps.Keys(labels)) {
		want := labels[key]
		value, present := m.pod.Labels.Lookup(key)
		switch {
		case !present:
			m.label(key, want)
			applied = append(applied, key+"="+want)
		case value == want:
			applied = append(applied, key+"="+want)
		default:
			kept = append(kept, "the pod sets "+key+` to "`+pods.Shorten(value)+`"`)
		}
	}
	var parts []string
	if len(applied) > 0 {
		parts = append(parts, "applied: "+strings.Join(applied, ", "))
	}
	if len(kept) > 0 {
		parts = append(parts, "kept: "+strings.Join(kept, ", "))
	}
	return strings.Join(parts, "; ")
}
