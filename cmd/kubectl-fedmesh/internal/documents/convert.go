package documents

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"

	"github.com/go-json-experiment/json/jsontext"
	yamlv2 "go.yaml.in/yaml/v2"
	"sigs.k8s.io/yaml"
)

// toJSON reads YAML as kubectl does: sigs.k8s.io/yaml, strictly. What makes the
// parser panic is no YAML.
func toJSON(text []byte) (object []byte, err error) {
	defer func() {
		if cause := recover(); cause != nil {
			object, err = nil, fmt.Errorf("yaml: %v", cause)
		}
	}()
	if object, plain := plainJSON(text); plain {
		return object, nil
	}
	return yaml.YAMLToJSONStrict(text)
}

// plainJSON is toJSON for documents as people write them, and false for all others,
// those that cannot be read among them. It has the same parser build ordered lists in
// the place of maps, and writes JSON from these: sigs.k8s.io/yaml makes two trees of
// maps first. Scalars are the parser's own affair, so they mean the same.
func plainJSON(text []byte) ([]byte, bool) {
	if !plainMapping(text) {
		return nil, false
	}
	var root yamlv2.MapSlice
	if yamlv2.Unmarshal(text, &root) != nil || len(root) == 0 { // empty: null, perhaps
		return nil, false
	}
	return appendJSON(make([]byte, 0, len(text)+len(text)/4), root)
}

// plainMapping reports whether the root of a document can only be a mapping or a
// scalar (the parser would take a sequence for an ordered list), and whether nothing
// in it can be a merge key (which ordered lists lose) or a tag.
func plainMapping(text []byte) bool {
	if bytes.IndexByte(text, '!') >= 0 || bytes.Contains(text, []byte("<<")) {
		return false
	}
	for line := range bytes.Lines(text) {
		line = bytes.TrimLeft(line, " \n")
		if len(line) == 0 {
			continue
		}
		if first := line[0]; first != '#' {
			return 'a' <= first && first <= 'z' || 'A' <= first && first <= 'Z' || first == '{' || first == '"'
		}
		if bytes.ContainsAny(line, "\r\u0085\u2028\u2029") { // these end comments too
			return false
		}
	}
	return false
}

// appendJSON appends a value that the parser made. It returns false for what JSON has
// no form for, for keys that are no strings, and for a key that is there twice.
func appendJSON(to []byte, value any) (_ []byte, ok bool) {
	switch value := value.(type) {
	case nil:
		return append(to, "null"...), true
	case bool:
		return strconv.AppendBool(to, value), true
	case int:
		return strconv.AppendInt(to, int64(value), 10), true
	case string:
		to, err := jsontext.AppendQuote(to, value)
		return to, err == nil
	case []any:
		return appendArray(to, value)
	case yamlv2.MapSlice:
		return appendObject(to, value)
	case int64, uint64, float64:
		number, err := json.Marshal(value)
		return append(to, number...), err == nil
	}
	return nil, false
}

func appendArray(to []byte, values []any) (_ []byte, ok bool) {
	to = append(to, '[')
	for i, value := range values {
		if i > 0 {
			to = append(to, ',')
		}
		if to, ok = appendJSON(to, value); !ok {
			return nil, false
		}
	}
	return append(to, ']'), true
}

func appendObject(to []byte, items yamlv2.MapSlice) (_ []byte, ok bool) {
	var seen keys
	to = append(to, '{')
	for i, item := range items {
		key, isString := item.Key.(string)
		if !isString || !seen.add(key) {
			return nil, false
		}
		if i > 0 {
			to = append(to, ',')
		}
		if to, ok = appendJSON(to, key); !ok {
			return nil, false
		}
		if to, ok = appendJSON(append(to, ':'), item.Value); !ok {
			return nil, false
		}
	}
	return append(to, '}'), true
}

// keys are those of a mapping. Few are compared one by one, many are looked up.
type keys struct {
	few  []string
	many map[string]bool
}

// add reports whether key is new.
func (k *keys) add(key string) bool {
	if k.many[key] || slices.Contains(k.few, key) {
		return false
	}
	switch {
	case k.many != nil:
		k.many[key] = true
	case len(k.few) < 16:
		k.few = append(k.few, key)
	default:
		k.many = map[string]bool{key: true}
	}
	return true
}
