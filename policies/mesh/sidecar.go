package mesh

// SidecarScope is what the Index keeps of a Sidecar.
type SidecarScope struct {
	Ref      Ref
	Revision string
	// Created is when the object was created, in seconds since 1970, and 0 when
	// that is not known.
	Created int64
	// Default is true for a Sidecar without workloadSelector: it holds for the
	// whole namespace.
	Default bool
	// Identity is the object's.
	Identity Identity
	// Selector is the labels of its workloadSelector.
	Selector map[string]string
}

func newSidecarScope(object *Object) *SidecarScope {
	holder := newHolder(object)
	return &SidecarScope{
		Ref:      holder.Ref,
		Revision: holder.Revision,
		Created:  holder.Created,
		Default:  object.Sidecar.GetWorkloadSelector() == nil,
		Identity: IdentityOf(object.UID),
		Selector: object.Sidecar.GetWorkloadSelector().GetLabels(),
	}
}
