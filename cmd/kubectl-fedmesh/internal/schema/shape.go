package schema

import (
	"encoding"
	"encoding/json"
	"maps"
	"reflect"
	"strings"

	"google.golang.org/protobuf/reflect/protoreflect"
)

// shape is which fields a value has. A nil shape is that of a value in which
// everything is allowed, or nothing can be wrong: text, numbers, a Struct.
type shape struct {
	// fields of an object, by their names in JSON. Istio's decoder takes proto names
	// too, but its CRDs do not.
	fields map[string]known
	// element is the shape of what is in a list or a map, where list or keyed is set.
	element     *shape
	list, keyed bool
}

// known is a field that there is.
type known struct {
	name  string
	shape *shape
}

// add adds a field.
func (s *shape) add(name string, shape *shape) { s.fields[name] = known{name, shape} }

// messages makes shapes of messages. A message that contains itself is made once.
type messages map[protoreflect.FullName]*shape

func (m messages) of(message protoreflect.MessageDescriptor) *shape {
	// Well-known types have forms of their own in JSON; what a Struct holds is free.
	if message.FullName().Parent() == "google.protobuf" {
		return nil
	}
	if made, known := m[message.FullName()]; known {
		return made
	}
	made := &shape{fields: map[string]known{}}
	m[message.FullName()] = made
	for i := range message.Fields().Len() {
		field := message.Fields().Get(i)
		made.add(field.JSONName(), m.ofField(field))
	}
	if message.FullName() == "istio.networking.v1alpha3.HTTPRoute" {
		made.add("mirror_percent", nil) // the one proto name that the CRD has
	}
	return made
}

func (m messages) ofField(field protoreflect.FieldDescriptor) *shape {
	single := func(field protoreflect.FieldDescriptor) *shape {
		if field.Message() == nil {
			return nil
		}
		return m.of(field.Message())
	}
	switch {
	case field.IsMap():
		return &shape{keyed: true, element: single(field.MapValue())}
	case field.IsList():
		return &shape{list: true, element: single(field)}
	}
	return single(field)
}

// types makes shapes of Go types with JSON tags.
type types map[reflect.Type]*shape

func (t types) of(goType reflect.Type) *shape {
	switch goType.Kind() {
	case reflect.Pointer:
		return t.of(goType.Elem())
	case reflect.Slice:
		return &shape{list: true, element: t.of(goType.Elem())}
	case reflect.Map:
		return &shape{keyed: true, element: t.of(goType.Elem())}
	case reflect.Struct:
		return t.ofStruct(goType)
	}
	return nil
}

func (t types) ofStruct(goType reflect.Type) *shape {
	pointer := reflect.PointerTo(goType)
	if pointer.Implements(reflect.TypeFor[json.Unmarshaler]()) || pointer.Implements(reflect.TypeFor[encoding.TextUnmarshaler]()) {
		return nil // has a form of its own, as a Duration has
	}
	if made, known := t[goType]; known {
		return made
	}
	made := &shape{fields: map[string]known{}}
	t[goType] = made
	for field := range goType.Fields() {
		name, _, _ := strings.Cut(field.Tag.Get("json"), ",")
		switch {
		case name == "-" || !field.IsExported():
		case name != "":
			made.add(name, t.of(field.Type))
		case field.Anonymous:
			if inner := t.of(field.Type); inner != nil {
				maps.Copy(made.fields, inner.fields)
			}
		default:
			made.add(field.Name, t.of(field.Type))
		}
	}
	return made
}
