package mesh

import "cmp"

// Ref names an object. The same object in another version has the same Ref.
type Ref struct {
	Kind      Kind
	Namespace string
	Name      string
}

// String is the name as messages have it: "ServiceEntry foo/httpbin-bar", or
// "IPAddress 10.0.0.1" for an object without a namespace.
func (r Ref) String() string {
	if r.Namespace == "" {
		return r.Kind.String() + " " + r.Name
	}
	return r.Kind.String() + " " + r.Namespace + "/" + r.Name
}

// Compare orders by kind, namespace and name.
func (r Ref) Compare(other Ref) int {
	return cmp.Or(
		cmp.Compare(r.Kind, other.Kind),
		cmp.Compare(r.Namespace, other.Namespace),
		cmp.Compare(r.Name, other.Name),
	)
}
