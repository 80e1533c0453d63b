package documents

import (
	"encoding/json"
	"fmt"

	"sigs.k8s.io/yaml"
)

// Document is one object of a file.
type Document struct {
	// File is the path as it was given, or found below the directory that was
	// given; "-" is standard input.
	File string
	// APIVersion and Kind of the object.
	APIVersion, Kind string
	// JSON is the object as kubectl would send it.
	JSON []byte

	// source is the part of the file that the object is from, and path where it is
	// in there: empty, or the item of a List.
	source *source
	path   string
}

// Problem is something that cannot be read.
type Problem struct {
	// File as in Document.
	File string
	// Line in the file, counted from 1; 0 for the file itself.
	Line int
	// Message says what is wrong, and what to do about it.
	Message string
}

// String is the problem in one line.
func (p Problem) String() string {
	if p.Line == 0 {
		return p.File + ": " + p.Message
	}
	return fmt.Sprintf("%s:%d: %s", p.File, p.Line, p.Message)
}

// head is what every object has.
type head struct {
	APIVersion string            `json:"apiVersion"`
	Kind       string            `json:"kind"`
	Items      []json.RawMessage `json:"items"`
}

// parse reads one part of a file: an object, the items of a List, or nothing where
// there are only comments.
func parse(file string, part part) ([]Document, []Problem) {
	fail := func(format string, args ...any) []Problem {
		return []Problem{{File: file, Line: part.line + part.leading(), Message: fmt.Sprintf(format, args...)}}
	}
	object, err := toJSON(part.text)
	switch {
	case err != nil:
		line, message := part.describe(err)
		return nil, []Problem{{File: file, Line: line, Message: message}}
	case string(object) == "null":
		return nil, nil
	}
	var head head
	if err := json.Unmarshal(object, &head); err != nil {
		return nil, fail("this is no Kubernetes object: want a mapping with apiVersion and kind")
	}
	document := Document{File: file, APIVersion: head.APIVersion, Kind: head.Kind, JSON: object, source: &source{part: part}}
	switch {
	case head.Kind == "" || head.APIVersion == "":
		return nil, fail("apiVersion or kind is missing")
	case head.Kind == "List" && head.APIVersion == "v1":
		return document.items(head.Items)
	}
	return []Document{document}, nil
}

// items are the objects of a List.
func (d Document) items(raw []json.RawMessage) (items []Document, problems []Problem) {
	for i, object := range raw {
		item := d
		item.path, item.JSON = fmt.Sprintf("items[%d]", i), object
		var head head
		if err := json.Unmarshal(object, &head); err != nil || head.Kind == "" || head.APIVersion == "" {
			problems = append(problems, Problem{
				File: d.File, Line: item.Line(""), Message: item.path + " is no Kubernetes object: want apiVersion and kind",
			})
			continue
		}
		item.APIVersion, item.Kind = head.APIVersion, head.Kind
		items = append(items, item)
	}
	return items, problems
}

// toJSON reads YAML as kubectl does. What makes the parser panic is no YAML.
func toJSON(text []byte) (object []byte, err error) {
	defer func() {
		if cause := recover(); cause != nil {
			object, err = nil, fmt.Errorf("yaml: %v", cause)
		}
	}()
	return yaml.YAMLToJSONStrict(text)
}
