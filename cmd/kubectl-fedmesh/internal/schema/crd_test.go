package schema

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	apiextensions "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"sigs.k8s.io/yaml"

	"fedmesh.io/fedmesh/policies/mesh"
)

// TestCRDs: the fields are those of the CRDs that come with the modules, in all
// versions, so that nothing is reported that the API server keeps, and nothing passed
// that it drops.
func TestCRDs(t *testing.T) {
	checker, compared := NewChecker(), 0
	for _, crd := range crds(t) {
		kind, _ := mesh.KindOf(crd.Spec.Group, crd.Spec.Names.Kind)
		object, checked := checker.objects[kind]
		if !checked {
			continue
		}
		for _, version := range crd.Spec.Versions {
			if !slices.Contains(versions(kind), version.Name) {
				t.Errorf("%s %s is served and not checked", kind, version.Name)
				continue
			}
			compared++
			var want, got []string
			ofCRD(version.Schema.OpenAPIV3Schema.Properties["spec"], "spec", &want)
			ofShape(object().fields["spec"].shape, "spec", &got)
			slices.Sort(want)
			slices.Sort(got)
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("%s %s: the fields differ (-CRD +got):\n%s", kind, version.Name, diff)
			}
		}
	}
	if want := 6*3 + 1 + 2*2 + 2; compared != want { // EnvoyFilter has one version
		t.Errorf("got %d versions of kinds compared, want %d", compared, want)
	}
}

// crds reads those of Istio and cert-manager.
func crds(t *testing.T) (all []apiextensions.CustomResourceDefinition) {
	t.Helper()
	for module, pattern := range map[string]string{
		"istio.io/api": "kubernetes/customresourcedefinitions.gen.yaml", "github.com/cert-manager/cert-manager": "deploy/crds/cert-manager.io_*.yaml",
	} {
		output, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", module).Output()
		if err != nil {
			t.Fatal(err)
		}
		paths, err := filepath.Glob(filepath.Join(strings.TrimSpace(string(output)), pattern))
		if err != nil || len(paths) == 0 {
			t.Fatalf("%s: got files %v, %v; want some", module, paths, err)
		}
		for _, path := range paths {
			text, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			for _, document := range bytes.Split(text, []byte("\n---\n")) {
				var crd apiextensions.CustomResourceDefinition
				if err := yaml.Unmarshal(document, &crd); err != nil {
					t.Fatal(err)
				}
				all = append(all, crd)
			}
		}
	}
	return all
}

// ofCRD lists the paths of all fields in a schema.
func ofCRD(schema apiextensions.JSONSchemaProps, at string, paths *[]string) {
	for name, inner := range schema.Properties {
		*paths = append(*paths, at+"."+name)
		ofCRD(inner, at+"."+name, paths)
	}
	if schema.Items != nil && schema.Items.Schema != nil {
		ofCRD(*schema.Items.Schema, at+"[]", paths)
	}
	if schema.AdditionalProperties != nil && schema.AdditionalProperties.Schema != nil {
		ofCRD(*schema.AdditionalProperties.Schema, at+"{}", paths)
	}
}

// ofShape lists the paths of all fields in a shape.
func ofShape(shape *shape, at string, paths *[]string) {
	switch {
	case shape == nil:
		return
	case shape.list:
		ofShape(shape.element, at+"[]", paths)
	case shape.keyed:
		ofShape(shape.element, at+"{}", paths)
	}
	for name, field := range shape.fields {
		*paths = append(*paths, at+"."+name)
		ofShape(field.shape, at+"."+name, paths)
	}
}
