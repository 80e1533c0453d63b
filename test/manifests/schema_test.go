package manifests

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"sigs.k8s.io/yaml"
)

// TestListsWithDefaults: a list that has a default is atomic. Of any other list
// server-side apply keeps the items of the default, which nobody owns, beside those
// that a user applies.
func TestListsWithDefaults(t *testing.T) {
	files, err := filepath.Glob("../../manifests/crd/fedmesh.io_*.yaml")
	if err != nil || len(files) == 0 {
		t.Fatalf("reading the CRDs: %v, %d files", err, len(files))
	}
	var lists []string
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		var crd apiextensionsv1.CustomResourceDefinition
		if err := yaml.UnmarshalStrict(text, &crd); err != nil {
			t.Fatal(err)
		}
		for _, version := range crd.Spec.Versions {
			eachSchema(crd.Spec.Names.Kind, version.Schema.OpenAPIV3Schema, func(path string, schema *apiextensionsv1.JSONSchemaProps) {
				if schema.Type != "array" || schema.Default == nil {
					return
				}
				lists = append(lists, path)
				if schema.XListType == nil || *schema.XListType != "atomic" {
					t.Errorf("%s has default %s and is no atomic list", path, schema.Default.Raw)
				}
			})
		}
	}
	if want := "Federation.spec.vips.cidrs"; !slices.Contains(lists, want) {
		t.Errorf("got lists with defaults %q, want %s among them", lists, want)
	}
}

// eachSchema calls do for a schema and those of its fields and items.
func eachSchema(path string, schema *apiextensionsv1.JSONSchemaProps, do func(string, *apiextensionsv1.JSONSchemaProps)) {
	do(path, schema)
	for name, field := range schema.Properties {
		eachSchema(fmt.Sprintf("%s.%s", path, name), &field, do)
	}
	if schema.Items != nil && schema.Items.Schema != nil {
		eachSchema(path+"[*]", schema.Items.Schema, do)
	}
}
