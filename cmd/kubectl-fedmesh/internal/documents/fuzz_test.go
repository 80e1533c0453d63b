package documents

import (
	"flag"
	"os"
	"strings"
	"testing"
)

// TestMain keeps the fuzzer going. It makes inputs that reach new code smaller, for a
// minute each by default, and an input of a few hundred bytes takes that long: all
// workers did nothing else, at nought inputs a second. A flag on the command line
// still wins.
func TestMain(m *testing.M) {
	if err := flag.Set("test.fuzzminimizetime", "10x"); err != nil {
		panic(err)
	}
	os.Exit(m.Run())
}

// FuzzParse: whatever a file holds, it is read without a panic, and lines are those
// of the file.
func FuzzParse(f *testing.F) {
	for _, seed := range []string{"", "a: b\n---\nc: d\n", "apiVersion: v1\r\nkind: List\r\nitems: [{}]\r\n", "{{ a }}", "---\n...\n---", "a: &a [*a]", "? [a]: b"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		documents, problems := Parse("f", []byte(text))
		last := strings.Count(text, "\n") + 1
		for _, document := range documents {
			if line := document.Line("spec.hosts[0]"); line < 1 || line > last {
				t.Errorf("got line %d of a document, want 1 to %d", line, last)
			}
		}
		for _, problem := range problems {
			if problem.Line < 1 || problem.Line > last {
				t.Errorf("got line %d of a problem, want 1 to %d", problem.Line, last)
			}
		}
	})
}
