package policies

import (
	"cmp"

	"k8s.io/apimachinery/pkg/util/validation/field"

	"fedmesh.io/fedmesh/policies/mesh"
)

// What only one object may have, it can hand on to another one: whoever renames
// an object in a repository has the new one created before the old one is
// deleted. The new one names the old one in an annotation, mesh.ReplacesAnnotation,
// and while both are there a rule warns where it would deny.

// takeover is the finding on an object that has what only one may have together
// with its predecessor alone. It is about the annotation: a warning that was
// there before is no excuse for a conflict with somebody else.
func takeover(predecessor mesh.Ref, value, message string) Finding {
	return Finding{
		Action:  Warn,
		Excused: true,
		Field:   field.NewPath("metadata", "annotations").Key(mesh.ReplacesAnnotation),
		Value:   value,
		Message: message,
		Fix:     "delete that one",
		Related: []mesh.Ref{predecessor},
	}
}

// offerTakeover adds to the fix of a conflict with other, which was created in
// that second since 1970, that object could take over from it. It does so only
// where that is possible and likely to be meant: in one namespace, for an object
// that takes over from none yet and is not the older one. Nor does it where the
// warning would be cut off within the name: half a name is no help.
func offerTakeover(conflict Finding, object *mesh.Object, other mesh.Ref, created int64) Finding {
	_, takesOver := object.Predecessor()
	older := !object.Created.IsZero() && cmp.Or(cmp.Compare(object.Created.Unix(), created), object.Ref.Compare(other)) < 0
	if takesOver || older || other.Namespace != object.Namespace {
		return conflict
	}
	const around = len("FED000") + len(" (as before)") // the evaluator sets the ID later
	offered := conflict
	offered.Fix += ", or annotate this one with " + mesh.ReplacesAnnotation + ": " + other.Name
	if around+len(offered.String()) > MaxWarning {
		return conflict
	}
	return offered
}
