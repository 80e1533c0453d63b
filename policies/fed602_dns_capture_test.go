package policies

import (
	"slices"
	"testing"

	"fedmesh.io/fedmesh/policies/pods"
)

// TestMisspelt: what people write for the two names, and what is another name.
func TestMisspelt(t *testing.T) {
	for text, want := range map[string][]string{
		`proxyMetadata: {ISTIO_META_DNS_CAPTURE: "true"}`:  nil,
		`proxy_metadata: {ISTIO_META_DNS_CAPTURE: "true"}`: nil,
		`proxyMetaData: {}`:   {"proxyMetaData"},
		`ProxyMetadata: null`: {"ProxyMetadata"},
		`proxymetadata: {}`:   {"proxymetadata"},
		`PROXY_METADATA: {}`:  {"PROXY_METADATA"},
		`proxy-metadata: {}`:  {"proxy-metadata"},
		`proxy_Metadata: {}`:  {"proxy_Metadata"},
		`proxyMetadatas: {}`:  nil,
		`metadata: {}`:        nil,
		`concurrency: 2`:      nil,
		`proxyMetadata: {istio_meta_dns_capture: "true"}`:                                        {"istio_meta_dns_capture"},
		`proxyMetadata: {ISTIO_META_DNSCAPTURE: "true"}`:                                         {"ISTIO_META_DNSCAPTURE"},
		`proxyMetadata: {ISTIO-META-DNS-CAPTURE: "true"}`:                                        {"ISTIO-META-DNS-CAPTURE"},
		`proxyMetadata: {ISTIO_META_DNS_AUTO_ALLOCATE: "true", ISTIO_META_DNS_CAPTURE_: "true"}`: {"ISTIO_META_DNS_CAPTURE_"},
		`{proxyMetaData: {}, proxyMetadata: {Istio_Meta_Dns_Capture: "true"}}`:                   {"proxyMetaData", "Istio_Meta_Dns_Capture"},
		// Of the two spellings that Istio reads the last wins whole: keys of the
		// other one are nobody's.
		`{proxy_metadata: {istio_meta_dns_capture: "x"}, proxyMetadata: {A: b}}`: nil,
	} {
		fields, _, err := readProxyConfig(text)
		if err != nil {
			t.Fatalf("%s: %v", text, err)
		}
		metadata, err := fields.metadata()
		if err != nil {
			t.Fatalf("%s: %v", text, err)
		}
		var got []string
		for _, finding := range misspelt(fields, metadata) {
			got = append(got, finding.Value)
		}
		if !slices.Equal(got, want) {
			t.Errorf("%s: got %q; want %q", text, got, want)
		}
	}
}

// TestSays: variables are read as Istio's are, with ParseBool.
func TestSays(t *testing.T) {
	for value, want := range map[string][2]bool{ // says true, says false
		"true": {true, false}, "T": {true, false}, "1": {true, false}, "false": {false, true}, "0": {false, true}, "F": {false, true},
		"": {}, "yes": {}, "on": {}, " true": {},
	} {
		variable := pods.Variable{Present: true, Value: value}
		if got := [2]bool{says(variable, true), says(variable, false)}; got != want {
			t.Errorf("%q says true, false: got %v; want %v", value, got, want)
		}
		variable.Present = false
		if says(variable, true) || says(variable, false) {
			t.Errorf("a variable that is not there says something (%q)", value)
		}
	}
}
