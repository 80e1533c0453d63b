package documents

import (
	"bytes"
	"fmt"
	"strings"
)

// part is the text of one document of a file.
type part struct {
	text []byte
	line int // of its first line in the file, counted from 1
}

// split cuts a file where lines begin with "---". YAML has no other meaning for
// these at the beginning of a line, so that a document that cannot be parsed does
// not hide where the next one begins.
func split(text []byte) []part {
	text = bytes.TrimPrefix(text, []byte("\uFEFF"))
	text = bytes.ReplaceAll(text, []byte("\r\n"), []byte("\n"))
	var parts []part
	current := part{line: 1}
	number := 0
	begin := 0
	for offset := 0; offset < len(text); {
		number++
		end := len(text)
		if i := bytes.IndexByte(text[offset:], '\n'); i >= 0 {
			end = offset + i + 1
		}
		if separates(text[offset:end]) {
			current.text = text[begin:offset]
			parts = append(parts, current)
			// What follows on the same line belongs to the document: "--- {a: b}".
			current = part{line: number}
			begin = offset + len("---")
		}
		offset = end
	}
	current.text = text[begin:]
	return append(parts, current)
}

func separates(line []byte) bool {
	rest, found := bytes.CutPrefix(line, []byte("---"))
	return found && (len(rest) == 0 || strings.ContainsRune(" \t\r\n", rune(rest[0])))
}

// leading is how many lines stand before the first that says something.
func (p part) leading() int {
	for i, line := range bytes.Split(p.text, []byte("\n")) {
		if trimmed := bytes.TrimSpace(line); len(trimmed) > 0 && trimmed[0] != '#' {
			return i
		}
	}
	return 0
}

// describe says what a part is that is no YAML, and on which line of the file, as
// far as the parser tells.
func (p part) describe(err error) (line int, message string) {
	message = strings.TrimPrefix(err.Error(), "error converting YAML to JSON: ")
	message = strings.TrimPrefix(message, "yaml: ")
	message = strings.TrimPrefix(message, "unmarshal errors:\n  ")
	message, _, _ = strings.Cut(message, "\n") // of several the first
	line = p.line + p.leading()
	var within int
	if n, err := fmt.Sscanf(message, "line %d: ", &within); n == 1 && err == nil {
		line = p.line + within - 1
		_, message, _ = strings.Cut(message, ": ")
	}
	switch {
	case bytes.Contains(p.text, []byte("{{")):
		return p.lineOf("{{"), `this is a Helm template, not YAML: lint what "helm template" makes of it`
	case bytes.Contains(p.text, []byte("${")):
		return p.lineOf("${"), "a ${...} placeholder makes this no YAML: lint it when it is filled in"
	}
	// The parser is off by one at the end.
	last := p.line + bytes.Count(p.text, []byte("\n"))
	return min(line, last), "this is no YAML: " + message
}

// lineOf is the line in the file that has text first.
func (p part) lineOf(text string) int {
	before, _, _ := bytes.Cut(p.text, []byte(text))
	return p.line + bytes.Count(before, []byte("\n"))
}
