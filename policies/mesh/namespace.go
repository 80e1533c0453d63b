package mesh

import (
	"slices"

	"k8s.io/apimachinery/pkg/labels"

	"fedmesh.io/fedmesh/policies/api/v1alpha1"
	"fedmesh.io/fedmesh/policies/pods"
)

// Labels of namespaces that fedmesh reads.
const (
	// OptInLabel has the pods of a namespace take part in the federation when its
	// value is OptInValue.
	OptInLabel = v1alpha1.Group + "/federation"
	OptInValue = "enabled"

	// FinalCheckLabel has the check of finished pods refuse those of a namespace
	// when its value is FinalCheckDeny.
	FinalCheckLabel = v1alpha1.Group + "/final-check"
	FinalCheckDeny  = "deny"
)

// OptedIn reports whether pods of a namespace with these labels take part in the
// federation. Those of the ambient mode have no sidecar that would.
func OptedIn(namespace labels.Set) bool {
	return namespace[OptInLabel] == OptInValue && namespace[pods.DataplaneModeLabel] != "ambient"
}

// FinalCheck is what a finished pod that cannot take part leads to in a namespace
// with these labels. The label makes it stricter, and is no way around an operator
// who switched the check off. While no Federation is declared there is nothing to
// take part in.
func (f *Federation) FinalCheck(namespace labels.Set) v1alpha1.RuleAction {
	switch check := f.Spec.Pods.FinalCheck; {
	case !f.Declared || check == v1alpha1.FinalCheckOff:
		return v1alpha1.RuleOff
	case check == v1alpha1.FinalCheckDeny || namespace[FinalCheckLabel] == FinalCheckDeny:
		return v1alpha1.RuleDeny
	}
	return v1alpha1.RuleWarn
}

// namespace is what the Index keeps of a Namespace.
type namespace struct {
	labels      labels.Set
	terminating bool
}

// HasNamespace reports whether a namespace exists, as far as is known: files often
// hold none, and then say nothing about which there are.
func (v *View) HasNamespace(name string) bool {
	v.reads |= KindSet(Namespace)
	return v.index.namespace(name) != nil
}

// Terminating reports whether a namespace is being deleted.
func (v *View) Terminating(name string) bool {
	v.reads |= KindSet(Namespace)
	known := v.index.namespace(name)
	return known != nil && known.terminating
}

// OptedInNamespaces returns the namespaces that are OptedIn, in order. It costs what
// namespaces there are; it is for what holds for the whole mesh.
func (v *View) OptedInNamespaces() []string {
	v.reads |= KindSet(Namespace)
	v.index.lock.RLock()
	defer v.index.lock.RUnlock()
	var names []string
	for name, namespace := range v.index.namespaces {
		if OptedIn(namespace.labels) {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// HasNamespaces reports whether any namespace is known at all.
func (v *View) HasNamespaces() bool {
	v.reads |= KindSet(Namespace)
	v.index.lock.RLock()
	defer v.index.lock.RUnlock()
	return len(v.index.namespaces) > 0
}

func (x *Index) namespace(name string) *namespace {
	x.lock.RLock()
	defer x.lock.RUnlock()
	return x.namespaces[name]
}

// NamespaceLabels returns the labels of a namespace, and nil when it is not
// known. They must not be changed.
func (x *Index) NamespaceLabels(name string) labels.Set {
	if known := x.namespace(name); known != nil {
		return known.labels
	}
	return nil
}
