package policies

import (
	"bytes"

	"go.yaml.in/yaml/v3"
)

// rewrite adds the key to the tree of the first document and writes that anew,
// followed by the documents behind it as they were.
func (e proxyConfigEdit) rewrite(document *yaml.Node) (text string, ok bool) {
	end := documentEnd(e.text, document.Content[0])
	if !e.extend(document) {
		return "", false
	}
	plainMerges(document)
	defer func() {
		if recover() != nil { // as in parseNode
			text, ok = "", false
		}
	}()
	var buffer bytes.Buffer
	encoder := yaml.NewEncoder(&buffer)
	encoder.SetIndent(2)
	if encoder.Encode(document) != nil || encoder.Close() != nil {
		return "", false
	}
	return buffer.String() + e.text[end:], true
}

// extend adds the key to the tree.
func (e proxyConfigEdit) extend(document *yaml.Node) bool {
	root := document.Content[0]
	if isNull(root) {
		root = &yaml.Node{Kind: yaml.MappingNode}
		document.Content[0] = root
	}
	if root.Kind != yaml.MappingNode {
		return false
	}
	name, target := lastEntry(root, e.metadata.field)
	switch {
	case target == nil:
		root.Content = append(root.Content, plainNode(e.metadata.field), e.mapping())
	case isNull(target):
		replaceValue(root, name, e.mapping())
	case target.Kind == yaml.MappingNode:
		// Last, so that neither a merge nor an earlier value has a say.
		target.Content = append(withoutKey(target.Content, e.key), e.entry()...)
	default:
		return false
	}
	return true
}

// mapping is the whole field.
func (e proxyConfigEdit) mapping() *yaml.Node {
	mapping := &yaml.Node{Kind: yaml.MappingNode}
	for _, entry := range e.metadata.without(e.key) {
		value := stringNode(entry.value)
		if entry.null {
			value = plainNode("null")
		}
		mapping.Content = append(mapping.Content, stringNode(entry.key), value)
	}
	mapping.Content = append(mapping.Content, e.entry()...)
	return mapping
}

func (e proxyConfigEdit) entry() []*yaml.Node {
	return []*yaml.Node{plainNode(e.key), stringNode(e.value)}
}

func plainNode(text string) *yaml.Node {
	return &yaml.Node{Kind: yaml.ScalarNode, Value: text}
}

// stringNode is a string in double quotes, so that no version of YAML takes it
// for anything else.
func stringNode(text string) *yaml.Node {
	return &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: text, Style: yaml.DoubleQuotedStyle}
}

// plainMerges has merge keys written as people write them; the encoder writes
// "!!merge <<" for those that it has read.
func plainMerges(node *yaml.Node) {
	if node.Tag == "!!merge" {
		node.Tag = ""
	}
	for _, child := range node.Content {
		plainMerges(child)
	}
}

// replaceValue puts another value in the place of the one that belongs to a key.
func replaceValue(mapping, key, value *yaml.Node) {
	for i := 0; i+1 < len(mapping.Content); i += 2 {
		if mapping.Content[i] == key {
			mapping.Content[i+1] = value
		}
	}
}

// withoutKey returns the entries of other keys.
func withoutKey(content []*yaml.Node, key string) []*yaml.Node {
	var others []*yaml.Node
	for i := 0; i+1 < len(content); i += 2 {
		if !isKey(content[i], key) {
			others = append(others, content[i], content[i+1])
		}
	}
	return others
}

// expandAliases copies a tree, with copies in the place of aliases: the mapping
// that is to be extended may be used in other places as well.
func expandAliases(node *yaml.Node) *yaml.Node {
	if node.Kind == yaml.AliasNode {
		node = node.Alias
	}
	expanded := *node
	expanded.Anchor = ""
	expanded.Content = make([]*yaml.Node, len(node.Content))
	for i, child := range node.Content {
		expanded.Content[i] = expandAliases(child)
	}
	return &expanded
}
