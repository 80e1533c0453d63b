package policies

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"

	yamlv3 "go.yaml.in/yaml/v3"
	"sigs.k8s.io/yaml"

	"fedmesh.io/fedmesh/policies/pods"
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
	before, document, err := readProxyConfig(text)
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
	for candidate := range edit.candidates(document) {
		if len(candidate) > maxProxyConfig {
			continue
		}
		if after, err := readYAML(candidate); err == nil && bytes.Equal(after, want) {
			return candidate, value, nil
		}
	}
	return text, "", errors.New("its YAML cannot be extended without changing what it says")
}

// readProxyConfig reads the annotation as far as that is safe. It returns the first
// document too, where it had to look at that.
func readProxyConfig(text string) (proxyConfigFields, *yamlv3.Node, error) {
	if len(text) > maxProxyConfig {
		return nil, nil, fmt.Errorf("it is longer than %d bytes", maxProxyConfig)
	}
	document, err := checkAliases(text)
	if err != nil {
		return nil, nil, err
	}
	fields, err := parseProxyConfig(text)
	return fields, document, err
}

// freshProxyConfig is the annotation that holds nothing but the key.
func freshProxyConfig(key, value string) string {
	return metadataFieldJSON + ":\n  " + key + ": " + quoteYAML(value) + "\n"
}

// proxyConfigFields is the annotation as Istio reads it: the first document,
// as JSON (pkg/util/protomarshal, ApplyYAML), in the order of keys. It has no
// fields when that is empty.
type proxyConfigFields []pods.Member

func parseProxyConfig(text string) (proxyConfigFields, error) {
	document, err := readYAML(text)
	if err != nil {
		return nil, notYAML(err)
	}
	if document[0] != '{' && document[0] != 'n' {
		return nil, errors.New("it is " + describeJSON(document) + ", want a mapping")
	}
	fields, err := pods.Members(document)
	if err != nil {
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
		return errors.New("it is no YAML: " + pods.OneLine(message, 100))
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

// without returns the entries of other keys.
func (m proxyMetadata) without(key string) (others []metadataEntry) {
	for _, entry := range m.entries {
		if entry.key != key {
			others = append(others, entry)
		}
	}
	return others
}

// metadata returns the proxyMetadata that Istio uses. Istio decodes with the
// legacy jsonpb (github.com/golang/protobuf/jsonpb, unmarshalMessage), which
// takes the original name first and then the JSON name: where both are there
// the latter wins whole, in whatever order they stand.
func (f proxyConfigFields) metadata() (proxyMetadata, error) {
	metadata := proxyMetadata{field: metadataFieldJSON}
	raw := f.lookup(metadataFieldJSON)
	if original := f.lookup(metadataField); raw == nil && original != nil {
		metadata.field, raw = metadataField, original
	}
	if raw == nil {
		return metadata, nil
	}
	values, err := pods.Members(raw)
	if err != nil {
		return metadata, errors.New(metadata.field + " is " + describeJSON(raw) + ", want a mapping")
	}
	for _, member := range values {
		entry := metadataEntry{key: string(member.Key)}
		switch member.Value[0] {
		case 'n':
			entry.null = true
		case '"':
			entry.value = member.Text()
		default:
			return metadata, fmt.Errorf("%s.%s is %s, want a string (in quotes)",
				metadata.field, pods.Shorten(entry.key), describeJSON(member.Value))
		}
		metadata.entries = append(metadata.entries, entry)
	}
	return metadata, nil
}

// lookup returns the value of a field as JSON, or nil when it is absent.
func (f proxyConfigFields) lookup(name string) []byte {
	for _, field := range f {
		if string(field.Key) == name {
			return field.Value
		}
	}
	return nil
}

// with returns the JSON that the annotation has to have once the key is added.
func (f proxyConfigFields) with(metadata proxyMetadata, key, value string) []byte {
	values := []pods.Member{{Key: []byte(key), Value: []byte(quoteYAML(value))}}
	for _, entry := range metadata.without(key) {
		values = append(values, pods.Member{Key: []byte(entry.key), Value: []byte(entry.yaml())})
	}
	fields := f.without(metadata.field)
	return writeMembers(append(fields, pods.Member{Key: []byte(metadata.field), Value: writeMembers(values)}))
}

// writeMembers writes a JSON object as encoding/json writes a map.
func writeMembers(members []pods.Member) []byte {
	slices.SortFunc(members, func(a, b pods.Member) int { return bytes.Compare(a.Key, b.Key) })
	text := []byte{'{'}
	for i, member := range members {
		if i > 0 {
			text = append(text, ',')
		}
		text = append(text, quoteYAML(string(member.Key))...)
		text = append(text, ':')
		text = append(text, member.Value...)
	}
	return append(text, '}')
}

// without returns the fields of other names.
func (f proxyConfigFields) without(name string) (others []pods.Member) {
	for _, field := range f {
		if string(field.Key) != name {
			others = append(others, field)
		}
	}
	return others
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
		return "the value " + pods.Shorten(string(raw))
	}
}
