package policies

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestMergeProxyMetadata(t *testing.T) {
	tests := []struct{ name, text, want string }{
		{"empty", "", "proxyMetadata:\n  K: \"v\"\n"},
		{"blank", "  ", "  \nproxyMetadata:\n  K: \"v\"\n"},
		{"comment", "# nothing yet", "# nothing yet\nproxyMetadata:\n  K: \"v\"\n"},
		{"comment on a line", "# nothing yet\n", "# nothing yet\nproxyMetadata:\n  K: \"v\"\n"},
		{"null", "null", `{"proxyMetadata": {"K": "v"}}`},
		{"tilde", "~ # nothing yet", `{"proxyMetadata": {"K": "v"}} # nothing yet`},
		{"document start", "---\n", "---\nproxyMetadata:\n  K: \"v\"\n"},
		{"empty mapping", "{}", `{"proxyMetadata": {"K": "v"}}`},
		{"byte order mark before a flow", "\ufeff{a:   b}", "\ufeff{\"proxyMetadata\": {\"K\": \"v\"}, a:   b}"},
		{"byte order mark", "\ufeffa: b\n", "\ufeffa: b\nproxyMetadata:\n  K: \"v\"\n"},

		{"other fields", "a: b\n", "a: b\nproxyMetadata:\n  K: \"v\"\n"},
		{"no newline at the end", "a: b", "a: b\nproxyMetadata:\n  K: \"v\"\n"},
		{"indented", "  a: b\n  c: d\n", "  a: b\n  c: d\n  proxyMetadata:\n    K: \"v\"\n"},
		{"comments", "# head\na: b # line\n# foot\n", "# head\na: b # line\n# foot\nproxyMetadata:\n  K: \"v\"\n"},
		{"Windows", "a: b\r\nc: d\r\n", "a: b\r\nc: d\r\nproxyMetadata:\r\n  K: \"v\"\r\n"},
		{"carriage returns", "a: b\rc: d\r", "a: b\rc: d\r\nproxyMetadata:\n  K: \"v\"\n"},
		{"tab after a colon", "a:\tb\n", "a:\tb\nproxyMetadata:\n  K: \"v\"\n"},
		{"literal", "a: |\n  x\n  y\n", "a: |\n  x\n  y\nproxyMetadata:\n  K: \"v\"\n"},
		{"literal that keeps newlines", "a: |+\n  x\n\n\n", "a: |+\n  x\n\n\nproxyMetadata:\n  K: \"v\"\n"},
		{"literal without a last newline", "a: |\n  x", "a: |-\n  x\nproxyMetadata:\n  K: \"v\"\n"},
		{"lines that are long", "a: >-\n  x\n  y\n\n  z", "a: >-\n  x\n  y\n\n  z\nproxyMetadata:\n  K: \"v\"\n"},

		{"null field", "proxyMetadata:\n", "proxyMetadata: {\"K\": \"v\"}\n"},
		{"null field with a comment", "proxyMetadata: # none\na: b\n", "proxyMetadata: {\"K\": \"v\"} # none\na: b\n"},
		{"null field, written out", "proxyMetadata: null\n", "proxyMetadata: {\"K\": \"v\"}\n"},
		{"null field with a tag", "proxyMetadata: !!null ''\n", "proxyMetadata:\n  K: \"v\"\n"},
		{"field that is empty", "proxyMetadata: {}\n", "proxyMetadata: {\"K\": \"v\"}\n"},
		{"block", "proxyMetadata:\n  A: b\n", "proxyMetadata:\n  K: \"v\"\n  A: b\n"},
		{"block, wide", "a: b\nproxyMetadata:\n      A: b\n      C: d\n", "a: b\nproxyMetadata:\n      K: \"v\"\n      A: b\n      C: d\n"},
		{"block in Windows", "proxyMetadata:\r\n  A: b\r\n", "proxyMetadata:\r\n  K: \"v\"\r\n  A: b\r\n"},
		{
			"block with comments", "proxyMetadata: # ours\n\n  # about A\n  A: b # line\n  # foot\nc: d\n",
			"proxyMetadata: # ours\n  K: \"v\"\n\n  # about A\n  A: b # line\n  # foot\nc: d\n",
		},
		{"block with a literal", "proxyMetadata:\n  A: |\n    x\n    y", "proxyMetadata:\n  K: \"v\"\n  A: |\n    x\n    y"},
		{"quoted names", "\"proxyMetadata\":\n  'A': b\n", "\"proxyMetadata\":\n  K: \"v\"\n  'A': b\n"},
		{"escaped name", `{"proxy\u004detadata": {"A": "b"}}`, `{"proxy\u004detadata": {"K": "v", "A": "b"}}`},
		{"tag", "proxyMetadata: !!map\n  A: b\n", "proxyMetadata: !!map\n  K: \"v\"\n  A: b\n"},
		{"explicit key", "? proxyMetadata\n: A: b\n", "proxyMetadata:\n  A: b\n  K: \"v\"\n"},
		{"flow", "proxyMetadata: {A: b}\n", "proxyMetadata: {\"K\": \"v\", A: b}\n"},
		{"flow with a last comma", "proxyMetadata: {A: b,}\n", "proxyMetadata: {\"K\": \"v\", A: b,}\n"},
		{"flow on lines", "proxyMetadata: {\n  # c\n  A: b, # d\n  E: f }\n", "proxyMetadata: {\n  # c\n  \"K\": \"v\",\n  A: b, # d\n  E: f }\n"},
		{"flow after wide characters", "{é: ü, proxyMetadata: {A: 本}}", "{é: ü, proxyMetadata: {\"K\": \"v\", A: 本}}"},
		{"flow with a line separator", "a: \"x\u2028y\"\nproxyMetadata: {A: b}\n", "a: \"x\u2028y\"\nproxyMetadata: {\"K\": \"v\", A: b}\n"},
		{"flow without a value", "{proxyMetadata}", "{proxyMetadata: {K: \"v\"}}\n"},

		{"JSON", `{"a":1}`, `{"proxyMetadata": {"K": "v"}, "a":1}`},
		{"JSON with the field", `{"proxyMetadata":{"A":"b"},"c":[1,2]}`, `{"proxyMetadata":{"K": "v", "A":"b"},"c":[1,2]}`},
		{
			"JSON on lines", "{\n  \"proxyMetadata\": {\n    \"A\": \"b\"\n  }\n}\n",
			"{\n  \"proxyMetadata\": {\n    \"K\": \"v\",\n    \"A\": \"b\"\n  }\n}\n",
		},
		{"JSON on lines without the field", "{\n  \"a\": 1\n}\n", "{\n  \"proxyMetadata\": {\"K\": \"v\"},\n  \"a\": 1\n}\n"},
		{"JSON null", `{"proxyMetadata":null}`, `{"proxyMetadata": {"K": "v"}}`},

		{"original spelling", "proxy_metadata:\n  A: b\n", "proxy_metadata:\n  K: \"v\"\n  A: b\n"},
		{
			"both spellings", "proxy_metadata: {A: b}\nproxyMetadata: {C: d}\n",
			"proxy_metadata: {A: b}\nproxyMetadata: {\"K\": \"v\", C: d}\n",
		},
		{
			"both spellings, the other way round", "proxyMetadata: {C: d}\nproxy_metadata: {A: b}\n",
			"proxyMetadata: {\"K\": \"v\", C: d}\nproxy_metadata: {A: b}\n",
		},
		{
			"both spellings, one null", "proxyMetadata:\nproxy_metadata: {A: b}\n",
			"proxyMetadata: {\"K\": \"v\"}\nproxy_metadata: {A: b}\n",
		},
		{
			"the key in the spelling that does not count", "proxyMetadata: {C: d}\nproxy_metadata: {K: \"no\"}\n",
			"proxyMetadata: {\"K\": \"v\", C: d}\nproxy_metadata: {K: \"no\"}\n",
		},
		{"misspelled", "proxyMetaData: {A: b}\n", "proxyMetaData: {A: b}\nproxyMetadata:\n  K: \"v\"\n"},
		{
			"duplicate fields", "proxyMetadata: {A: b}\nproxyMetadata: {C: d}\n",
			"proxyMetadata: {A: b}\nproxyMetadata: {\"K\": \"v\", C: d}\n",
		},
		{
			"duplicate keys, the last null", "proxyMetadata:\n  K: \"x\"\n  K:\n",
			"proxyMetadata:\n  K: \"x\"\n  K: \"v\"\n",
		},

		{"null key", "proxyMetadata:\n  K:\n  A: b\n", "proxyMetadata:\n  K: \"v\"\n  A: b\n"},
		{"null key, written out", "proxyMetadata: {A: b, K: null}\n", "proxyMetadata: {A: b, K: \"v\"}\n"},

		{
			"alias", "x: &m {A: b}\nproxyMetadata: *m\n",
			"x: &m {A: b}\nproxyMetadata: {<<: *m , \"K\": \"v\"}\n",
		},
		{
			"anchor that is used", "proxyMetadata: &m\n  A: b\nx: *m\n",
			"proxyMetadata:\n  A: b\n  K: \"v\"\nx:\n  A: b\n",
		},
		{
			"anchor that is not used", "proxyMetadata: &m\n  A: b\n",
			"proxyMetadata: &m\n  K: \"v\"\n  A: b\n",
		},
		{
			"anchor that is used, with the key null", "proxyMetadata: &m {K: null, A: b}\nx: *m\n",
			"proxyMetadata: {A: b, K: \"v\"}\nx: {K: null, A: b}\n",
		},
		{
			"anchor on a line of its own", "proxyMetadata:\n  &m\n  A:   b\n",
			"proxyMetadata:\n  &m\n  K: \"v\"\n  A:   b\n",
		},
		{
			"alias as a key", "&k proxyMetadata: {A: b}\n*k : {C:   d}\n",
			"&k proxyMetadata: {A: b}\n*k : {\"K\": \"v\", C:   d}\n",
		},
		{
			"merge", "x: &m {A: b}\nproxyMetadata:\n  <<: *m\n  C: d\n",
			"x: &m {A: b}\nproxyMetadata:\n  K: \"v\"\n  <<: *m\n  C: d\n",
		},
		{
			"merge that has the key null", "x: &m {K: null}\nproxyMetadata:\n  <<: *m\n",
			"x: &m {K: null}\nproxyMetadata:\n  <<: *m\n  K: \"v\"\n",
		},
		{
			"merge that has the field", "x:   &m\n  proxyMetadata: {A: b, N: null}\n<<: *m\n",
			"x:   &m\n  proxyMetadata: {A: b, N: null}\n<<: *m\nproxyMetadata:\n  \"A\": \"b\"\n  \"false\": null\n  K: \"v\"\n",
		},
		{
			"merge that has the field, in a flow", "{<<: {proxyMetadata: {A: b}}}",
			"{<<: {proxyMetadata: {A: b}}, proxyMetadata: {\"A\": \"b\", K: \"v\"}}\n",
		},

		{"second document", "a: b\n---\nproxyMetadata: {A: c}\n", "a: b\nproxyMetadata:\n  K: \"v\"\n---\nproxyMetadata: {A: c}\n"},
		{"empty first document", "---\n---\na: b\n", "---\nproxyMetadata:\n  K: \"v\"\n---\na: b\n"},
		{"end of document", "a: b\n... # end\n", "a: b\nproxyMetadata:\n  K: \"v\"\n... # end\n"},
		{"directive", "%YAML 1.1\n--- # start\na: b", "%YAML 1.1\n--- # start\na: b\nproxyMetadata:\n  K: \"v\"\n"},
		{"second document behind one that is written anew", "a: |\n  x\n\n---\nb: &x *x\n", "a: |\n  x\n\nproxyMetadata:\n  K: \"v\"\n---\nb: &x *x\n"},
		{"rewritten first document", "? proxyMetadata\n: A: b\n---\n{\n", "proxyMetadata:\n  A: b\n  K: \"v\"\n---\n{\n"},
		{"numbers", "a: 1.0\nb: 0x1F\nc: 012\nd: yes\ne: 12345678901234567890\n", "a: 1.0\nb: 0x1F\nc: 012\nd: yes\ne: 12345678901234567890\nproxyMetadata:\n  K: \"v\"\n"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got, value, err := mergeProxyMetadata(test.text, "K", "v")
			if err != nil {
				t.Fatalf("got error %v, want none", err)
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("text differs (-want +got):\n%s", diff)
			}
			if value != "v" {
				t.Errorf("value: got %q, want %q", value, "v")
			}
			checkMerge(t, test.text, "K", "v")
		})
	}
}

// TestMergeProxyMetadataKeeps: a value that Istio will see is the user's.
func TestMergeProxyMetadataKeeps(t *testing.T) {
	tests := []struct{ name, text, want string }{
		{"block", "proxyMetadata:\n  K: \"no\"\n", "no"},
		{"empty", "proxyMetadata: {K: ''}\n", ""},
		{"JSON", `{"proxyMetadata":{"K":"no"}}`, "no"},
		{"original spelling", "proxy_metadata: {K: \"no\"}\n", "no"},
		{"last of duplicate keys", "proxyMetadata: {K: \"a\", K: \"b\"}\n", "b"},
		{"last of duplicate fields", "proxyMetadata: {K: \"a\"}\nproxyMetadata: {K: \"b\"}\n", "b"},
		{"by alias", "x: &m {K: \"no\"}\nproxyMetadata: *m\n", "no"},
		{"by merge", "x: &m {K: \"no\"}\nproxyMetadata:\n  <<: *m\n", "no"},
		{"by merge of the field", "<<: {proxyMetadata: {K: \"no\"}}\n", "no"},
		{"folded", "proxyMetadata:\n  K: >-\n    n\n    o\n", "n o"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got, value, err := mergeProxyMetadata(test.text, "K", "v")
			if err != nil {
				t.Fatalf("got error %v, want none", err)
			}
			if got != test.text {
				t.Errorf("got text %q, want it unchanged", got)
			}
			if value != test.want {
				t.Errorf("value: got %q, want %q", value, test.want)
			}
		})
	}
}

// TestMergeProxyMetadataRefuses: what cannot be understood is left alone.
func TestMergeProxyMetadataRefuses(t *testing.T) {
	tests := []struct{ name, text, want string }{
		{"no YAML", "proxyMetadata: [", "it is no YAML: line 1: did not find expected node content"},
		{"tab", "proxyMetadata:\n\tA: b", "it is no YAML: line 2: found character that cannot start any token"},
		{"control character", "a: \x00", "it is no YAML: control characters are not allowed"},
		{"text", "please", "it is a string, want a mapping"},
		{"number", "5", "it is the value 5, want a mapping"},
		{"list", "- proxyMetadata", "it is a list, want a mapping"},
		{"field is text", "proxyMetadata: A=b", "proxyMetadata is a string, want a mapping"},
		{"field is a list", "proxyMetadata: [A]", "proxyMetadata is a list, want a mapping"},
		{"field is a number", "proxy_metadata: 1", "proxy_metadata is the value 1, want a mapping"},
		{"boolean", "proxyMetadata: {K: true}", "proxyMetadata.K is the value true, want a string (in quotes)"},
		{"boolean of another key", "proxyMetadata:\n  B: \"x\"\n  A: no\n", "proxyMetadata.A is the value false, want a string (in quotes)"},
		{"list of another key", "proxyMetadata: {A: [x]}", "proxyMetadata.A is a list, want a string (in quotes)"},
		{"mapping of another key", "proxyMetadata: {A: {x: y}}", "proxyMetadata.A is a mapping, want a string (in quotes)"},
		{"not a number", "a: .nan\nb: .inf", "it is YAML that has no JSON form"},
		{"keys that JSON has not", "{null: a, [1]: b}", "it is no YAML: invalid map key: []interface {}{1}"},
		{"unknown alias", "proxyMetadata: *m", "it is no YAML: unknown anchor 'm' referenced"},
		{"alias of itself", "proxyMetadata: &m {A: *m}", "its aliases stand for more than 4096 values"},
		{"aliases of aliases", bomb(), "its aliases stand for more than 4096 values"},
		{"nested deeply", "a: " + strings.Repeat("[", 10000) + strings.Repeat("]", 10000), "it is nested too deeply"},
		{"long", "a: " + strings.Repeat("x", maxProxyConfig), "it is longer than 32768 bytes"},
		{"too long once it is merged", "a: " + strings.Repeat("x", maxProxyConfig-10), "its YAML cannot be extended without changing what it says"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got, _, err := mergeProxyMetadata(test.text, "K", "v")
			if err == nil {
				t.Fatalf("got text %q, want an error", got)
			}
			if diff := cmp.Diff(test.want, err.Error()); diff != "" {
				t.Errorf("error differs (-want +got):\n%s", diff)
			}
			if got != test.text {
				t.Errorf("got text %q, want it unchanged", got)
			}
		})
	}
}

// bomb is a few hundred bytes that stand for a billion values.
func bomb() string {
	var text strings.Builder
	text.WriteString("a0: &a0 {x: y}\n")
	for _, level := range "123456789" {
		previous := string(level - 1)
		text.WriteString("a" + string(level) + ": &a" + string(level) + " [" + strings.Repeat("*a"+previous+",", 9) + "*a" + previous + "]\n")
	}
	return text.String()
}
