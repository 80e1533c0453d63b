package documents

import (
	"bytes"
	"encoding/json"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"sigs.k8s.io/yaml"
)

// decoded is JSON as a value, with its numbers as they are written.
func decoded(t *testing.T, object []byte) (value any) {
	t.Helper()
	decoder := json.NewDecoder(bytes.NewReader(object))
	decoder.UseNumber()
	if err := decoder.Decode(&value); err != nil {
		t.Fatalf("%s is no JSON: %v", object, err)
	}
	return value
}

// sameAsKubectl checks the short way against the library's, where it is taken.
func sameAsKubectl(t *testing.T, text []byte) (plain bool) {
	t.Helper()
	got, plain := plainJSON(text)
	if !plain {
		return false
	}
	want, err := yaml.YAMLToJSONStrict(text)
	if err != nil {
		t.Errorf("%q: got %s, want the error %v", text, got, err)
		return true
	}
	if diff := cmp.Diff(decoded(t, want), decoded(t, got)); diff != "" {
		t.Errorf("%q: the objects differ (-kubectl +got):\n%s", text, diff)
	}
	return true
}

// TestScalars: what YAML 1.1 and 1.2 do not agree on, and what people fall over.
func TestScalars(t *testing.T) {
	for text, want := range map[string]string{
		"yes":                                   "true",
		"No":                                    "false",
		"on":                                    "true",
		"y":                                     "true",
		"'yes'":                                 `"yes"`,
		"012":                                   "10",
		"0o12":                                  "10",
		"0x1F":                                  "31",
		"0b101":                                 "5",
		"1_000":                                 "1000",
		"190:20:30":                             `"190:20:30"`,
		"1:20":                                  `"1:20"`,
		"1e3":                                   "1000",
		"1.":                                    "1",
		".5":                                    "0.5",
		"+1":                                    "1",
		"9223372036854775808":                   "9223372036854775808",
		"18446744073709551616":                  "18446744073709552000",
		"2001-12-14":                            `"2001-12-14"`,
		"2001-12-14 21:59:43.10":                `"2001-12-14 21:59:43.10"`,
		"~":                                     "null",
		"":                                      "null",
		"NULL":                                  "null",
		"{}":                                    "{}",
		"[]":                                    "[]",
		"{a: [1, {b: c}]}":                      `{"a":[1,{"b":"c"}]}`,
		"|\n  one\n  two":                       `"one\ntwo\n"`,
		">-\n  one\n  two":                      `"one two"`,
		`"<\u00e9\x07>"`:                        `"<é\u0007>"`,
		"{k: &a [1], l: *a}":                    `{"k":[1],"l":[1]}`,
		"240.0.0.2":                             `"240.0.0.2"`,
		"240.0.0.2/32":                          `"240.0.0.2/32"`,
		"outbound_.8000_._.httpbin.bar.global.": `"outbound_.8000_._.httpbin.bar.global."`,
	} {
		document := []byte("x: " + text + "\n")
		if !sameAsKubectl(t, document) {
			t.Errorf("%q: want it read the short way", text)
			continue
		}
		got, err := toJSON(document)
		if want := `{"x":` + want + "}"; err != nil || string(got) != want {
			t.Errorf("%q: got %s, %v; want %s", text, got, err, want)
		}
	}
}

// TestLongWay: what ordered lists cannot hold is left to the library.
func TestLongWay(t *testing.T) {
	for name, test := range map[string]struct{ text, want string }{
		"null":               {"null", "null"},
		"NULL":               {"NULL", "null"},
		"empty":              {"{}", "{}"},
		"scalar":             {"a", `"a"`},
		"sequence of pairs":  {"- {key: a, value: b}", `[{"key":"a","value":"b"}]`},
		"after a comment":    {"# a\r- key: a\n  value: b\n", `[{"key":"a","value":"b"}]`},
		"merge key":          {"a: &a {x: 1}\nb: {<<: *a, c: 2}", `{"a":{"x":1},"b":{"c":2,"x":1}}`},
		"merge key, escaped": {"a: &a {x: 1}\nb: {! \"\\x3c\\x3c\": *a}", `{"a":{"x":1},"b":{"x":1}}`},
		"number as key":      {"1: a", `{"1":"a"}`},
		"yes as key":         {"yes: a", `{"true":"a"}`},
		"tag":                {"a: !!str 1", `{"a":"1"}`},
		"binary":             {"a: !!binary aGk=", `{"a":"hi"}`},
		"key twice":          {"a: 1\na: 2", `error: yaml: unmarshal errors:` + "\n" + `  line 2: key "a" already set in map`},
		"the 17th key twice": {"k: 1\n" + "a: 1\nb: 1\nc: 1\nd: 1\ne: 1\nf: 1\ng: 1\nh: 1\ni: 1\nj: 1\nl: 1\nm: 1\no: 1\np: 1\nq: 1\nr: 1\ns: 1\nr: 1\n", `error: yaml: unmarshal errors:` + "\n" + `  line 19: key "r" already set in map`},
		"null as key":        {"~: a", "error: unsupported map key of type: %!s(<nil>), key: <nil>, value: \"a\""},
		"not a number":       {"a: .nan", "error: json: unsupported value: NaN"},
	} {
		t.Run(name, func(t *testing.T) {
			if got, plain := plainJSON([]byte(test.text)); plain {
				t.Errorf("got %s the short way, want it left to the library", got)
			}
			object, err := toJSON([]byte(test.text))
			got := string(object)
			if err != nil {
				got = "error: " + err.Error()
			}
			if got != test.want {
				t.Errorf("got %s, want %s", got, test.want)
			}
		})
	}
}

// TestManifests: every document of this repository is read as kubectl reads it, and
// nearly all of them the short way.
func TestManifests(t *testing.T) {
	short, all := 0, 0
	for _, root := range []string{"../../../../manifests", "../../../../policies", "../../../../test"} {
		err := filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
			if err != nil || entry.IsDir() || !strings.HasSuffix(path, ".yaml") && !strings.HasSuffix(path, ".yml") && !strings.HasSuffix(path, ".json") {
				return err
			}
			text, err := os.ReadFile(path)
			if err != nil {
				return nil // a link to nowhere
			}
			for _, part := range split(text) {
				if all++; sameAsKubectl(t, part.text) {
					short++
				}
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if short*10 < all*8 {
		t.Errorf("got %d documents of %d the short way, want four fifths at least", short, all)
	}
}

// FuzzToJSON: the short way and the library agree on everything.
func FuzzToJSON(f *testing.F) {
	for _, seed := range []string{
		"a: 1\nb: [x, 'y', \"z\"]\n", "{a: {b: c}}", "\"a\": &x {k: ~}\nb: *x", "a: |\n  text\n \n", "a: 0o17\nb: 1_0\nc: .inf\n", "a:\n- b: 1\n  c: 2001-01-01\n- - d\n",
		"# c\na: <<\n", "a: !!int 3", "a: 1\na: 2", "key: a\nvalue: b\n", "a\n...\nb", "? a\n: b\n", "y: n", "a: \"\\ud800\"", "{\"a\": \"\\u0000\"}", "a: 1e999",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		defer func() {
			if recover() != nil { // of the parser's own
				t.Skip()
			}
		}()
		sameAsKubectl(t, []byte(text))
	})
}
