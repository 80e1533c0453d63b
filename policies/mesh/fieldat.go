package mesh

import (
	"bytes"
	"encoding/json"
	"strconv"
	"strings"
)

// fieldAt returns the path of the value that stands at offset in a JSON text,
// such as spec.hosts[0], beginning with name. Where the text is no JSON it goes
// as far as the text can be read.
func fieldAt(name string, data []byte, offset int) string {
	type level struct {
		list  bool
		index int
		key   string
		value bool // in an object: the next token is a value
	}
	var path []level
	decoder := json.NewDecoder(bytes.NewReader(data))
	render := func() string {
		var out strings.Builder
		out.WriteString(name)
		for _, at := range path {
			if at.list {
				out.WriteString("[" + strconv.Itoa(at.index) + "]")
			} else if at.key != "" {
				out.WriteString("." + at.key)
			}
		}
		return out.String()
	}
	for {
		token, err := decoder.Token()
		if err != nil {
			return render()
		}
		var top *level
		if len(path) > 0 {
			top = &path[len(path)-1]
		}
		delimiter, isDelimiter := token.(json.Delim)
		opens := isDelimiter && (delimiter == '{' || delimiter == '[')
		if top != nil && !top.list && !top.value && !isDelimiter {
			top.key, _ = token.(string)
			top.value = true
			continue
		}
		if int(decoder.InputOffset()) > offset {
			return render()
		}
		switch {
		case opens:
			path = append(path, level{list: delimiter == '['})
			continue
		case isDelimiter:
			path = path[:len(path)-1]
			if len(path) == 0 {
				return name
			}
			top = &path[len(path)-1]
		}
		if top == nil {
			return name
		}
		if top.list {
			top.index++
		} else {
			top.value, top.key = false, ""
		}
	}
}
