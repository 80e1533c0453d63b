package policies

import (
	"fmt"
	"strings"

	"fedmesh.io/fedmesh/policies/mesh"
)

// longestName bounds the names that messages quote. Hosts and names of objects
// can be 253 bytes long, warnings are cut off behind 256.
const longestName = 63

// Quote is a name or value as messages have it: whole where that is possible,
// else its beginning and its end.
func Quote(name string) string { return withoutMiddle(name, longestName) }

// withoutMiddle is a name of at most longest bytes: the beginning and the end of
// one that is longer.
func withoutMiddle(name string, longest int) string {
	if len(name) <= longest {
		return name
	}
	half := (longest - len("...")) / 2
	return strings.ToValidUTF8(name[:half], "") + "..." + strings.ToValidUTF8(name[len(name)-half:], "")
}

// AndMore is the first of names and how many there are beside it.
func AndMore(names []string) string {
	if len(names) == 1 {
		return Quote(names[0])
	}
	return fmt.Sprintf("%s and %d more", Quote(names[0]), len(names)-1)
}

// quoteRef names an object as messages have it.
func quoteRef(ref mesh.Ref) string {
	if ref.Namespace == "" {
		return ref.Kind.String() + " " + Quote(ref.Name)
	}
	return ref.Kind.String() + " " + Quote(ref.Namespace+"/"+ref.Name)
}
