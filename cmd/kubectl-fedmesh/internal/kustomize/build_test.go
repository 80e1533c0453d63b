package kustomize

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"fedmesh.io/fedmesh/cmd/kubectl-fedmesh/internal/documents"
)

const base = `# base
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata:
  name: httpbin
spec:
  hosts:
  - httpbin.bar.global
  location: MESH_INTERNAL
---
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: other}
spec:
  hosts: [other.bar.global]
`

func TestBuild(t *testing.T) {
	for name, test := range map[string]struct {
		files map[string]string
		lines map[string]string // of the object with this name: spec.hosts[0] or spec.addresses
		want  []string
	}{
		"base and overlay": {
			files: map[string]string{
				"base/entries.yaml":       base,
				"base/kustomization.yaml": "resources: [entries.yaml]\nnamePrefix: a-\n",
				"kustomization.yaml": `# overlay
namespace: foo
resources: [base, pod.yaml]
nameSuffix: -z
configMapGenerator: [{name: c, literals: [a=b]}]
patches:
- target: {name: httpbin}
  patch: |
    - {op: add, path: /spec/addresses, value: [240.0.0.9]}
`,
				"pod.yaml": "\n\napiVersion: v1\nkind: Pod\nmetadata: {name: p}\n",
			},
			want: []string{
				"DIR/base/entries.yaml:8: ServiceEntry a-httpbin-z",
				"DIR/base/entries.yaml:15: ServiceEntry a-other-z",
				"DIR/pod.yaml:3: Pod p-z",
				"DIR/kustomization.yaml:1: ConfigMap c-z-4h2mbtbbt6",
			},
		},
		"asked for origins": {
			files: map[string]string{
				"kustomization.yaml": "resources: [pod.yaml]\nbuildMetadata: [originAnnotations]\n",
				"pod.yaml":           "apiVersion: v1\nkind: Pod\nmetadata: {name: p}\n",
			},
			want: []string{"DIR/pod.yaml:1: Pod p with its origin"},
		},
		"no directory":     {want: []string{"DIR: cannot build the kustomization: no such file or directory"}},
		"no kustomization": {files: map[string]string{"a": ""}, want: []string{"DIR: cannot build the kustomization: there is none of kustomization.yaml, kustomization.yml, Kustomization in it"}},
		"a file missing": {
			files: map[string]string{"kustomization.yaml": "resources: [a.yaml]"},
			want:  []string{"DIR: cannot build the kustomization: accumulating resources: accumulation err='accumulating resources from 'a.yaml': evalsymlink failure on 'DIR/a.yaml'…"},
		},
		"an unknown field": {
			files: map[string]string{"kustomization.yaml": "resource: [a.yaml]"},
			want:  []string{`DIR: cannot build the kustomization: invalid Kustomization: json: unknown field "resource"`},
		},
		"no YAML": {
			files: map[string]string{"kustomization.yaml": "a: ["},
			want:  []string{"DIR: cannot build the kustomization: invalid Kustomization: yaml: line 1: did not find expected node content"},
		},
		"empty": {
			files: map[string]string{"kustomization.yaml": ""},
			want:  []string{"DIR: cannot build the kustomization: kustomization.yaml is empty"},
		},
		"a chart": {
			files: map[string]string{"kustomization.yaml": "helmCharts: [{name: a, repo: 'https://127.0.0.1:1'}]"},
			want:  []string{"DIR: cannot build the kustomization: trouble configuring builtin HelmChartInflationGenerator with config: ` name: a repo: https://127.0.0.1:1 `: must specify --enable-helm"},
		},
		"outside of the root": {
			files: map[string]string{"kustomization.yaml": "resources: [../a.yaml]", "../a.yaml": "a: b"},
			want:  []string{"DIR: cannot build the kustomization: accumulating resources: accumulation err='accumulating resources from '../a.yaml': security; file…"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "root")
			for file, text := range test.files {
				path := filepath.Join(dir, file)
				if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
					t.Fatal(err)
				}
				if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			built, problems := Build([]string{dir})
			var got []string
			for _, document := range built {
				line := documents.Problem{File: document.File, Line: document.Line("spec.hosts[0]"), Message: document.Kind + " " + document.Name()}.String()
				if strings.Contains(string(document.JSON), "config.kubernetes.io/") {
					line += " with its origin"
				}
				if strings.HasPrefix(document.Name(), "a-httpbin") && !strings.Contains(string(document.JSON), `"addresses":["240.0.0.9"]`) {
					t.Errorf("got %s, want it patched", document.JSON)
				}
				got = append(got, strings.ReplaceAll(line, dir, "DIR"))
			}
			for _, problem := range problems {
				text := strings.ReplaceAll(problem.String(), dir, "DIR")
				if i := len(got); i < len(test.want) && strings.HasSuffix(test.want[i], "…") { // the library goes on
					text = text[:min(len(text), len(test.want[i])-len("…"))] + "…"
				}
				got = append(got, text)
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("documents and problems differ (-want +got):\n%s", diff)
			}
		})
	}
}
