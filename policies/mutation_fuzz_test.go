package policies

import (
	"bytes"
	"encoding/json"
	"maps"
	"reflect"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"
	"sigs.k8s.io/yaml"

	"fedmesh.io/fedmesh/policies/api/v1alpha1"
	"fedmesh.io/fedmesh/policies/pods"
)

// checkMerge holds a merge, or that there is none, against what Istio would read.
// It decodes on its own way, not on that of the code.
func checkMerge(t testing.TB, text, key, value string) {
	t.Helper()
	merged, effective, err := mergeProxyMetadata(text, key, value)
	if err != nil {
		if merged != text {
			t.Errorf("got text %q beside an error, want %q", merged, text)
		}
		if isPlainConfig(text) {
			t.Errorf("merge of %q: got error %v, want none", text, err)
		}
		return
	}
	before, after := readAsIstio(t, text), readAsIstio(t, merged)
	if got := metadataAsIstio(t, after)[key]; got != effective && !(got == nil && effective == "") {
		t.Errorf("merge of %q: Istio reads %v, want %q", text, got, effective)
	}
	if merged == text {
		return
	}

	field := "proxyMetadata"
	_, original := before["proxy_metadata"]
	if _, both := before["proxyMetadata"]; original && !both {
		field = "proxy_metadata"
	}
	want := maps.Clone(before)
	if want == nil {
		want = map[string]any{}
	}
	values, _ := want[field].(map[string]any)
	values = maps.Clone(values)
	if values == nil {
		values = map[string]any{}
	}
	values[key] = value
	want[field] = values
	if !reflect.DeepEqual(after, want) {
		t.Errorf("merge of %q into %q: got %v, want %v", text, merged, after, want)
	}

	again, effective, err := mergeProxyMetadata(merged, key, "other")
	if err != nil || again != merged || effective != value {
		t.Errorf("second merge of %q: got %q, value %q, error %v, want no change", merged, again, effective, err)
	}
}

// isPlainConfig reports whether nothing in the text excuses that it is left
// alone: it is short, is one document, has no aliases, both parsers read it, and
// it has the types that Istio wants.
func isPlainConfig(text string) bool {
	if len(text) > maxProxyConfig/2 || strings.ContainsAny(text, "&*") || strings.Contains(text, "---") || strings.Contains(text, "...") {
		return false
	}
	var fields map[string]any
	document, err := readYAML(text)
	if err != nil || json.Unmarshal(document, &fields) != nil || bytes.Contains(document, []byte(`\ufffd`)) {
		return false // or it has binary data, for which JSON has no form
	}
	if _, err := parseNode(text); err != nil {
		return false
	}
	taken := fields["proxy_metadata"]
	if overriding, present := fields["proxyMetadata"]; present {
		taken = overriding
	}
	values, ok := taken.(map[string]any)
	for _, value := range values {
		if _, text := value.(string); !text && value != nil {
			return false
		}
	}
	return ok || taken == nil
}

func readAsIstio(t testing.TB, text string) map[string]any {
	t.Helper()
	var fields map[string]any
	document, err := yaml.YAMLToJSON([]byte(text))
	if err != nil {
		t.Fatalf("reading %q: %v", text, err)
	}
	if err := json.Unmarshal(document, &fields); err != nil {
		t.Fatalf("reading %q: %v", text, err)
	}
	return fields
}

// metadataAsIstio is what unmarshalMessage of the legacy jsonpb takes: the
// original name, and then the JSON name over it.
func metadataAsIstio(t testing.TB, fields map[string]any) map[string]any {
	t.Helper()
	taken := fields["proxy_metadata"]
	if overriding, present := fields["proxyMetadata"]; present {
		taken = overriding
	}
	if taken == nil {
		return nil
	}
	values, ok := taken.(map[string]any)
	if !ok {
		t.Fatalf("got %v, want a mapping", taken)
	}
	return values
}

// hostileConfigs are texts that once were, or might be, mistaken.
func hostileConfigs() []string {
	return []string{
		"", " ", "\n", "\t", "\ufeff", "#", "# a\n---\n", "---", "...", "--- ~", "null", "~", "{}", "[]", "\"\"", "''", "!!null", "!!map {}", "&a", "*a", "|", ">", "?", ": ", "- ", "{", "}", "%YAML 1.1\n---\n",
		"a: b", "a: b\n...\nc: d", "a: b\r\nc: d\r\n", "a: b\rc: d", "a: \u2028 b\nc: d", "a: \u0085b", "\u0085a: b", "  a: b\n c: d",
		"a: |\n  x", "a: |+\n  x\n\n", "a: >-\n  x\n\n  y", "a: |2\n    x\n", "a: \"x\n  y\"", "a: 'x''y'", "a: \"\\\n x\"",
		"proxyMetadata:", "proxyMetadata: ", "proxyMetadata: # c", "proxyMetadata:\n# c\n", "proxyMetadata: null", "proxyMetadata: ~\n", "proxyMetadata: {}", "proxyMetadata: []", "proxyMetadata: x", "proxyMetadata: |\n  A: b\n",
		"proxyMetadata:\n  A: b", "proxyMetadata:\n\n\n  # c\n  A: b\n", "proxyMetadata:\n- A\n", "proxyMetadata: {A: b}", "proxyMetadata: {A: b,\n C: d}", "proxyMetadata: { }", "proxyMetadata: {\n}", "proxyMetadata: {A}", "proxyMetadata: {? A : b}",
		"proxyMetadata: !!map {A: b}", "proxyMetadata: !x {A: b}", "proxyMetadata: &a !!map\n  A: b\n", "proxyMetadata: &a\n  !!map\n  A: b\n", "proxyMetadata:\n  &a A: b\n", "proxyMetadata:\n  ? A\n  : b\n", "? proxyMetadata\n: A: b\n", "? proxyMetadata\n", "proxyMetadata:\n  A: &x b\n  C: *x\n",
		"proxy_metadata: {A: b}\nproxyMetadata: {C: d}", "proxyMetadata: {A: b}\nproxyMetadata: {C: d}", "proxyMetadata: {A: b, A: c}", "proxyMetadata: {ISTIO_META_DNS_CAPTURE: \"false\"}", "proxyMetadata: {ISTIO_META_DNS_CAPTURE: true}", "proxyMetadata: {ISTIO_META_DNS_CAPTURE: null}", "proxyMetadata: {ISTIO_META_DNS_CAPTURE: }", "proxyMetadata:\n  ISTIO_META_DNS_CAPTURE:\n", "proxyMetadata: {ISTIO_META_DNS_CAPTURE: \"\"}",
		"x: &m {A: b}\nproxyMetadata: *m\n", "proxyMetadata: &m {A: b}\nx: *m", "x: &m ~\nproxyMetadata: *m", "x: &m {ISTIO_META_DNS_CAPTURE: null}\nproxyMetadata: {<<: *m}", "<<: {proxyMetadata: {A: b}}", "<<: &m {proxyMetadata: &n {A: b}}\nx: [*m, *n]", "proxyMetadata: &m {<<: *m}", "<<: [{a: b}, {proxyMetadata: {A: b}}]", "proxyMetadata: {<<: {A: b}, <<: {C: d}}", "proxyMetadata: {'<<': {A: b}}", "&k proxyMetadata: {A: b}\n*k : {C: d}",
		"{proxyMetadata}", "{\"proxyMetadata\":}", "{\"proxyMetadata\":{\"A\":\"b\"}}", "{\"proxyMetadata\" : {\n\"A\":\"\\u00e9\"}}", "{\"a\":{\"proxyMetadata\":{}}}", "é: ü\nproxyMetadata: {é: ü}", "a: 1e400", "a: .nan", "1: a\ntrue: b\n~: c", "a: 2001-01-01", "a: !!binary aGk=", "!!binary aGk=: b", "a: 0o17\nb: 017\nc: 1_000", "on: yes\ny: n", "a: - b", "a: b: c", "a\n", "- a\n-b", "a: @b", "a: `b`", "a: %b", "a: b #c\n#d",
	}
}

func FuzzMergeProxyConfig(f *testing.F) {
	for _, text := range hostileConfigs() {
		f.Add(text)
	}
	f.Add(bomb())
	f.Fuzz(func(t *testing.T, text string) {
		if !utf8.ValidString(text) {
			t.Skip("annotations come from JSON")
		}
		checkMerge(t, text, pods.DNSCaptureVariable, "true")
	})
}

// hostilePods are pods that once were, or might be, mistaken.
func hostilePods() []string {
	return []string{
		``, ` `, `null`, `[]`, `{}`, `"x"`, `1`, `{`, `{"metadata":`, `{"metadata":null,"spec":null}`, `{"spec":{"containers":[null]}}`, `{"spec":{"containers":[{}]}}`,
		`{"spec":{"containers":[{"name":""}]}}`, `{"spec":{"containers":[{"name":null,"image":null,"env":null,"volumeMounts":null}],"volumes":null}}`,
		`{"metadata":{"generateName":"a-","labels":null,"annotations":null},"spec":{"containers":[{"name":"a"}]}}`,
		`{"metadata":{"labels":{"":null}},"spec":{"containers":[{"name":"istio-proxy","image":"x","env":[null,{}],"volumeMounts":[null,{}]}],"volumes":[null,{}]}}`,
		`{"metadata":{"annotations":{"sidecar.istio.io/status":""}},"spec":{"initContainers":[{"name":"istio-proxy"}],"containers":[{"name":"istio-proxy","volumeMounts":[{"name":"workload-socket","mountPath":"/run/secrets/workload-spiffe-uds"},{"name":"x","mountPath":"/var/run/secrets/workload-spiffe-uds/"}]}],"volumes":[{"name":"workload-socket","emptyDir":{},"csi":{"driver":"csi.spiffe.io"}},{"name":"x","secret":{}}]}}`,
		`{"metadata":{"annotations":{"sidecar.istio.io/status":""}},"spec":{"containers":[{"name":"istio-proxy"},{"name":"istio-proxy","env":[{"name":"ISTIO_META_NETWORK"},{"name":"ISTIO_META_DNS_CAPTURE","value":"1"}]}],"volumes":[{"name":"workload-socket"},{"name":"workload-socket"}]}}`,
		`{"\u006detadata":{"labels":{"\u0061":"\ud83d\ude00"}},"spec":{"containers":[{"name":"a"}]},"x-unknown":[1e5,-0,"\\"]}`,
		`{"Metadata":{"Labels":{"fedmesh.io/inject":"false"}},"Spec":{"hostNetwork":true},"spec":{"Containers":[],"containers":[{"Name":"istio-proxy","name":"a"}]}}`,
		`{"metadata":{"labels":{"a":"b"}},"metadata":{},"spec":{"containers":[{"name":"a"}],"containers":[{"name":"b"}]}}`,
		`{"metadata":{"annotations":{"proxy.istio.io/config":"{\"proxyMetadata\":{\"A\":1}}","fedmesh.io/status":"x"}},"spec":{"containers":[{"name":"a"}]}}`,
	}
}

// FuzzMutatePod: no panic, no half patch, nothing left for a second pass, and
// what fedmesh does not know stays.
func FuzzMutatePod(f *testing.F) {
	for _, pod := range hostilePods() {
		f.Add([]byte(pod), "network-1", "network-1", uint8(0))
	}
	for _, test := range podCases(f) {
		f.Add(test.pod, "network-1", "", uint8(1))
	}
	for i, text := range hostileConfigs() {
		pod := map[string]any{
			"metadata": map[string]any{"annotations": map[string]string{pods.ConfigAnnotation: text}},
			"spec":     map[string]any{"containers": []any{map[string]string{"name": pods.ProxyContainer, "image": "x"}}},
		}
		f.Add(encode(f, pod), "network-1", "network-1", uint8(i))
	}
	f.Fuzz(func(t *testing.T, pod []byte, network, root string, choice uint8) {
		settings := PodSettings{Network: network, RootNetwork: root}
		settings.Pods.WorkloadSocket.Type = [...]v1alpha1.WorkloadSocketType{"", "CSI", "HostPath", "None"}[choice%4]
		settings.Pods.WorkloadSocket.Path = "/run/spire"
		settings.Pods.NetworkLabel = [...]v1alpha1.NetworkLabel{"", "Auto", "Always", "Never"}[choice/4%4]
		patch, err := MutatePod(pod, settings)
		if err != nil {
			if patch.Operations != nil || patch.Warnings != nil {
				t.Fatalf("got %v beside error %v", patch, err)
			}
			return
		}
		if !json.Valid(pod) {
			t.Fatalf("got no error, want one: %q is no JSON", pod)
		}
		if !utf8.ValidString(network) || !jsontext.Value(pod).IsValid() {
			return // the API server sends no object that has a member twice
		}
		_, patched := mutate(t, pod, settings)
		if patch.Operations == nil {
			return
		}
		if len(statusOf(t, patched)) != 4 {
			t.Errorf("half a patch: %s", encode(t, patch.Operations))
		}
		checkSurvivors(t, pod, patched)
	})
}

// checkSurvivors compares what no mutation has any business with, byte by byte
// but for the space between tokens and the escapes that the library which
// applies patches adds.
func checkSurvivors(t *testing.T, before, after []byte) {
	t.Helper()
	podBefore, podAfter := object(t, before), object(t, after)
	compare(t, "", podBefore, podAfter, "metadata", "spec")
	metadataBefore, metadataAfter := object(t, podBefore["metadata"]), object(t, podAfter["metadata"])
	compare(t, "metadata.", metadataBefore, metadataAfter, "labels", "annotations")
	compare(t, "labels.", object(t, metadataBefore["labels"]), object(t, metadataAfter["labels"]))
	compare(t, "annotations.", object(t, metadataBefore["annotations"]), object(t, metadataAfter["annotations"]), statusAnnotation, pods.ConfigAnnotation)
	specBefore, specAfter := object(t, podBefore["spec"]), object(t, podAfter["spec"])
	compare(t, "spec.", specBefore, specAfter, "containers", "initContainers", "volumes")
	for _, name := range []string{"containers", "initContainers", "volumes"} {
		itemsAfter := list(t, specAfter[name])
		for i, item := range list(t, specBefore[name]) {
			compare(t, "spec."+name+"[].", object(t, item), object(t, itemsAfter[i]), "env", "volumeMounts", "emptyDir", "csi", "hostPath")
		}
	}
}

// compare holds the members of an object against what became of them, but for
// those that may change.
func compare(t *testing.T, path string, before, after map[string]json.RawMessage, changed ...string) {
	t.Helper()
	for name, raw := range before {
		if slices.Contains(changed, name) {
			continue
		}
		if got, want := compact(t, after[name]), compact(t, raw); got != want {
			t.Errorf("%s%s: got %s, want %s", path, name, got, want)
		}
	}
}

func object(t *testing.T, raw json.RawMessage) (members map[string]json.RawMessage) {
	t.Helper()
	if raw != nil {
		if err := json.Unmarshal(raw, &members); err != nil {
			t.Fatal(err)
		}
	}
	return members
}

func list(t *testing.T, raw json.RawMessage) (items []json.RawMessage) {
	t.Helper()
	if raw != nil {
		if err := json.Unmarshal(raw, &items); err != nil {
			t.Fatal(err)
		}
	}
	return items
}

func compact(t *testing.T, raw json.RawMessage) string {
	t.Helper()
	if raw == nil {
		return ""
	}
	var buffer, escaped bytes.Buffer
	if err := json.Compact(&buffer, raw); err != nil {
		t.Fatal(err)
	}
	json.HTMLEscape(&escaped, buffer.Bytes())
	return escaped.String()
}
