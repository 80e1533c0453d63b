package policies

import (
	"errors"
	"fmt"
	"strconv"
)

// maxJSONDepth is how deep values may be nested, as in encoding/json.
const maxJSONDepth = 10000

// jsonScanner reads JSON where it lies: it visits the members that its caller
// asks for and steps over the others, checking their grammar. A pod is read
// once that way and nothing of it is copied, in a fraction of the time that
// decoding it takes. Member names are compared byte by byte, as the API server
// does, and not with their letters folded as encoding/json does.
type jsonScanner struct {
	data  []byte
	at    int
	depth int
}

// fieldError is a value that is not what its field wants.
type fieldError struct {
	path, problem string
}

func (e *fieldError) Error() string {
	if e.path == "" {
		return e.problem
	}
	return e.path + ": " + e.problem
}

// inField puts name before the path of err.
func inField(name string, err error) error {
	var field *fieldError
	if !errors.As(err, &field) {
		return err
	}
	separator := "."
	if field.path == "" || field.path[0] == '[' {
		separator = ""
	}
	return &fieldError{path: name + separator + field.path, problem: field.problem}
}

// memberName is a member name as part of a path.
func memberName(key []byte) string {
	for _, c := range key {
		if !('a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9') {
			return "[" + shorten(string(key)) + "]"
		}
	}
	return shorten(string(key))
}

// peek returns the first byte of what comes next, or 0 at the end.
func (s *jsonScanner) peek() byte {
	if s.at < len(s.data) && s.data[s.at] > ' ' {
		return s.data[s.at]
	}
	return s.peekBehindSpace()
}

func (s *jsonScanner) peekBehindSpace() byte {
	for ; s.at < len(s.data); s.at++ {
		if c := s.data[s.at]; c != ' ' && c != '\n' && c != '\r' && c != '\t' {
			return c
		}
	}
	return 0
}

// end reports what stands behind the last value.
func (s *jsonScanner) end() error {
	if s.peek(); s.at < len(s.data) {
		return s.malformed("the end")
	}
	return nil
}

// malformed says that the text is no JSON.
func (s *jsonScanner) malformed(want string) error {
	if s.at >= len(s.data) {
		return &fieldError{problem: "JSON ends where " + want + " is expected"}
	}
	return &fieldError{problem: fmt.Sprintf("got %q at offset %d of the JSON, want %s", s.data[s.at], s.at, want)}
}

// mistyped says that the value is of another type.
func (s *jsonScanner) mistyped(want string) error {
	got := ""
	switch c := s.peek(); {
	case c == '{':
		got = "an object"
	case c == '[':
		got = "a list"
	case c == '"':
		got = "a string"
	case c == 't' || c == 'f':
		got = "a boolean"
	case c == 'n':
		got = "null"
	case c == '-' || '0' <= c && c <= '9':
		got = "a number"
	default:
		return s.malformed(want)
	}
	return &fieldError{problem: "got " + got + ", want " + want}
}

// object calls visit for each member; visit reads the value or steps over it.
// There is nothing to visit in null.
func (s *jsonScanner) object(visit func(key []byte) error) (present bool, err error) {
	if null, err := s.null(); null || err != nil {
		return false, err
	}
	if s.peek() != '{' {
		return false, s.mistyped("an object")
	}
	return true, s.members(visit)
}

// list calls visit for each item. There is nothing to visit in null.
func (s *jsonScanner) list(visit func(index int) error) (present bool, err error) {
	if null, err := s.null(); null || err != nil {
		return false, err
	}
	if s.peek() != '[' {
		return false, s.mistyped("a list")
	}
	return true, s.items(visit)
}

// members reads an object. Without visit it steps over the values.
func (s *jsonScanner) members(visit func(key []byte) error) error {
	if err := s.descend(); err != nil {
		return err
	}
	for first := true; ; first = false {
		switch c := s.peek(); {
		case c == '}' && first:
			s.ascend()
			return nil
		case c != '"':
			return s.malformed("a member name")
		}
		start := s.at
		escaped, err := s.quoted()
		if err != nil {
			return err
		}
		quoted := s.data[start:s.at]
		if s.peek() != ':' {
			return s.malformed(`":"`)
		}
		s.at++
		if visit == nil {
			err = s.skip()
		} else {
			err = visit(unquote(quoted, escaped))
		}
		if err != nil {
			return inField(memberName(unquote(quoted, escaped)), err)
		}
		switch s.peek() {
		case ',':
			s.at++
		case '}':
			s.ascend()
			return nil
		default:
			return s.malformed(`"," or "}"`)
		}
	}
}

// items reads a list. Without visit it steps over the values.
func (s *jsonScanner) items(visit func(index int) error) error {
	if err := s.descend(); err != nil {
		return err
	}
	if s.peek() == ']' {
		s.ascend()
		return nil
	}
	for i := 0; ; i++ {
		var err error
		if visit == nil {
			err = s.skip()
		} else {
			err = visit(i)
		}
		if err != nil {
			return inField("["+strconv.Itoa(i)+"]", err)
		}
		switch s.peek() {
		case ',':
			s.at++
		case ']':
			s.ascend()
			return nil
		default:
			return s.malformed(`"," or "]"`)
		}
	}
}

func (s *jsonScanner) descend() error {
	if s.depth++; s.depth > maxJSONDepth {
		return &fieldError{problem: "JSON is nested too deeply"}
	}
	s.at++
	return nil
}

func (s *jsonScanner) ascend() {
	s.depth--
	s.at++
}

// raw returns the text of the next value.
func (s *jsonScanner) raw() ([]byte, error) {
	s.peek()
	start := s.at
	err := s.skip()
	return s.data[start:s.at], err
}
