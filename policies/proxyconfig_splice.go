package policies

import (
	"encoding/json"
	"iter"
	"strings"

	"go.yaml.in/yaml/v3"
)

// proxyConfigEdit adds a key to the proxyMetadata of a YAML text. What its
// methods return is a proposal: positions are those of another YAML parser than
// Istio's, and the caller checks what the text says afterwards.
type proxyConfigEdit struct {
	text       string
	metadata   proxyMetadata
	key, value string
}

// candidates yields the text with the key in it, as little changed as may be
// first. The document is that of checkAliases, if it has read one.
func (e proxyConfigEdit) candidates(document *yaml.Node) iter.Seq[string] {
	return func(yield func(string) bool) {
		var expanded *yaml.Node
		if document != nil {
			expanded = expandAliases(document) // before anything is added
		} else if parsed, err := parseNode(e.text); err == nil {
			document = parsed
		} else {
			return
		}
		if text, ok := e.splice(document); ok && !yield(text) || document == nil {
			return
		}
		if text, ok := e.rewrite(document); ok && !yield(text) || expanded == nil {
			return
		}
		if text, ok := e.rewrite(expanded); ok {
			yield(text)
		}
	}
}

// splice puts the key into the text and leaves every other byte as it is.
func (e proxyConfigEdit) splice(document *yaml.Node) (string, bool) {
	if document == nil { // empty, or comments
		return e.appendField(len(e.text), ""), true
	}
	root := document.Content[0]
	switch {
	case isNull(root) && root.Value == "":
		return e.appendField(documentEnd(e.text, root), ""), true
	case isNull(root):
		return e.replaceScalar(root, "{"+e.flowField()+"}")
	case root.Kind != yaml.MappingNode:
		return "", false
	}
	name, target := lastEntry(root, e.metadata.field)
	switch {
	case target == nil && isFlow(root):
		return e.insertFlow(root, e.flowField())
	case target == nil:
		indentation, ok := indentationOf(e.text, root.Content[0])
		return e.appendField(documentEnd(e.text, root), indentation), ok
	case isNull(target):
		return e.replaceScalar(target, "{"+e.flowEntry()+"}")
	case target.Kind == yaml.AliasNode:
		alias := "*" + target.Value
		return e.replace(offsetOf(e.text, target), alias, "{<<: "+alias+" , "+e.flowEntry()+"}")
	case target.Kind != yaml.MappingNode:
		return "", false
	}
	if _, value := lastEntry(target, e.key); value != nil {
		return e.replaceScalar(value, quoteYAML(e.value))
	}
	if isFlow(target) {
		return e.insertFlow(target, e.flowEntry())
	}
	return e.insertBlock(name, target)
}

// insertBlock puts the key on a line of its own at the head of a block mapping:
// directly below the name of the mapping, so that comments stay with what they
// speak of.
func (e proxyConfigEdit) insertBlock(name, mapping *yaml.Node) (string, bool) {
	head := name.Line
	if mapping.Anchor != "" || mapping.Style&yaml.TaggedStyle != 0 {
		head = mapping.Line // a node begins with its anchor and tag
	}
	first := mapping.Content[0]
	indentation, ok := indentationOf(e.text, first)
	if !ok || head >= first.Line {
		return "", false
	}
	return e.insert(lineOffset(e.text, head+1), indentation+e.blockEntry()), true
}

// insertFlow puts an entry at the head of a flow mapping, laid out as the first
// entry is.
func (e proxyConfigEdit) insertFlow(mapping *yaml.Node, entry string) (string, bool) {
	if len(mapping.Content) == 0 {
		start := offsetOf(e.text, mapping)
		brace := strings.IndexByte(e.text[start:], '{')
		if brace < 0 {
			return "", false
		}
		return e.insert(start+brace+1, entry), true
	}
	first := mapping.Content[0]
	separator := ", "
	if indentation, ok := indentationOf(e.text, first); ok && first.Line > mapping.Line {
		separator = "," + newlineOf(e.text) + indentation
	}
	return e.insert(offsetOf(e.text, first), entry+separator), true
}

// appendField puts the whole field at the end of a block mapping, which is at
// the offset.
func (e proxyConfigEdit) appendField(at int, indentation string) string {
	newline := newlineOf(e.text)
	var field strings.Builder
	if at > 0 && e.text[at-1] != '\n' {
		field.WriteString(newline)
	}
	field.WriteString(indentation + e.metadata.field + ":" + newline)
	// What the field has comes from a merge key (<<), over which a field that
	// comes later wins whole.
	for _, entry := range e.metadata.without(e.key) {
		field.WriteString(indentation + "  " + quoteYAML(entry.key) + ": " + entry.yaml() + newline)
	}
	field.WriteString(indentation + "  " + e.blockEntry())
	return e.insert(at, field.String())
}

func (e proxyConfigEdit) insert(at int, text string) string {
	return e.text[:at] + text + e.text[at:]
}

// replaceScalar replaces a plain scalar, which may be empty.
func (e proxyConfigEdit) replaceScalar(node *yaml.Node, text string) (string, bool) {
	at := offsetOf(e.text, node)
	if at > 0 && e.text[at-1] == ':' {
		text = " " + text
	}
	return e.replace(at, node.Value, text)
}

func (e proxyConfigEdit) replace(at int, old, text string) (string, bool) {
	if !strings.HasPrefix(e.text[at:], old) {
		return "", false
	}
	return e.text[:at] + text + e.text[at+len(old):], true
}

// blockEntry is the key as a line of a block mapping.
func (e proxyConfigEdit) blockEntry() string {
	return e.key + ": " + quoteYAML(e.value) + newlineOf(e.text)
}

// flowEntry is the key in a flow mapping, which may be JSON and then stays so.
func (e proxyConfigEdit) flowEntry() string {
	return quoteYAML(e.key) + ": " + quoteYAML(e.value)
}

// flowField is the whole field in a flow mapping.
func (e proxyConfigEdit) flowField() string {
	return quoteYAML(e.metadata.field) + ": {" + e.flowEntry() + "}"
}

// yaml is the value, in YAML and JSON alike.
func (e metadataEntry) yaml() string {
	if e.null {
		return "null"
	}
	return quoteYAML(e.value)
}

// quoteYAML writes text in double quotes, in YAML and JSON alike.
func quoteYAML(text string) string {
	quoted, err := json.Marshal(text)
	if err != nil {
		panic(err) // strings can always be encoded
	}
	return string(quoted)
}
