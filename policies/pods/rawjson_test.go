package pods

import (
	"encoding/json"
	"regexp"
	"strings"
	"testing"
	"unicode/utf8"
)

// TestSkip compares what the scanner takes for JSON with what the standard
// library does.
func TestSkip(t *testing.T) {
	for _, text := range jsonTexts() {
		checkSkip(t, []byte(text))
	}
}

// jsonTexts are JSON, and what looks like it.
func jsonTexts() []string {
	return []string{
		`null`, `true`, `false`, `0`, `-1.5`, `1.25e-07`, `""`, `"a\"\\\/\b\f\n\r\t\u00eF"`, `"é"`, `{}`, `[]`, ` { "a" : [ 1 , { } ] , "b" : null } `, "\t\r\n 1 \n", `{"a":1,"a":2}`,
		``, ` `, `nul`, `01`, `1.`, `NaN`, `"`, `"a`, `"\x"`, `"\u12g4"`, "\"\n\"", `'a'`, "\"\xff\"", `"\ud83d"`,
		`{`, `}`, `{"a"`, `{"a":`, `{"a":1`, `{"a":1,}`, `{a:1}`, `{"a" 1}`, `{1:2}`, `{"a":1 "b":2}`, `[`, `]`, `[1`, `[1,]`, `[1 2]`, `1 2`, `{} x`, `{} "`, "\ufeff1", `/* */1`,
		strings.Repeat("[", 10000) + strings.Repeat("]", 10000), strings.Repeat("[", 10001) + strings.Repeat("]", 10001), strings.Repeat(`{"a":`, 10001),
	}
}

func FuzzSkip(f *testing.F) {
	for _, text := range jsonTexts() {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, text []byte) { checkSkip(t, text) })
}

// surrogate is an escape that may be half a character.
var surrogate = regexp.MustCompile(`\\u[dD][89a-fA-F]`)

func checkSkip(t *testing.T, text []byte) {
	t.Helper()
	scanner := scanJSON(text)
	err := scanner.skip()
	if err == nil {
		err = scanner.end()
	}
	shown := text
	if len(shown) > 100 {
		shown = shown[:100]
	}
	got, want := err == nil, json.Valid(text)
	if !got && (!utf8.Valid(text) || surrogate.Match(text)) {
		return // the standard library repairs what is no Unicode
	}
	if got != want {
		t.Errorf("%q: got valid %v (%v), want %v", shown, got, err, want)
	}
}

// TestText compares strings with those that the standard library reads.
func TestText(t *testing.T) {
	for _, text := range []string{`""`, `null`, `"plain"`, ` "é"`, `"a\"b"`, `"\u00e9\ud83d\ude00"`, `"\u2028"`} {
		var want string
		if err := json.Unmarshal([]byte(text), &want); err != nil {
			t.Fatal(err)
		}
		got, err := scanJSON([]byte(text)).text()
		if err != nil {
			t.Fatalf("%q: %v", text, err)
		}
		if string(got) != want {
			t.Errorf("%q: got %q, want %q", text, got, want)
		}
	}
	for _, text := range []string{"\"\xff\"", `"\ud83d"`, `"a`, `nul`} {
		if got, err := scanJSON([]byte(text)).text(); err == nil {
			t.Errorf("%q: got %q, want an error", text, got)
		}
	}
}

// TestRaw: what has been read stays what it was while the scanner goes on.
func TestRaw(t *testing.T) {
	const text = ` [ {"a": "\u0062"} , "c" , 1 ] `
	scanner := scanJSON([]byte(text))
	var items []string
	var raw [][]byte
	if _, err := scanner.list(func(int) error {
		item, err := scanner.raw()
		items, raw = append(items, string(item)), append(raw, item)
		return err
	}); err != nil {
		t.Fatal(err)
	}
	for i, want := range []string{`{"a": "\u0062"}`, `"c"`, `1`} {
		if items[i] != want || string(raw[i]) != want {
			t.Errorf("item %d: got %s and later %s, want %s", i, items[i], raw[i], want)
		}
	}
}
