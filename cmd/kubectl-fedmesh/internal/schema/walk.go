package schema

import (
	"slices"

	"github.com/go-json-experiment/json/jsontext"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

// walk goes through the JSON of an object. What is no JSON ends it, and values of
// another type than the schema's are passed over: that is found by who decodes them.
type walk struct {
	decoder *jsontext.Decoder
	whole   *shape
	at      []step // the way to the value that is next
	found   []Unknown
	broken  bool // it is no JSON from here on
}

// step is one step of the way to a value.
type step struct {
	name  string
	index int
	form  form
}

// form is what a step goes into.
type form uint8

const (
	intoField form = iota
	intoKey
	intoIndex
)

// path is the way to the value that is next.
func (w *walk) path() (path *field.Path) {
	for _, step := range w.at {
		switch {
		case step.form == intoIndex:
			path = path.Index(step.index)
		case step.form == intoKey:
			path = path.Key(step.name)
		default:
			path = path.Child(step.name)
		}
	}
	return path
}

// value goes through the next value, which is to have a shape.
func (w *walk) value(expected *shape, step step) {
	kind := w.decoder.PeekKind()
	if expected == nil || expected.list != (kind == '[') || kind != '{' && kind != '[' {
		w.skip()
		return
	}
	w.at = append(w.at, step)
	w.inside(expected)
	w.at = w.at[:len(w.at)-1]
}

// skip passes over a value.
func (w *walk) skip() {
	if err := w.decoder.SkipValue(); err != nil {
		w.broken = true
	}
}

// inside goes through an object or a list.
func (w *walk) inside(expected *shape) {
	_, err := w.decoder.ReadToken()
	w.broken = w.broken || err != nil
	for i := 0; !w.broken; i++ {
		switch kind := w.decoder.PeekKind(); {
		case kind == ']' || kind == '}':
			_, err := w.decoder.ReadToken()
			w.broken = w.broken || err != nil
			return
		case expected.list:
			w.value(expected.element, step{index: i, form: intoIndex})
		default:
			w.member(expected)
		}
	}
}

// member goes through a name and its value.
func (w *walk) member(expected *shape) {
	quoted, err := w.decoder.ReadValue()
	if err != nil {
		w.broken = true
		return
	}
	if known, exists := expected.fields[string(quoted[1:len(quoted)-1])]; exists {
		w.value(known.shape, step{name: known.name})
		return
	}
	unquoted, err := jsontext.AppendUnquote(nil, quoted)
	if err != nil {
		w.broken = true
		return
	}
	name := string(unquoted)
	switch known, exists := expected.fields[name]; {
	case expected.keyed:
		w.value(expected.element, step{name: name, form: intoKey})
	case exists: // written with escapes
		w.value(known.shape, step{name: known.name})
	default:
		w.report(expected, name)
		w.skip()
	}
}

func (w *walk) report(expected *shape, name string) {
	unknown := Unknown{Fix: fix(expected, name)}
	if expected == w.whole {
		if _, belongs := w.whole.fields["spec"].shape.fields[name]; belongs {
			unknown.Fix = "move it into spec"
		}
	}
	if !plain(name) {
		name = cut(name)
	}
	unknown.Path = w.path().Child(name)
	w.found = append(w.found, unknown)
}

// plain reports whether a name can be a part of a path, and of a line, as it is.
func plain(name string) bool {
	return name != "" && len(name) <= longest && !slices.ContainsFunc([]rune(name), func(r rune) bool {
		return r != '_' && r != '-' && (r < '0' || r > '9') && (r < 'A' || r > 'Z') && (r < 'a' || r > 'z')
	})
}
