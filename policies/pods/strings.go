package pods

import "slices"

// Strings holds the labels or annotations of an object.
type Strings struct {
	// Present says whether there is such a map, be it an empty one.
	Present bool
	entries []Member // each value is a string or null
}

func (m *Strings) decode(scanner *jsonScanner) (err error) {
	m.entries = make([]Member, 0, 12)
	m.Present, err = scanner.object(func(key []byte) error {
		if c := scanner.PeekKind(); c != '"' && c != 'n' {
			return scanner.mistyped("a string")
		}
		value, err := scanner.raw()
		m.entries = append(m.entries, Member{Key: key, Value: value})
		return err
	})
	return err
}

// Lookup returns the value of a key. That of null is empty.
func (m *Strings) Lookup(key string) (value string, present bool) {
	for _, entry := range slices.Backward(m.entries) {
		if string(entry.Key) == key {
			return entry.Text(), true
		}
	}
	return "", false
}

// Has reports whether the key is there.
func (m *Strings) Has(key string) bool {
	return slices.ContainsFunc(m.entries, func(entry Member) bool { return string(entry.Key) == key })
}

// Map returns the labels or annotations as others have them; nil without any.
func (m *Strings) Map() map[string]string {
	if len(m.entries) == 0 {
		return nil
	}
	values := make(map[string]string, len(m.entries))
	for _, entry := range m.entries {
		values[string(entry.Key)] = entry.Text()
	}
	return values
}
