package policies

import (
	"encoding/json"
	"strings"
	"unicode/utf8"
)

// skip steps over the next value.
func (s *jsonScanner) skip() error {
	switch c := s.peek(); {
	case c == '"':
		_, err := s.quoted()
		return err
	case c == '{':
		return s.members(nil)
	case c == '[':
		return s.items(nil)
	case c == 't':
		return s.literal("true")
	case c == 'f':
		return s.literal("false")
	case c == 'n':
		return s.literal("null")
	case c == '-' || '0' <= c && c <= '9':
		return s.number()
	default:
		return s.malformed("a value")
	}
}

// boolean reads true or false; null is false.
func (s *jsonScanner) boolean() (bool, error) {
	switch s.peek() {
	case 't':
		return true, s.literal("true")
	case 'f':
		return false, s.literal("false")
	case 'n':
		return false, s.literal("null")
	default:
		return false, s.mistyped("a boolean")
	}
}

// text reads a string; null is the empty one. The result may be part of the
// scanned text.
func (s *jsonScanner) text() ([]byte, error) {
	if null, err := s.null(); null || err != nil {
		return nil, err
	}
	if s.peek() != '"' {
		return nil, s.mistyped("a string")
	}
	start := s.at
	escaped, err := s.quoted()
	if err != nil {
		return nil, err
	}
	return unquote(s.data[start:s.at], escaped), nil
}

// unquote returns what a string says whose grammar has been checked.
func unquote(quoted []byte, escaped bool) []byte {
	if plain := quoted[1 : len(quoted)-1]; !escaped && utf8.Valid(plain) {
		return plain
	}
	var text string
	if err := json.Unmarshal(quoted, &text); err != nil {
		panic(err) // its grammar has been checked
	}
	return []byte(text)
}

// quoted steps over a string and reports whether it has escapes. Most of a pod
// is strings: the loop works on locals, for they are what the compiler keeps in
// registers.
func (s *jsonScanner) quoted() (escaped bool, err error) {
	data := s.data
	for at := s.at + 1; at < len(data); at++ {
		c := data[at]
		if c > '"' && c != '\\' {
			continue
		}
		switch {
		case c == '"':
			s.at = at + 1
			return escaped, nil
		case c == '\\':
			escaped = true
			s.at = at
			if err := s.escape(); err != nil {
				return escaped, err
			}
			at = s.at
		case c < ' ':
			s.at = at
			return escaped, s.malformed("a character of a string")
		}
	}
	s.at = len(data)
	return escaped, s.malformed("the end of a string")
}

// escape steps from a backslash to the last character of the escape.
func (s *jsonScanner) escape() error {
	s.at++
	if s.at >= len(s.data) {
		return s.malformed("an escape")
	}
	switch s.data[s.at] {
	case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
		return nil
	case 'u':
	default:
		return s.malformed("an escape")
	}
	for range 4 {
		if s.at++; s.at >= len(s.data) || !isHexDigit(s.data[s.at]) {
			return s.malformed("a hexadecimal digit")
		}
	}
	return nil
}

func isHexDigit(c byte) bool {
	return '0' <= c && c <= '9' || 'a' <= c && c <= 'f' || 'A' <= c && c <= 'F'
}

// number steps over a number.
func (s *jsonScanner) number() error {
	s.accept("-")
	if !s.accept("0") {
		if err := s.digits(); err != nil {
			return err
		}
	}
	if s.accept(".") {
		if err := s.digits(); err != nil {
			return err
		}
	}
	if s.accept("eE") {
		s.accept("+-")
		return s.digits()
	}
	return nil
}

// accept steps over one of the characters and reports whether it was there.
func (s *jsonScanner) accept(characters string) bool {
	if s.at < len(s.data) && strings.IndexByte(characters, s.data[s.at]) >= 0 {
		s.at++
		return true
	}
	return false
}

func (s *jsonScanner) digits() error {
	start := s.at
	for s.at < len(s.data) && '0' <= s.data[s.at] && s.data[s.at] <= '9' {
		s.at++
	}
	if s.at == start {
		return s.malformed("a digit")
	}
	return nil
}

// null steps over null and reports whether it was there.
func (s *jsonScanner) null() (bool, error) {
	if s.peek() != 'n' {
		return false, nil
	}
	return true, s.literal("null")
}

func (s *jsonScanner) literal(word string) error {
	if len(s.data)-s.at < len(word) || string(s.data[s.at:s.at+len(word)]) != word {
		return s.malformed("a value")
	}
	s.at += len(word)
	return nil
}
