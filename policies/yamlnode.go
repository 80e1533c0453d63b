package policies

import (
	"fmt"
	"strings"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"
)

// maxExpandedNodes is how many nodes a document may have with its aliases
// expanded.
const maxExpandedNodes = 4096

// parseNode returns the first document, or nil when there is none. The parser
// panics on input that its authors did not expect; such text is not edited.
func parseNode(text string) (document *yaml.Node, err error) {
	defer func() {
		if cause := recover(); cause != nil {
			document, err = nil, fmt.Errorf("yaml: %v", cause)
		}
	}()
	var node yaml.Node
	if err := yaml.Unmarshal([]byte(text), &node); err != nil {
		return nil, err
	}
	if node.Kind != yaml.DocumentNode || len(node.Content) != 1 {
		return nil, nil
	}
	return &node, nil
}

// checkAliases refuses text whose aliases stand for more than is worth reading:
// the parser that Istio uses builds all of it, and a few lines can ask for
// hundreds of megabytes.
//
// It returns the first document where it had to look at that.
func checkAliases(text string) (document *yaml.Node, err error) {
	if !strings.Contains(text, "&") || !strings.Contains(text, "*") {
		return nil, nil
	}
	document, err = parseNode(text)
	if err != nil {
		return nil, notYAML(err)
	}
	if document != nil && countExpanded(document, maxExpandedNodes) > maxExpandedNodes {
		return nil, fmt.Errorf("its aliases stand for more than %d values", maxExpandedNodes)
	}
	return document, nil
}

// countExpanded counts nodes as if aliases were expanded, and stops soon after
// the limit: an alias may stand for a node that contains it.
func countExpanded(node *yaml.Node, limit int) int {
	if limit <= 0 {
		return 1
	}
	if node.Kind == yaml.AliasNode {
		return 1 + countExpanded(node.Alias, limit-1)
	}
	count := 1
	for _, child := range node.Content {
		if count > limit {
			break
		}
		count += countExpanded(child, limit-count)
	}
	return count
}

func isFlow(node *yaml.Node) bool { return node.Style&yaml.FlowStyle != 0 }

// isNull reports whether the node is null, and no alias of it.
func isNull(node *yaml.Node) bool {
	return node.Kind == yaml.ScalarNode && node.ShortTag() == "!!null"
}

// isKey reports whether a key node is the key.
func isKey(node *yaml.Node, key string) bool {
	if node.Kind == yaml.AliasNode {
		node = node.Alias
	}
	return node.Kind == yaml.ScalarNode && node.Value == key
}

// lastEntry returns the nodes of an entry, of duplicate ones the last, which is
// the one that counts. An entry that comes from a merge key is none.
func lastEntry(mapping *yaml.Node, key string) (name, value *yaml.Node) {
	for i := len(mapping.Content) - 2; i >= 0; i -= 2 {
		if isKey(mapping.Content[i], key) {
			return mapping.Content[i], mapping.Content[i+1]
		}
	}
	return nil, nil
}

// byteOrderMark is stepped over by the parser without being counted.
const byteOrderMark = "\ufeff"

// lineOffset returns where a line begins, counting from 1 and as YAML 1.1 does.
func lineOffset(text string, line int) int {
	at := 0
	if strings.HasPrefix(text, byteOrderMark) {
		at = len(byteOrderMark)
	}
	for ; line > 1 && at < len(text); line-- {
		at += lineLength(text[at:])
	}
	return at
}

// lineLength returns the length of the first line with its end.
func lineLength(text string) int {
	for i, r := range text {
		switch r {
		case '\r':
			if strings.HasPrefix(text[i:], "\r\n") {
				return i + 2
			}
			return i + 1
		case '\n', '\u0085', '\u2028', '\u2029':
			return i + utf8.RuneLen(r)
		}
	}
	return len(text)
}

// offsetOf returns where a node begins. Columns count characters.
func offsetOf(text string, node *yaml.Node) int {
	at := lineOffset(text, node.Line)
	for column := 1; column < node.Column && at < len(text); column++ {
		_, size := utf8.DecodeRuneInString(text[at:])
		at += size
	}
	return at
}

// indentationOf returns the spaces before a node, if nothing else stands before
// it on its line.
func indentationOf(text string, node *yaml.Node) (indentation string, ok bool) {
	indentation = text[lineOffset(text, node.Line):offsetOf(text, node)]
	return indentation, strings.Trim(indentation, " ") == ""
}

// documentEnd returns where the document of which the node is the root ends: at
// the line that ends it or begins the next one, or with the text. The root of
// an empty document lies on that line.
func documentEnd(text string, root *yaml.Node) int {
	at := lineOffset(text, root.Line)
	if root.Column > 1 {
		at = lineOffset(text, root.Line+1)
	}
	for at < len(text) && !isDocumentMarker(text[at:]) {
		at += lineLength(text[at:])
	}
	return at
}

// isDocumentMarker reports whether a line begins with "---" or "...".
func isDocumentMarker(line string) bool {
	if !strings.HasPrefix(line, "---") && !strings.HasPrefix(line, "...") {
		return false
	}
	return len(line) == 3 || strings.ContainsRune(" \t\r\n", rune(line[3]))
}

// newlineOf returns the end of line that the text uses.
func newlineOf(text string) string {
	if strings.Contains(text, "\r\n") {
		return "\r\n"
	}
	return "\n"
}
