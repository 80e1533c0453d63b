package command

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestKustomize: kustomizations are read beside files, and belong to a cluster where
// there are several.
func TestKustomize(t *testing.T) {
	t.Chdir(t.TempDir())
	for file, text := range map[string]string{
		"base/entry.yaml":            "apiVersion: networking.istio.io/v1\nkind: ServiceEntry\nmetadata:\n  name: httpbin\nspec:\n  hosts: [httpbin.bar.global]\n  addresses: [224.0.0.5]\n",
		"base/kustomization.yaml":    "resources: [entry.yaml]\n",
		"a=b/kustomization.yaml":     "resources: [../base]\nnamespace: foo\nnamePrefix: my-\n",
		"federation.yaml":            "apiVersion: fedmesh.io/v1alpha1\nkind: Federation\nmetadata: {name: default}\nspec:\n  localMember: cluster-1\n  members: [{name: cluster-1, trustDomain: foo.com}, {name: cluster-2, trustDomain: bar.com}]\n",
		"federated/federation.yaml":  "apiVersion: fedmesh.io/v1alpha1\nkind: Federation\nmetadata: {name: default}\nspec:\n  localMember: cluster-1\n  members: [{name: cluster-1, trustDomain: foo.com}, {name: cluster-2, trustDomain: bar.com}]\n",
		"broken/kustomization.yaml":  "resources: [missing.yaml]\n",
		"federated/values.yaml":      "replicas: 1\n",
		"federated/kustomization.y":  "not read\n",
		"federated/.git/config.yaml": "a: [\n",
	} {
		if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	const found = "base/entry.yaml:7: ServiceEntry foo/my-httpbin: Deny [FED103] spec.addresses[0]: 224.0.0.5 is"
	for name, test := range map[string]struct {
		args   []string
		code   int
		stdout string // part of it
		stderr string
	}{
		"beside files":       {[]string{"federated", "-k", "./a=b"}, ExitFindings, found, ""},
		"of a cluster":       {[]string{"--cluster", "one=federation.yaml", "-k", "one=a=b"}, ExitFindings, strings.Replace(found, "7: ", "7: one: ", 1), ""},
		"a cluster":          {[]string{"-k", "one=a=b"}, ExitClean, "one: ServiceEntry foo/my-httpbin: Warn [FED103]", ""},
		"alone":              {[]string{"--kustomize", "base"}, ExitClean, "ServiceEntry default/httpbin: Warn [FED103]", ""},
		"twice":              {[]string{"-k", "base", "-k", "./a=b"}, ExitClean, "2 objects", ""},
		"broken":             {[]string{"federation.yaml", "-k", "broken"}, ExitUnreadable, "broken: cannot build the kustomization: accumulating resources:", ""},
		"missing":            {[]string{"-k", "none"}, ExitUnreadable, "none: cannot build the kustomization: no such file or directory\n", ""},
		"whose":              {[]string{"--cluster", "one=federation.yaml", "-k", "base"}, ExitUnreadable, "", "--kustomize=base beside --cluster or --context: say which cluster it belongs to, with --kustomize NAME=base"},
		"files beside named": {[]string{"federation.yaml", "-k", "one=base"}, ExitUnreadable, "", "federation.yaml beside --cluster or --context"},
		"without a name":     {[]string{"-k", "=base"}, ExitUnreadable, "", "--kustomize==base: want DIR, or NAME=DIR such as cluster-1=./overlays/cluster-1"},
		"nothing":            {[]string{"-k", ""}, ExitUnreadable, "", "--kustomize=: want DIR"},
	} {
		t.Run(name, func(t *testing.T) {
			code, stdout, stderr := run("", append([]string{"lint"}, test.args...)...)
			if code != test.code || !strings.Contains(stdout, test.stdout) || !strings.Contains(stderr, test.stderr) || test.stderr == "" && stderr != "" {
				t.Errorf("got exit code %d, %q, %q; want %d, %q, %q", code, stdout, stderr, test.code, test.stdout, test.stderr)
			}
		})
	}
}

// TestUnknownFields: fields that a schema does not have are findings like any other,
// in every form, and the Federation decides about them.
func TestUnknownFields(t *testing.T) {
	const entry = "\n---\napiVersion: networking.istio.io/v1\nkind: ServiceEntry\nmetadata: {name: web}\nspec:\n  hosts: [www.example.com]\n  endpoint:\n  - adress: 192.0.2.1\n"
	const usual = "apiVersion: fedmesh.io/v1alpha1\nkind: Federation\nmetadata: {name: default}\nspec:\n  localMember: a\n  members: [{name: a, trustDomain: foo.com}, {name: b, trustDomain: bar.com}]\n"
	const line = "-:14: ServiceEntry default/web: Warn [FED001] spec.endpoint: there is no such field, and the API server drops it; write endpoints\n"
	for name, test := range map[string]struct {
		text string
		args []string
		code int
		want string
	}{
		"warned":  {usual + entry, nil, ExitClean, line},
		"denied":  {usual + "  rules: [{id: FED001, action: Deny}]" + entry, nil, ExitFindings, strings.Replace(line, "Warn", "Deny", 1)},
		"off":     {usual + "  rules: [{id: FED001, action: \"Off\"}]" + entry, []string{"--fail-on=warn"}, ExitClean, "1 objects, 0 to deny, 0 to warn of"},
		"counted": {usual + entry, []string{"--fail-on=warn"}, ExitFindings, "1 objects, 0 to deny, 1 to warn of"},
		"JSON":    {usual + entry, []string{"-o", "json"}, ExitClean, `"rule": "FED001"`},
		"SARIF":   {usual + entry, []string{"-o", "sarif"}, ExitClean, `"ruleId": "FED001"`},
	} {
		t.Run(name, func(t *testing.T) {
			code, stdout, stderr := run(test.text, append([]string{"lint", "-"}, test.args...)...)
			if code != test.code || !strings.Contains(stdout, test.want) || stderr != "" {
				t.Errorf("got exit code %d, %q, %q; want %d, %q", code, stdout, stderr, test.code, test.want)
			}
		})
	}
	for _, args := range [][]string{{"rules"}, {"explain", "FED001"}, {"explain", "unknown-field"}} {
		if code, stdout, _ := run("", args...); code != ExitClean || !strings.Contains(stdout, "FED001") {
			t.Errorf("%q: got exit code %d and %q, want 0 and FED001", args, code, stdout)
		}
	}
}
