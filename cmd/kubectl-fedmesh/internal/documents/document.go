package documents

import (
	"fmt"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// Document is one object of a file.
type Document struct {
	// File is the path as it was given, or found below the directory that was
	// given; "-" is standard input. Of an object that was read from a cluster it is
	// the name of that.
	File string
	// APIVersion and Kind of the object.
	APIVersion, Kind string
	// JSON is the object as kubectl would send it.
	JSON []byte

	// source is the part of the file that the object is from, nil for one that is from
	// no file, and path where it is in there: empty, or the item of a List.
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

// head is what tells a Kubernetes object.
type head struct {
	APIVersion any            `json:"apiVersion"`
	Kind       any            `json:"kind"`
	Metadata   jsontext.Value `json:"metadata"`
	Spec       jsontext.Value `json:"spec"`
	Items      jsontext.Value `json:"items"`
}

// names returns apiVersion and kind, which are empty where they are missing. It
// returns false where they are something else than text.
func (h head) names() (apiVersion, kind string, ok bool) {
	apiVersion, versioned := h.APIVersion.(string)
	kind, kinded := h.Kind.(string)
	return apiVersion, kind, (versioned || h.APIVersion == nil) && (kinded || h.Kind == nil)
}

// foreign reports whether this means to be something else than a Kubernetes object.
// Who writes one of apiVersion and kind, and metadata or spec too, has forgotten the
// other.
func (h head) foreign() bool {
	apiVersion, kind, _ := h.names()
	if apiVersion == "" && kind == "" {
		return true
	}
	return (apiVersion == "" || kind == "") && h.Metadata == nil && h.Spec == nil
}

// parse reads one part of a file: an object, the items of a List, or nothing where
// there are only comments. What is no Kubernetes object is passed over on request.
func parse(file string, part part, pass bool) ([]Document, []Problem) {
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
	err = json.Unmarshal(object, &head)
	apiVersion, kind, named := head.names()
	switch {
	case pass && (err != nil || head.foreign()):
		return nil, nil
	case err != nil || !named:
		return nil, fail("this is no Kubernetes object: want a mapping with apiVersion and kind")
	case apiVersion == "" || kind == "":
		return nil, fail("apiVersion or kind is missing")
	}
	document := Document{File: file, APIVersion: apiVersion, Kind: kind, JSON: object, source: &source{part: part}}
	if kind == "List" && apiVersion == "v1" {
		return document.items(head.Items)
	}
	return []Document{document}, nil
}

// items are the objects of a List.
func (d Document) items(list jsontext.Value) (items []Document, problems []Problem) {
	var objects []jsontext.Value
	if err := json.Unmarshal(list, &objects); len(list) > 0 && err != nil {
		return nil, []Problem{{File: d.File, Line: d.Line("items"), Message: "items is no list: want the objects of the List"}}
	}
	for i, object := range objects {
		item := d
		item.path, item.JSON = fmt.Sprintf("items[%d]", i), object
		var head head
		err := json.Unmarshal(object, &head)
		apiVersion, kind, named := head.names()
		if err != nil || !named || apiVersion == "" || kind == "" {
			problems = append(problems, Problem{
				File: d.File, Line: item.Line(""), Message: item.path + " is no Kubernetes object: want apiVersion and kind",
			})
			continue
		}
		item.APIVersion, item.Kind = apiVersion, kind
		items = append(items, item)
	}
	return items, problems
}
