package policies

import (
	"fmt"
	"strings"

	"k8s.io/apimachinery/pkg/util/validation/field"

	"fedmesh.io/fedmesh/policies/mesh"
)

// Finding is one thing that a rule found in one object.
type Finding struct {
	// Rule is the ID of the rule. The evaluator sets it.
	Rule string
	// Action that the finding leads to. A rule sets it only where it differs
	// from the rule's own; the evaluator applies the Federation's settings.
	Action Action
	// Offline is the action that it leads to where the whole set of objects is
	// visible, as on the command line; empty where that makes no difference.
	Offline Action
	// Ref is the object. The evaluator sets it.
	Ref mesh.Ref
	// Field that the finding is about.
	Field *field.Path
	// Value that was found there, as text; empty when the field is absent.
	Value string
	// Message says what was found and what is wrong with it: no capital at the
	// start, no full stop at the end.
	Message string
	// Fix is the one step that mends it, in the same form.
	Fix string
	// Related are the other objects that have a part in it.
	Related []mesh.Ref
	// Exclusive is that of the rule. The evaluator sets it.
	Exclusive bool
	// Excused is true for a finding that is a warning at most, whatever the
	// Federation makes of the rule's other ones.
	Excused bool
	// Exemption is the name of the FederationExemption, in the namespace of the
	// object, that the finding is for the audit by; empty without one. The evaluator
	// sets it.
	Exemption string
	// Expired is an exemption that would be one if it had not ended; nil without one.
	// The evaluator sets it.
	Expired *mesh.Exemption
	// Known is true when the object that is being replaced had this finding
	// already. The evaluator sets it.
	Known bool
}

// String is the finding in one line, the same everywhere:
//
//	[FED105] spec.addresses[0]: 240.0.0.2 already belongs to …; next free address: 240.0.0.7
func (f Finding) String() string {
	return "[" + f.Rule + "] " + f.Field.String() + ": " + f.Text()
}

// Text is the message and the fix in one line, without rule and field.
func (f Finding) Text() string {
	if f.Fix == "" {
		return f.Message
	}
	return f.Message + "; " + f.Fix
}

// Fingerprint identifies the finding across updates of its object and across
// runs: the rule, the object, the field without list indices and the value. An
// element that moved within its list is the same finding.
func (f Finding) Fingerprint() string {
	return fmt.Sprintf("%s|%s|%s|%s", f.Rule, f.Ref, withoutIndices(f.Field.String()), f.Value)
}

// withoutIndices turns spec.endpoints[3].address into spec.endpoints[].address.
// Keys of maps stay.
func withoutIndices(path string) string {
	var out strings.Builder
	for path != "" {
		open := strings.IndexByte(path, '[')
		if open < 0 {
			break
		}
		end := strings.IndexByte(path[open:], ']')
		if end < 0 {
			break
		}
		end += open
		out.WriteString(path[:open+1])
		if inner := path[open+1 : end]; strings.Trim(inner, "0123456789") != "" {
			out.WriteString(inner)
		}
		out.WriteByte(']')
		path = path[end+1:]
	}
	out.WriteString(path)
	return out.String()
}
