package documents

import (
	"strconv"
	"strings"
	"sync"

	"go.yaml.in/yaml/v3"
)

// source is a part of a file. The objects of a List share one, and it is parsed for
// lines once: only what has a finding is ever asked for one.
type source struct {
	part
	once sync.Once
	root *yaml.Node // nil where the parser for lines does not read it
}

// node returns the root of the part, parsed.
func (s *source) node() *yaml.Node {
	s.once.Do(func() {
		var document yaml.Node
		if err := yaml.Unmarshal(s.text, &document); err == nil && len(document.Content) > 0 {
			s.root = document.Content[0]
		}
	})
	return s.root
}

// Line is the line in the file, counted from 1, of a field of the object, or of the
// innermost field on the way to it that is written there. The path is one of
// Kubernetes' field paths, such as spec.addresses[0]. It is 0 for an object that is
// from no file.
func (d Document) Line(path string) int {
	if d.source == nil {
		return 0
	}
	node := d.source.node()
	if node == nil {
		return d.source.line
	}
	line := node.Line
	for _, step := range steps(strings.TrimPrefix(d.path+"."+path, ".")) {
		next, at := step.from(resolve(node))
		if next == nil {
			break
		}
		node, line = next, at
	}
	return d.source.line + line - 1
}

// step is one step of a path: a key, or an index where that is what the node has.
type step string

// from returns what a node has there, and the line where that begins.
func (s step) from(node *yaml.Node) (next *yaml.Node, line int) {
	switch node.Kind {
	case yaml.MappingNode:
		for i := 0; i+1 < len(node.Content); i += 2 {
			if node.Content[i].Value == string(s) {
				return node.Content[i+1], node.Content[i].Line
			}
		}
	case yaml.SequenceNode:
		if i, err := strconv.Atoi(string(s)); err == nil && i >= 0 && i < len(node.Content) {
			return node.Content[i], node.Content[i].Line
		}
	}
	return nil, 0
}

func resolve(node *yaml.Node) *yaml.Node {
	if node.Kind == yaml.AliasNode && node.Alias != nil {
		return node.Alias
	}
	return node
}

// steps splits a field path. Keys of maps stand in brackets as indices do.
func steps(path string) []step {
	var found []step
	for path != "" {
		switch end := strings.IndexAny(path, ".["); {
		case path[0] == '[':
			key, rest, _ := strings.Cut(path[1:], "]")
			found = append(found, step(key))
			path = rest
		case path[0] == '.':
			path = path[1:]
		case end < 0:
			found = append(found, step(path))
			path = ""
		default:
			found = append(found, step(path[:end]))
			path = path[end:]
		}
	}
	return found
}
