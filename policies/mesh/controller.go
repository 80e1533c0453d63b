package mesh

import "k8s.io/apimachinery/pkg/runtime/schema"

// controllerOf returns the object that controls another one. An owner is in the
// same namespace.
func controllerOf(parts Parts) Ref {
	for _, owner := range parts.Owners {
		if owner.Controller == nil || !*owner.Controller {
			continue
		}
		group := schema.FromAPIVersionAndKind(owner.APIVersion, owner.Kind).Group
		if kind, known := KindOf(group, owner.Kind); known {
			return Ref{Kind: kind, Namespace: parts.Namespace, Name: owner.Name}
		}
		break
	}
	return Ref{}
}
