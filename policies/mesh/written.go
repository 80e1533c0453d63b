package mesh

import (
	"encoding/json"
	"strconv"
	"strings"
)

// Writes reports whether the specification, as it was written, has the field at
// path, such as trafficPolicy.portLevelSettings[0].tls. A decoded message does not
// tell an enum that was left out from its first value; messages to users have to.
func (o *Object) Writes(path string) bool {
	var value any
	if json.Unmarshal(o.rawSpec, &value) != nil {
		return false
	}
	for _, step := range strings.FieldsFunc(path, func(r rune) bool { return strings.ContainsRune(".[]", r) }) {
		switch at := value.(type) {
		case map[string]any:
			value = at[step]
		case []any:
			i, err := strconv.Atoi(step)
			if err != nil || i < 0 || i >= len(at) {
				return false
			}
			value = at[i]
		default:
			return false
		}
	}
	return value != nil
}
