package mesh

import "slices"

// SidecarScope is what the Index keeps of a Sidecar.
type SidecarScope struct {
	Meta
	// Default is true for a Sidecar without workloadSelector: it holds for the
	// whole namespace.
	Default bool
	// Identity is the object's.
	Identity Identity
	// Selector is the labels of its workloadSelector, as SelectorLabels has them.
	Selector []string
}

func newSidecarScope(object *Object) *SidecarScope {
	return &SidecarScope{
		Meta:     newMeta(object),
		Default:  object.Sidecar.GetWorkloadSelector() == nil,
		Identity: IdentityOf(object.UID),
		Selector: SelectorLabels(object.Sidecar.GetWorkloadSelector().GetLabels()),
	}
}

// Sidecars returns the Sidecars of a namespace, the oldest first.
func (v *View) Sidecars(namespace string) []*SidecarScope {
	return shownIn(v, Sidecar, namespace, func(x *Index) byNamespace[*SidecarScope] { return x.sidecars })
}

// SelectorLabels returns labels in the form key=value and in order, which takes a
// fraction of the memory of a map. Neither part of a pod's label has a "=" in it.
func SelectorLabels(labels map[string]string) []string {
	if len(labels) == 0 {
		return nil
	}
	pairs := make([]string, 0, len(labels))
	for key, value := range labels {
		pairs = append(pairs, key+"="+value)
	}
	slices.Sort(pairs)
	return pairs
}
