package pods

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strconv"

	"github.com/go-json-experiment/json/jsontext"
)

// jsonScanner reads JSON where it lies: it visits the members that its caller
// asks for and steps over the others, checking their grammar. A pod is read
// once that way and nothing of it is copied, in a fraction of the time that
// decoding it takes. Member names are compared byte by byte, as the API server
// does, and not with their letters folded as encoding/json does.
type jsonScanner struct {
	*jsontext.Decoder
	data []byte
}

// Member is a member of a JSON object. The value is JSON.
type Member struct{ Key, Value []byte }

// Text is the value of a member that is a string or null.
func (m Member) Text() string {
	if m.Value[0] == 'n' { // null
		return ""
	}
	return string(unquote(m.Value))
}

// Members reads a JSON object or null.
func Members(raw []byte) (members []Member, err error) {
	scanner := scanJSON(raw)
	_, err = scanner.object(func(key []byte) error {
		value, err := scanner.raw()
		members = append(members, Member{Key: key, Value: value})
		return err
	})
	return members, err
}

// scanJSON allows members of one name, of which the API server sends none:
// looking for them takes as long as all the rest.
func scanJSON(data []byte) *jsonScanner {
	decoder := jsontext.NewDecoder(bytes.NewBuffer(data), jsontext.AllowDuplicateNames(true))
	return &jsonScanner{Decoder: decoder, data: data}
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
			return "[" + Shorten(string(key)) + "]"
		}
	}
	return Shorten(string(key))
}

// malformed says that the text is no JSON, if there is an error.
func malformed(err error) error {
	if err == nil {
		return nil
	}
	return syntaxError(err)
}

// syntaxError takes what counts from the decoder's message, which would name the
// field a second time and in another notation.
func syntaxError(err error) error {
	var syntax *jsontext.SyntacticError
	switch {
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return &fieldError{problem: "the JSON ends too early"}
	case errors.As(err, &syntax):
		return &fieldError{problem: fmt.Sprintf("%v, at offset %d of the JSON", syntax.Err, syntax.ByteOffset)}
	default:
		return &fieldError{problem: err.Error()}
	}
}

// end reports what stands behind the last value.
func (s *jsonScanner) end() error {
	switch _, err := s.ReadToken(); {
	case err == nil:
		return &fieldError{problem: "something stands behind the end of the JSON"}
	case errors.Is(err, io.EOF):
		return nil
	default:
		return syntaxError(err)
	}
}

// mistyped says that the value is of another type.
func (s *jsonScanner) mistyped(want string) error {
	got := ""
	switch s.PeekKind() {
	case '{':
		got = "an object"
	case '[':
		got = "a list"
	case '"':
		got = "a string"
	case 't', 'f':
		got = "a boolean"
	case 'n':
		got = "null"
	case '0':
		got = "a number"
	default:
		return s.skip() // which says what is wrong
	}
	return &fieldError{problem: "got " + got + ", want " + want}
}

// object calls visit for each member; visit reads the value or steps over it.
// There is nothing to visit in null.
func (s *jsonScanner) object(visit func(key []byte) error) (present bool, err error) {
	switch s.PeekKind() {
	case 'n':
		return false, s.skip()
	case '{':
	default:
		return false, s.mistyped("an object")
	}
	_, err = s.ReadToken()
	for err == nil && s.PeekKind() == '"' {
		var key []byte
		if key, err = s.text(); err != nil {
			return true, err
		}
		if err := visit(key); err != nil {
			return true, inField(memberName(key), err)
		}
	}
	if err == nil {
		_, err = s.ReadToken()
	}
	return true, malformed(err)
}

// list calls visit for each item. There is nothing to visit in null.
func (s *jsonScanner) list(visit func(index int) error) (present bool, err error) {
	switch s.PeekKind() {
	case 'n':
		return false, s.skip()
	case '[':
	default:
		return false, s.mistyped("a list")
	}
	_, err = s.ReadToken()
	for i := 0; err == nil && s.PeekKind() != ']'; i++ {
		if err := visit(i); err != nil { // also at the end of the text
			return true, inField("["+strconv.Itoa(i)+"]", err)
		}
	}
	if err == nil {
		_, err = s.ReadToken()
	}
	return true, malformed(err)
}

// raw returns the text of the next value. It is cut out of the scanned text and
// not the decoder's, which is valid until the next call only.
func (s *jsonScanner) raw() ([]byte, error) {
	value, err := s.ReadValue()
	if err != nil {
		return nil, syntaxError(err)
	}
	end := int(s.InputOffset())
	return s.data[end-len(value) : end], nil
}

// skip steps over the next value. The decoder's SkipValue looks at every token
// and takes longer.
func (s *jsonScanner) skip() error {
	_, err := s.ReadValue()
	return malformed(err)
}

// boolean reads true or false; null is false.
func (s *jsonScanner) boolean() (bool, error) {
	switch s.PeekKind() {
	case 't', 'f', 'n':
		token, err := s.ReadToken()
		return err == nil && token.Kind() == 't', malformed(err)
	default:
		return false, s.mistyped("a boolean")
	}
}

// text reads a string; null is the empty one. The result may be part of the
// scanned text.
func (s *jsonScanner) text() ([]byte, error) {
	switch s.PeekKind() {
	case 'n':
		return nil, s.skip()
	case '"':
		quoted, err := s.raw()
		if err != nil {
			return nil, err
		}
		return unquote(quoted), nil
	default:
		return nil, s.mistyped("a string")
	}
}

// unquote returns what a string says whose grammar has been checked.
func unquote(quoted []byte) []byte {
	if bytes.IndexByte(quoted, '\\') < 0 {
		return quoted[1 : len(quoted)-1]
	}
	text, err := jsontext.AppendUnquote(nil, quoted)
	if err != nil {
		panic(err) // its grammar has been checked
	}
	return text
}
