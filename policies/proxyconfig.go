package policies

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"sigs.k8s.io/yaml"
)

// The two spellings of the field that Istio reads: the name in the protobuf
// message, and the one in its JSON form.
const (
	metadataField     = "proxy_metadata"
	metadataFieldJSON = "proxyMetadata"
)

// maxProxyConfig is the length up to which the annotation is looked into. Real
// ones have some hundred bytes; whoever may create a pod should not be able to
// keep a parser busy.
const maxProxyConfig = 32 << 10

// mergeProxyMetadata returns the text of the annotation proxy.istio.io/config
// with the key in its proxyMetadata, and the value that the key then has for
// Istio. A value that is there already stays, and so does everything else: the
// text is changed in one place where that can be done, and is written anew from
// its syntax tree, comments included, where it cannot. Either way the result
// is read as Istio reads it, and it is used only if it says what the old text
// said and this key.
//
// The error says why the text was left alone. Istio itself refuses most of what
// leads to one (pkg/kube/inject/validate.go, validateProxyConfig).
func mergeProxyMetadata(text, key, value string) (merged, effective string, err error) {
	// Most pods have no annotation, and the one that fedmesh made afterwards.
	if fresh := freshProxyConfig(key, value); text == "" || text == fresh {
		return fresh, value, nil
	}
	before, err := parseProxyConfig(text)
	if err != nil {
		return text, "", err
	}
	current, err := before.metadata()
	if err != nil {
		return text, "", err
	}
	if entry := current.lookup(key); entry != nil && !entry.null {
		return text, entry.value, nil
	}
	want := before.with(current, key, value)
	edit := proxyConfigEdit{text: text, metadata: current, key: key, value: value}
	for _, attempt := range []func() (string, bool){edit.splice, edit.rewrite, edit.rewriteExpanded} {
		candidate, ok := attempt()
		if !ok || len(candidate) > maxProxyConfig {
			continue
		}
		if after, err := readYAML(candidate); err == nil && bytes.Equal(after, want) {
			return candidate, value, nil
		}
	}
	return text, "", errors.New("its YAML cannot be extended without changing what it says")
}

// freshProxyConfig is the annotation that holds nothing but the key.
func freshProxyConfig(key, value string) string {
	return metadataFieldJSON + ":\n  " + key + ": " + quoteYAML(value) + "\n"
}

// proxyConfigFields is the annotation as Istio reads it: the first document,
// as JSON (pkg/util/protomarshal, ApplyYAML). It is nil when that is empty.
type proxyConfigFields map[string]json.RawMessage

func parseProxyConfig(text string) (proxyConfigFields, error) {
	if len(text) > maxProxyConfig {
		return nil, fmt.Errorf("it is longer than %d bytes", maxProxyConfig)
	}
	if err := checkAliases(text); err != nil {
		return nil, err
	}
	document, err := readYAML(text)
	if err != nil {
		return nil, notYAML(err)
	}
	if document[0] != '{' && document[0] != 'n' {
		return nil, errors.New("it is " + describeJSON(document) + ", want a mapping")
	}
	var fields proxyConfigFields
	if err := json.Unmarshal(document, &fields); err != nil {
		return nil, errors.New("it is nested too deeply")
	}
	return fields, nil
}

// readYAML reads YAML as Istio does. What makes the parser panic is no YAML.
func readYAML(text string) (document []byte, err error) {
	defer func() {
		if cause := recover(); cause != nil {
			document, err = nil, fmt.Errorf("yaml: %v", cause)
		}
	}()
	return yaml.YAMLToJSON([]byte(text))
}

// notYAML says what the parser said. What fails behind the parser is named in
// general: of several faults the library reports whichever comes first in a Go
// map, and messages have to be the same for the same pod.
func notYAML(err error) error {
	if message, ok := strings.CutPrefix(err.Error(), "yaml: "); ok {
		return errors.New("it is no YAML: " + oneLine(message, 100))
	}
	return errors.New("it is YAML that has no JSON form")
}

// proxyMetadata is the field as Istio uses it.
type proxyMetadata struct {
	// field is the spelling that Istio takes.
	field string
	// entries are in the order of their keys.
	entries []metadataEntry
}

// metadataEntry is a variable in proxyMetadata. To Istio null is an empty
// string.
type metadataEntry struct {
	key, value string
	null       bool
}

func (m proxyMetadata) lookup(key string) *metadataEntry {
	for i := range m.entries {
		if m.entries[i].key == key {
			return &m.entries[i]
		}
	}
	return nil
}

// metadata returns the proxyMetadata that Istio uses. Istio decodes with the
// legacy jsonpb (github.com/golang/protobuf/jsonpb, unmarshalMessage), which
// takes the original name first and then the JSON name: where both are there
// the latter wins whole, in whatever order they stand.
func (f proxyConfigFields) metadata() (proxyMetadata, error) {
	metadata := proxyMetadata{field: metadataFieldJSON}
	raw, present := f[metadataFieldJSON]
	if original, ok := f[metadataField]; ok && !present {
		metadata.field, raw, present = metadataField, original, true
	}
	if !present {
		return metadata, nil
	}
	var values map[string]json.RawMessage
	if err := json.Unmarshal(raw, &values); err != nil {
		return metadata, errors.New(metadata.field + " is " + describeJSON(raw) + ", want a mapping")
	}
	for _, key := range slices.Sorted(maps.Keys(values)) {
		entry := metadataEntry{key: key, null: string(values[key]) == "null"}
		if err := json.Unmarshal(values[key], &entry.value); err != nil {
			return metadata, fmt.Errorf("%s.%s is %s, want a string (in quotes)",
				metadata.field, shorten(key), describeJSON(values[key]))
		}
		metadata.entries = append(metadata.entries, entry)
	}
	return metadata, nil
}

// with returns the JSON that the annotation has to have once the key is added.
func (f proxyConfigFields) with(metadata proxyMetadata, key, value string) []byte {
	values := make(map[string]*string, len(metadata.entries)+1)
	for i := range metadata.entries {
		if entry := &metadata.entries[i]; entry.null {
			values[entry.key] = nil
		} else {
			values[entry.key] = &entry.value
		}
	}
	values[key] = &value
	fields := make(map[string]any, len(f)+1)
	for name, raw := range f {
		fields[name] = raw
	}
	fields[metadata.field] = values
	encoded, err := json.Marshal(fields)
	if err != nil {
		panic(err) // JSON and strings can always be encoded
	}
	return encoded
}

// describeJSON names the type of a JSON value, or the value where it is short.
func describeJSON(raw []byte) string {
	switch raw[0] {
	case '{':
		return "a mapping"
	case '[':
		return "a list"
	case '"':
		return "a string"
	default:
		return "the value " + shorten(string(raw))
	}
}
