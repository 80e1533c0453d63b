package mesh

import "slices"

// multimap holds some values a key. Nearly every key has one value, so that one
// needs no slice of its own.
type multimap[K, V comparable] struct {
	first map[K]V
	rest  map[K][]V
}

func newMultimap[K, V comparable]() multimap[K, V] {
	return multimap[K, V]{first: map[K]V{}, rest: map[K][]V{}}
}

// add puts value under key. The same value must not be added twice.
func (m multimap[K, V]) add(key K, value V) {
	if _, taken := m.first[key]; taken {
		m.rest[key] = append(m.rest[key], value)
		return
	}
	m.first[key] = value
}

// remove takes value from key; it does nothing when it is not there.
func (m multimap[K, V]) remove(key K, value V) {
	others := m.rest[key]
	if i := slices.Index(others, value); i >= 0 {
		others = slices.Delete(others, i, i+1)
	} else if first, ok := m.first[key]; !ok || first != value {
		return
	} else if len(others) > 0 {
		m.first[key], others = others[0], others[1:]
	} else {
		delete(m.first, key)
	}
	if len(others) == 0 {
		delete(m.rest, key)
	} else {
		m.rest[key] = others
	}
}

// appendTo appends the values of key to values, in no order that means anything.
func (m multimap[K, V]) appendTo(values []V, key K) []V {
	first, ok := m.first[key]
	if !ok {
		return values
	}
	return append(append(values, first), m.rest[key]...)
}
