package mesh

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	apiextensions "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"sigs.k8s.io/yaml"
)

// TestDecodeEveryFieldOfCertManager: an object with every field that the CRDs of
// cert-manager know is read, and all of it. One that fedmesh cannot read, it refuses.
func TestDecodeEveryFieldOfCertManager(t *testing.T) {
	output, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", "github.com/cert-manager/cert-manager").Output()
	if err != nil {
		t.Fatal(err)
	}
	for kind, name := range map[Kind]string{Certificate: "certificates", CertificateRequest: "certificaterequests"} {
		t.Run(name, func(t *testing.T) {
			text, err := os.ReadFile(filepath.Join(strings.TrimSpace(string(output)), "deploy", "crds", "cert-manager.io_"+name+".yaml"))
			if err != nil {
				t.Fatal(err)
			}
			var crd apiextensions.CustomResourceDefinition
			if err := yaml.Unmarshal(text, &crd); err != nil {
				t.Fatal(err)
			}
			for _, version := range crd.Spec.Versions {
				schema := version.Schema.OpenAPIV3Schema.Properties["spec"]
				want := everyField("spec", schema)
				data, err := json.Marshal(map[string]any{"metadata": map[string]any{"name": "a", "namespace": "foo"}, "spec": want})
				if err != nil {
					t.Fatal(err)
				}
				object, err := Decode(kind, data)
				if err != nil {
					t.Fatalf("%s: got %v; want it read", version.Name, err)
				}
				var read any = object.Certificate
				if kind == CertificateRequest {
					read = object.CertificateRequest
				}
				if diff := cmp.Diff(want, plain(t, read)); diff != "" {
					t.Errorf("%s: what was read (-want +got):\n%s", version.Name, diff)
				}
			}
		})
	}
}

// plain is a value as its JSON says it.
func plain(t *testing.T, value any) (read any) {
	t.Helper()
	data, err := json.Marshal(value)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(data, &read); err != nil {
		t.Fatal(err)
	}
	return read
}

// everyField is a value of schema that leaves out nothing.
func everyField(name string, schema apiextensions.JSONSchemaProps) any {
	switch schema.Type {
	case "object":
		fields := map[string]any{}
		for name, property := range schema.Properties {
			fields[name] = everyField(name, property)
		}
		if schema.AdditionalProperties != nil {
			fields["key"] = everyField("key", *schema.AdditionalProperties.Schema)
		}
		return fields
	case "array":
		return []any{everyField(name, *schema.Items.Schema)}
	case "boolean":
		return true
	case "integer":
		return float64(7)
	}
	switch {
	case len(schema.Enum) > 0:
		var value any
		_ = json.Unmarshal(schema.Enum[0].Raw, &value) // of a CRD that is installed everywhere
		return value
	case schema.Format == "byte":
		return "YQ=="
	case strings.HasSuffix(strings.ToLower(name), "duration") || name == "renewBefore":
		return "2160h0m0s"
	}
	return "a"
}

// TestDecodeCertificateForms: forms that a user writes, and fields that this version
// of cert-manager does not know.
func TestDecodeCertificateForms(t *testing.T) {
	for text, readable := range map[string]bool{
		`{spec: {duration: 2160h, renewBefore: 1h30m, renewBeforePercentage: 25}}`:  true,
		`{spec: {uris: null, secretTemplate: null, privateKey: {}, issuerRef: {}}}`: true,
		`{spec: {fromTheFuture: {a: [1]}, uris: [a]}}`:                              true,
		`{spec: null}`:            true,
		`{}`:                      true,
		`{spec: {duration: 90d}}`: false, // cert-manager's webhook refuses it as well
		`{spec: {uris: a}}`:       false,
	} {
		data, err := yaml.YAMLToJSON([]byte(text))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := Decode(Certificate, data); (err == nil) != readable {
			t.Errorf("%s: got error %v; want it read: %t", text, err, readable)
		}
	}
}
