package documents

import "github.com/go-json-experiment/json"

// Built is the document of an object that was made from others, in JSON. Its lines
// are those of the document that it was made of, where one is given, and else the
// first of the file.
func Built(file string, from *Document, apiVersion, kind string, object []byte) Document {
	document := Document{source: &source{part: part{line: 1}}}
	if from != nil {
		document = *from
	}
	document.File, document.APIVersion, document.Kind, document.JSON = file, apiVersion, kind, object
	return document
}

// Written reports whether the object is from a file, or made of one that is.
func (d Document) Written() bool { return d.source != nil }

// Name is metadata.name of the object; it is empty where there is none.
func (d Document) Name() string {
	var object struct {
		Metadata struct {
			Name string `json:"name"`
		} `json:"metadata"`
	}
	if json.Unmarshal(d.JSON, &object) != nil {
		return ""
	}
	return object.Metadata.Name
}
