package mesh

import (
	"encoding/json"
	"fmt"
)

// Writes reports whether the specification, as it was written, has the field at
// the end of path, which is names of fields and indices of lists. A decoded
// message does not tell an enum that was left out from its first value; messages
// to users have to.
func (o *Object) Writes(path ...any) bool {
	var value any
	if json.Unmarshal(o.rawSpec, &value) != nil {
		return false
	}
	for _, step := range path {
		switch step := step.(type) {
		case string:
			fields, _ := value.(map[string]any)
			value = fields[step]
		case int:
			list, _ := value.([]any)
			if step < 0 || step >= len(list) {
				return false
			}
			value = list[step]
		default:
			panic(fmt.Sprintf("path holds a %T; want names and indices", step))
		}
	}
	return value != nil
}
