package lint

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"fedmesh.io/fedmesh/cmd/kubectl-fedmesh/internal/configuration"
	"fedmesh.io/fedmesh/cmd/kubectl-fedmesh/internal/documents"
	"fedmesh.io/fedmesh/policies"
)

// usualFederation is the one that fixtures without one of their own are judged by.
const usualFederation = `
apiVersion: fedmesh.io/v1alpha1
kind: Federation
metadata: {name: default}
spec:
  localMember: cluster-1
  members:
  - {name: cluster-1, network: network-1, trustDomain: foo.com, gateways: [{address: 34.136.67.85}]}
  - {name: cluster-2, network: network-2, trustDomain: bar.com, gateways: [{address: 34.122.11.2}, {address: gateway.bar.com}]}
`

// usualRule is beside fixtures without any DestinationRule.
const usualRule = `
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: federated, namespace: istio-system}
spec:
  host: "*.global"
  trafficPolicy: {tls: {mode: ISTIO_MUTUAL}}
`

// TestFixtures: the command line finds in every fixture of every rule what admission
// finds, on the lines of the fields. Only what hangs on the whole set being there may
// lead to more.
func TestFixtures(t *testing.T) {
	paths, err := filepath.Glob("../../../../policies/testdata/FED[1-5]*/*/*.yaml")
	if err != nil || len(paths) == 0 {
		t.Fatalf("reading fixtures: %v, %d files", err, len(paths))
	}
	stricter := 0
	for _, path := range paths {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(string(text), "# deleted\n") || strings.Contains(string(text), "# live\n") {
			continue // no file says that
		}
		all, problems := documents.Parse(path, text)
		if problems != nil || len(all) == 0 {
			t.Errorf("%s: got %d documents and problems %v", path, len(all), problems)
			continue
		}
		first := all[0]
		if strings.Contains(string(text), "{name: none}") || strings.Contains(string(text), "name: none\n") {
			all = slices.DeleteFunc(all, func(d documents.Document) bool { return d.Kind == "Federation" })
		} else if !slices.ContainsFunc(all, func(d documents.Document) bool { return d.Kind == "Federation" }) {
			federation, _ := documents.Parse("federation.yaml", []byte(usualFederation))
			all = append(all, federation...)
		}
		if !slices.ContainsFunc(all, func(d documents.Document) bool { return d.Kind == "DestinationRule" }) {
			rule, _ := documents.Parse("rule.yaml", []byte(usualRule))
			all = append(all, rule...)
		}
		report, err := Run([]Cluster{{Documents: all}}, "")
		if err != nil {
			t.Fatal(err)
		}
		if report.Problems != nil {
			t.Errorf("%s: got problems %v, want none", path, report.Problems)
		}
		alone, problems := configuration.Load([]documents.Document{first}, "")
		if problems != nil || len(alone.Objects) != 1 {
			t.Fatalf("%s: got %d objects and problems %v of the first document, want 1", path, len(alone.Objects), problems)
		}
		object := alone.Objects[0]
		var got []string
		for _, finding := range report.Findings {
			if finding.Ref != object.Ref || finding.File != path {
				continue
			}
			if last := strings.Count(string(text), "\n"); finding.Line < 1 || finding.Line > last {
				t.Errorf("%s: got line %d, want one of the file's", path, finding.Line)
			}
			action := finding.Action
			if finding.Offline == action && action == policies.Deny {
				stricter++
				action = policies.Warn // at admission
			}
			got = append(got, string(action)+" "+finding.String())
		}
		got = slices.Compact(got) // the same object twice has them twice
		if diff := cmp.Diff(wants(string(text)), got); diff != "" {
			t.Errorf("%s: findings differ from admission's (-admission +lint):\n%s", path, diff)
		}
	}
	if stricter == 0 {
		t.Error("no finding is stricter here than at admission; want FED304's at least")
	}
}

// wants are the expectations of a fixture.
func wants(text string) (wants []string) {
	for line := range strings.Lines(text) {
		if want, found := strings.CutPrefix(line, "# want "); found {
			wants = append(wants, strings.TrimSpace(want))
		}
	}
	return wants
}

func TestRun(t *testing.T) {
	const entry = `
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: httpbin-bar}
spec: {hosts: [httpbin.bar.global]}
`
	for name, test := range map[string]struct {
		text         string
		findings     []string
		problems     []string
		objects      int
		wantDeclared bool
	}{
		"nothing":                  {"", nil, nil, 0, false},
		"kinds that nobody judges": {"{apiVersion: apps/v1, kind: Deployment, metadata: {name: web}}\n---\n{apiVersion: v1, kind: Pod, metadata: {name: web}, spec: {containers: [{name: web}]}}", nil, nil, 0, false},
		"no Federation":            {entry, []string{"f:5 ServiceEntry somewhere/httpbin-bar Warn FED107"}, nil, 1, false},
		"with one":                 {entry + "---" + strings.Replace(usualFederation, "cluster-1\n", "cluster-1\n  hosts: {suffixes: [mesh]}\n", 1), nil, nil, 1, true},
		"an invalid one": {
			strings.Replace(usualFederation, "localMember: cluster-1", "localMember: cluster-9", 1), nil,
			[]string{`f:2: cannot use the Federation: spec.localMember: Invalid value: "cluster-9": must be the name of one of members: cluster-1, cluster-2`}, 0, false,
		},
		"a misspelt one": {
			strings.Replace(usualFederation, "localMember", "localMembers", 1), nil,
			[]string{`f:2: cannot read the Federation: unknown field "localMembers"`}, 0, false,
		},
		"two": {usualFederation + "---" + usualFederation, nil, []string{"f:11: a second Federation: a cluster has one, named default"}, 0, true},
		"unreadable": {
			entry + "---\n{apiVersion: networking.istio.io/v1, kind: Sidecar, metadata: {name: a}, spec: {egress: 3}}\n---\n{apiVersion: v1, kind: Service, metadata: {}}",
			[]string{"f:5 ServiceEntry somewhere/httpbin-bar Warn FED107"},
			[]string{"f:7: cannot read Sidecar somewhere/a: spec.egress: syntax error unexpected token 3", "f:9: Service without metadata.name"}, 1, false,
		},
	} {
		t.Run(name, func(t *testing.T) {
			all, unread := documents.Parse("f", []byte(test.text))
			if unread != nil {
				t.Fatal(unread)
			}
			report, err := Run([]Cluster{{Documents: all}}, "somewhere")
			if err != nil {
				t.Fatal(err)
			}
			var findings, problems []string
			for _, f := range report.Findings {
				findings = append(findings, strings.Join([]string{
					documents.Problem{File: f.File, Line: f.Line, Message: f.Ref.String()}.String(), string(f.Action), f.Rule,
				}, " "))
			}
			for i := range findings {
				findings[i] = strings.Replace(findings[i], ": ", " ", 1)
			}
			for _, p := range report.Problems {
				problems = append(problems, p.String())
			}
			if diff := cmp.Diff(test.findings, findings); diff != "" {
				t.Errorf("findings differ (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(test.problems, problems); diff != "" {
				t.Errorf("problems differ (-want +got):\n%s", diff)
			}
			if report.Objects != test.objects || report.Declared != test.wantDeclared {
				t.Errorf("got %d objects, Federation: %t; want %d, %t", report.Objects, report.Declared, test.objects, test.wantDeclared)
			}
		})
	}
}
