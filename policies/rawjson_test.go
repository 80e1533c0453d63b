package policies

import (
	"encoding/json"
	"strings"
	"testing"
)

// TestSkip compares what the scanner takes for JSON with what the standard
// library does.
func TestSkip(t *testing.T) {
	for _, text := range []string{
		`null`, `true`, `false`, `0`, `-0`, `12`, `-1.5`, `1e5`, `1E+5`, `1.25e-07`, `""`, `"a\"\\\/\b\f\n\r\t\u00eF"`, `"é"`, "\"\x7f\"", `{}`, `[]`, ` { "a" : [ 1 , { } ] , "b" : null } `,
		"\t\r\n 1 \n", `{"a":1,"a":2}`, `[[[[]]]]`,
		``, ` `, `nul`, `nulL`, `True`, `01`, `-`, `+1`, `.5`, `1.`, `1.e5`, `1e`, `1e+`, `0x1`, `NaN`, `-Infinity`, `"`, `"a`, `"\`, `"\x"`, `"\u12"`, `"\u12g4"`, "\"\n\"", "\"\x00\"", `'a'`,
		`{`, `}`, `{"a"`, `{"a":`, `{"a":1`, `{"a":1,`, `{"a":1,}`, `{,}`, `{a:1}`, `{"a" 1}`, `{"a":}`, `{1:2}`, `{"a":1 "b":2}`, `[`, `]`, `[1`, `[1,`, `[1,]`, `[,]`, `[1 2]`, `1 2`, `{} x`, "\x00", "\ufeff1", `/* */1`,
		strings.Repeat("[", 10000) + strings.Repeat("]", 10000), strings.Repeat("[", 10001) + strings.Repeat("]", 10001), strings.Repeat(`{"a":`, 10001),
		"[" + strings.Repeat("[],", 10001) + "{}]",
	} {
		checkSkip(t, []byte(text))
	}
}

func FuzzSkip(f *testing.F) {
	for _, pod := range hostilePods() {
		f.Add([]byte(pod))
	}
	f.Fuzz(func(t *testing.T, text []byte) { checkSkip(t, text) })
}

func checkSkip(t *testing.T, text []byte) {
	t.Helper()
	scanner := &jsonScanner{data: text}
	err := scanner.skip()
	if err == nil {
		err = scanner.end()
	}
	shown := text
	if len(shown) > 100 {
		shown = shown[:100]
	}
	if got, want := err == nil, json.Valid(text); got != want {
		t.Errorf("%q: got valid %v (%v), want %v", shown, got, err, want)
	}
}

// TestText compares strings with those that the standard library reads.
func TestText(t *testing.T) {
	for _, text := range []string{
		`""`, `"plain"`, `"a\"b"`, `"\u00e9\ud83d\ude00"`, `"\ud83d"`, "\"\xff\"", "\"\\n\xff\"", `"\u2028"`,
	} {
		var want string
		if err := json.Unmarshal([]byte(text), &want); err != nil {
			t.Fatal(err)
		}
		got, err := (&jsonScanner{data: []byte(text)}).text()
		if err != nil {
			t.Fatalf("%q: %v", text, err)
		}
		if string(got) != want {
			t.Errorf("%q: got %q, want %q", text, got, want)
		}
	}
}
