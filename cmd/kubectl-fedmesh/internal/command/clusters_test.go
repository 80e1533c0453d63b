package command

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const (
	members = `
  members:
  - {name: cluster-1, network: network-1, trustDomain: foo.com, gateways: [{address: 34.136.67.85}]}
  - {name: cluster-2, network: network-2, trustDomain: bar.com, gateways: [{address: 34.122.11.2}]}
`
	first  = "apiVersion: fedmesh.io/v1alpha1\nkind: Federation\nmetadata: {name: default}\nspec:\n  localMember: cluster-1" + members
	second = "apiVersion: fedmesh.io/v1alpha1\nkind: Federation\nmetadata: {name: default}\nspec:\n  localMember: cluster-2" + members
	// sidecar imports from a namespace that has no entry: to be denied where the
	// entry is in another one.
	sidecar = `{apiVersion: networking.istio.io/v1, kind: Sidecar, metadata: {name: default, namespace: foo}, spec: {egress: [{hosts: [foo/httpbin.bar.global]}]}}`
	entry   = `apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: httpbin-bar, namespace: mesh}
spec:
  hosts: [httpbin.bar.global]
  addresses: [240.0.0.2]
  location: MESH_INTERNAL
  resolution: DNS
  ports: [{number: 8000, name: http, protocol: HTTP}]
  endpoints: [{address: 34.122.11.2, ports: {http: 15443}}]
  subjectAltNames: [spiffe://bar.com/ns/bar/sa/httpbin]
`
	multicast = `apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: multicast, namespace: mesh}
spec:
  hosts: [web.bar.global]
  addresses: [224.0.0.2]
  location: MESH_INTERNAL
  resolution: DNS
  ports: [{number: 8000, name: http, protocol: HTTP}]
  endpoints: [{address: 34.122.11.2, ports: {http: 15443}}]
  subjectAltNames: [spiffe://bar.com/ns/bar/sa/web]
`
)

// write makes files and returns the directory that they are in.
func write(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// TestClusters: each cluster has a Federation and an index of its own, whatever the
// others have.
func TestClusters(t *testing.T) {
	dir := write(t, map[string]string{
		"1/federation.yaml": first, "2/federation.yaml": second,
		"1/entry.yaml": entry, "2/sidecar.yaml": sidecar, "1/both/sidecar.yaml": sidecar,
		"entry.yaml": entry, "multicast.yaml": multicast,
	})
	one, two := "--cluster=c1="+filepath.Join(dir, "1"), "--cluster=c2="+filepath.Join(dir, "2")
	for name, test := range map[string]struct {
		args    []string
		want    []string // cluster, action, rule, name of the object
		code    int
		summary string
	}{
		// The entry of cluster-1 is none of cluster-2's: what the Sidecar there misses
		// is missing, and what the one here misses is elsewhere.
		"an index each":          {[]string{one, two}, []string{"c1 Deny FED304 default", "c2 Warn FED304 default"}, ExitFindings, " 0 unreadable\n"},
		"the order of the flags": {[]string{two, one}, []string{"c2 Warn FED304 default", "c1 Deny FED304 default"}, ExitFindings, " 0 unreadable\n"},
		"paths of one name": {
			[]string{one, two, "--cluster=c2=" + filepath.Join(dir, "entry.yaml")},
			[]string{"c1 Deny FED304 default", "c2 Deny FED304 default"}, ExitFindings, " 0 unreadable\n",
		},
		"a Federation each": {
			[]string{one, "--cluster=c3=" + filepath.Join(dir, "multicast.yaml")},
			[]string{"c1 Deny FED304 default", "c3 Warn FED103 multicast"}, ExitFindings, "0 unreadable (no Federation in c3: nothing is denied there)\n",
		},
		"standard input": {
			[]string{"--cluster=c1=-", two}, []string{"c1 Deny FED103 multicast", "c2 Warn FED304 default"}, ExitFindings, "0 unreadable\n",
		},
	} {
		t.Run(name, func(t *testing.T) {
			stdin := first + "---\n" + multicast
			args := append([]string{"lint", "--output=json"}, test.args...)
			code, text, stderr := run(stdin, args...)
			if code != test.code || stderr != "" {
				t.Errorf("got exit code %d, standard error %q; want %d and nothing", code, stderr, test.code)
			}
			var report struct {
				Findings []struct{ Cluster, Action, Rule, Name string }
			}
			if err := json.Unmarshal([]byte(text), &report); err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, f := range report.Findings {
				if f.Rule != "FED103" && f.Rule != "FED304" {
					continue // others come and go with new rules
				}
				got = append(got, strings.Join([]string{f.Cluster, f.Action, f.Rule, f.Name}, " "))
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("findings differ (-want +got):\n%s", diff)
			}
			args[1] = "--output=text"
			if _, text, _ := run(stdin, args...); !strings.Contains(text, test.summary) {
				t.Errorf("got %q, want %q at the end", text, test.summary)
			}
		})
	}
}

// TestSameMember: two clusters cannot be the same member, and what they are called
// here need not be what they are.
func TestSameMember(t *testing.T) {
	dir := write(t, map[string]string{"a.yaml": first, "b.yaml": first, "c.yaml": second})
	file := func(name string) string { return filepath.Join(dir, name) }
	code, got, _ := run("", "lint", "--cluster=x="+file("a.yaml"), "--cluster=cluster-1="+file("c.yaml"), "--cluster=y="+file("b.yaml"))
	want := file("b.yaml") + `:5: spec.localMember: Invalid value: "cluster-1": cluster "x" is this member already; name the member that cluster "y" is` + "\n"
	if code != ExitUnreadable || !strings.HasPrefix(got, want) || !strings.Contains(got, " 1 unreadable\n") {
		t.Errorf("got exit code %d, %q; want %d, %q and nothing else", code, got, ExitUnreadable, want)
	}
}

// TestClusterFlags: what is wrong with a command line is said before anything is
// read.
func TestClusterFlags(t *testing.T) {
	dir := write(t, map[string]string{"config": `{apiVersion: v1, kind: Config, current-context: none, contexts: [
		{name: b, context: {cluster: x, user: x}}, {name: a, context: {cluster: gone, user: x}}, {name: "a=b", context: {cluster: x, user: x}}],
		clusters: [{name: x, cluster: {server: "https://127.0.0.1:1"}}], users: [{name: x, user: {}}]}`})
	config := filepath.Join(dir, "config")
	for name, test := range map[string]struct {
		args []string
		want string
	}{
		"no name":            {[]string{"lint", "--cluster=./c1"}, "--cluster=./c1: want NAME=PATH, such as --cluster cluster-1=./cluster-1"},
		"an empty name":      {[]string{"lint", "--cluster==c1"}, "--cluster==c1: want NAME=PATH"},
		"no path":            {[]string{"lint", "--cluster=c1="}, "--cluster=c1=: want NAME=PATH"},
		"a path beside":      {[]string{"lint", "--cluster=c1=.", "./base"}, "./base beside --cluster or --context: say which cluster it belongs to, with --cluster NAME=./base"},
		"standard input":     {[]string{"lint", "--cluster=c1=-", "--cluster=c2=-"}, "standard input (-) stands there 2 times: it can be read once"},
		"twice, no clusters": {[]string{"lint", "-", "-"}, "standard input (-) stands there 2 times: it can be read once"},
		"no such context":    {[]string{"lint", "--kubeconfig", config, "--context=c"}, `--context=c: there is no context "c" in the kubeconfig, which has a, a=b, b`},
		"an empty context":   {[]string{"lint", "--kubeconfig", config, "--context=c="}, "--context=c=: want a context, or NAME=CONTEXT"},
		"a context twice":    {[]string{"lint", "--kubeconfig", config, "--context=b", "--context=b"}, `--context: cluster "b" stands there twice; give one another name: --context NAME=b`},
		"files and context":  {[]string{"lint", "--kubeconfig", config, "--context=b", "--cluster=b=."}, `--context: there is a cluster "b" already; give this one another name: --context NAME=b`},
		"no such cluster":    {[]string{"lint", "--kubeconfig", config, "--context=a"}, `--context=a: context "a" of the kubeconfig is of a cluster that it does not have`},
		"no kubeconfig":      {[]string{"audit", "--kubeconfig", config + "x"}, "cannot read the kubeconfig: stat " + config + "x: no such file or directory"},
		"no current context": {[]string{"audit", "--kubeconfig", config}, `there is no context "none"`},
		"arguments of audit": {[]string{"audit", "."}, `unknown command "." for "kubectl fedmesh audit"`},
	} {
		t.Run(name, func(t *testing.T) {
			code, stdout, stderr := run("", test.args...)
			if code != ExitUnreadable || stdout != "" || !strings.Contains(stderr, test.want) || strings.Count(stderr, "\n") != 1 {
				t.Errorf("got exit code %d, %q, %q; want %d and, in one line, %q", code, stdout, stderr, ExitUnreadable, test.want)
			}
		})
	}
}

// TestUnreachable: a cluster that cannot be reached is named, and the others are
// judged all the same.
func TestUnreachable(t *testing.T) {
	dir := write(t, map[string]string{
		"1/federation.yaml": first, "1/multicast.yaml": multicast,
		// Nobody listens on port 1, where there is no need of being root to fail.
		"config": `{apiVersion: v1, kind: Config, current-context: "a=b", contexts: [{name: "a=b", context: {cluster: x, user: x}}],
			clusters: [{name: x, cluster: {server: "https://127.0.0.1:1"}}], users: [{name: x, user: {}}]}`,
	})
	config := "--kubeconfig=" + filepath.Join(dir, "config")
	const refused = "cannot read the cluster at https://127.0.0.1:1: dial tcp 127.0.0.1:1: connect: connection refused\n"
	code, got, _ := run("", "audit", config)
	if want := "a=b: " + refused; code != ExitUnreadable || !strings.HasPrefix(got, want) {
		t.Errorf("got exit code %d, %q; want %d, %q", code, got, ExitUnreadable, want)
	}
	code, got, _ = run("", "lint", config, "--context=a=b", "--context=c=a=b", "--cluster=one="+filepath.Join(dir, "1"))
	if want := "a=b: " + refused + "c: " + refused; code != ExitUnreadable || !strings.HasPrefix(got, want) ||
		!strings.Contains(got, "multicast.yaml:6: one: ServiceEntry mesh/multicast: Deny [FED103]") || strings.Contains(got, "no Federation") {
		t.Errorf("got exit code %d, %q; want %d, %q and the finding of the other cluster", code, got, ExitUnreadable, want)
	}
}
