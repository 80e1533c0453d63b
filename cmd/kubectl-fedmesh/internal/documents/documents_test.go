package documents

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// summary is what a test compares: kinds with the line of metadata.name, and
// problems.
func summary(documents []Document, problems []Problem) (lines []string) {
	for _, document := range documents {
		lines = append(lines, Problem{File: document.File, Line: document.Line("metadata.name"), Message: document.Kind}.String())
	}
	for _, problem := range problems {
		lines = append(lines, problem.String())
	}
	return lines
}

func TestParse(t *testing.T) {
	const a, b = "apiVersion: v1\nkind: A\nmetadata:\n  name: a\n", "apiVersion: v1\nkind: B\nmetadata: {name: b}\n"
	for name, test := range map[string]struct {
		text string
		want []string
	}{
		"nothing":              {"", nil},
		"comments":             {"# nothing\n---\n# here\n---\n", nil},
		"one":                  {a, []string{"f:4: A"}},
		"two":                  {a + "---\n" + b, []string{"f:4: A", "f:8: B"}},
		"separator first":      {"---\n" + a, []string{"f:5: A"}},
		"separator and spaces": {a + "---  # next\n" + b, []string{"f:4: A", "f:8: B"}},
		"on the separator":     {"--- {apiVersion: v1, kind: A, metadata: {name: a}}\n", []string{"f:1: A"}},
		"no separator":         {strings.Replace(a, "name: a", "name: a---", 1), []string{"f:4: A"}},
		"Windows line ends":    {strings.ReplaceAll(a+"---\n"+b, "\n", "\r\n"), []string{"f:4: A", "f:8: B"}},
		"byte order mark":      {"\uFEFF" + a, []string{"f:4: A"}},
		"JSON":                 {"{\n\t\"apiVersion\": \"v1\", \"kind\": \"A\",\n\t\"metadata\": {\n\t\t\"name\": \"a\"}}", []string{"f:4: A"}},
		"alias":                {"apiVersion: v1\nkind: A\nx: &x\n  name: a\nmetadata: *x\n", []string{"f:4: A"}},
		"List": {
			"apiVersion: v1\nkind: List\nitems:\n- apiVersion: v1\n  kind: A\n  metadata:\n    name: a\n- {apiVersion: v1, kind: B, metadata: {name: b}}\n- 3\n",
			[]string{"f:7: A", "f:8: B", "f:9: items[2] is no Kubernetes object: want apiVersion and kind"},
		},
		"broken between": {
			a + "---\nkind: [\n---\n" + b,
			[]string{"f:4: A", "f:10: B", "f:6: this is no YAML: did not find expected node content"},
		},
		"Helm":           {"# chart\n{{- if .Values.x }}\n" + a + "{{- end }}\n", []string{`f:2: this is a Helm template, not YAML: lint what "helm template" makes of it`}},
		"placeholder":    {a + "  x: ${A}: b\n", []string{"f:5: a ${...} placeholder makes this no YAML: lint it when it is filled in"}},
		"in a string":    {a + "x: ${A}\n", []string{"f:4: A"}},
		"no object":      {"- 1\n", []string{"f:1: this is no Kubernetes object: want a mapping with apiVersion and kind"}},
		"no kind":        {"\n\nmetadata: {name: a}\n", []string{"f:3: apiVersion or kind is missing"}},
		"the same key":   {a + "kind: B\n", []string{`f:5: this is no YAML: key "kind" already set in map`}},
		"items is a map": {"apiVersion: v1\nkind: List\nitems: {}\n", []string{"f:3: items is no list: want the objects of the List"}},
		"no items":       {"apiVersion: v1\nkind: List\n", nil},
		"Kind":           {"apiVersion: v1\nKind: A\n", []string{"f:1: apiVersion or kind is missing"}},
		"kind is a map":  {"apiVersion: v1\nkind: {a: b}\n", []string{"f:1: this is no Kubernetes object: want a mapping with apiVersion and kind"}},
	} {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(test.want, summary(Parse("f", []byte(test.text)))); diff != "" {
				t.Errorf("documents and problems differ (-want +got):\n%s", diff)
			}
		})
	}
}

func TestLine(t *testing.T) {
	documents, problems := Parse("f", []byte(`# first
---
apiVersion: v1
kind: A
metadata:
  annotations:
    proxy.istio.io/config: x
spec:
  ports: [{number: 1},
    {number: 2}]
  endpoints:
  - address: a
  - address: b
    labels:
      a: b
`))
	if problems != nil || len(documents) != 1 {
		t.Fatalf("got %v, %v; want one document", documents, problems)
	}
	for path, want := range map[string]int{
		"":                              3,
		"spec":                          8,
		"spec.ports[1].number":          10,
		"spec.endpoints[1].address":     13,
		"spec.endpoints[1].labels[a]":   15,
		"spec.endpoints[1].ports[http]": 13, // not written: the endpoint
		"spec.endpoints[7]":             11,
		"spec.addresses":                8,
		"metadata.annotations[proxy.istio.io/config]": 7,
		"status": 3,
	} {
		if got := documents[0].Line(path); got != want {
			t.Errorf("line of %q: got %d, want %d", path, got, want)
		}
	}
}
