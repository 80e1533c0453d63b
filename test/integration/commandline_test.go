package integration

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"fedmesh.io/fedmesh/test/controlplane"
)

// entries is how many ServiceEntries there are: more than one page of a list.
const entries = 600

// reader may read less than an audit needs.
const reader = `
apiVersion: v1
kind: ServiceAccount
metadata: {name: reader, namespace: default}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata: {name: reader}
rules:
- apiGroups: [""]
  resources: [services, namespaces]
  verbs: [list]
- apiGroups: [networking.istio.io]
  resources: [destinationrules, sidecars, gateways, virtualservices, workloadentries, envoyfilters]
  verbs: [list]
- apiGroups: [security.istio.io, networking.k8s.io, fedmesh.io]
  resources: ["*"]
  verbs: [list]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata: {name: reader}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: reader}
subjects: [{kind: ServiceAccount, name: reader, namespace: default}]
`

// sidecars are two: one that imports from a namespace where the entry is not, and one
// that is wrong whatever else there is.
const sidecars = `
apiVersion: networking.istio.io/v1
kind: Sidecar
metadata: {name: default, namespace: foo}
spec: {egress: [{hosts: [foo/service-1.bar.global]}]}
---
apiVersion: networking.istio.io/v1
kind: Sidecar
metadata: {name: everything, namespace: bar}
spec: {workloadSelector: {}, egress: [{hosts: ["*/*"]}]}
`

// TestCommandLine: what the command line says of running clusters, as its users run
// it. The steps build on one another: the cluster begins empty.
func TestCommandLine(t *testing.T) {
	plane, err := controlplane.Start(context.Background(), controlplane.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := plane.Stop(); err != nil {
			t.Error(err)
		}
	})
	t.Run("nothing installed", func(t *testing.T) {
		got := fedmesh(t, plane.Kubeconfig(), "audit")
		want := "0 to deny, 0 to warn of, 0 for the audit, 0 unreadable (no Federation in fedmesh: nothing is denied there)\n"
		if got.code != 0 || !strings.HasSuffix(got.stdout, want) || strings.Count(got.stdout, "\n") != 1 || got.stderr != "" {
			t.Errorf("got %+v; want exit code 0, one line with %q", got, want)
		}
	})
	fill(t, plane)
	t.Run("audit", func(t *testing.T) { testAudit(t, plane) })
	t.Run("clusters", func(t *testing.T) { testClusters(t, plane) })
	t.Run("few permissions", func(t *testing.T) { testFewPermissions(t, plane) })
	t.Run("no answer", testNoAnswer)
}

// fill installs Istio's kinds and fedmesh's, none of cert-manager's, and what the
// tests find.
func fill(t *testing.T, plane *controlplane.ControlPlane) {
	t.Helper()
	if err := plane.InstallIstioCRDs(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := plane.ApplyFiles(t.Context(), "../../manifests/crd/fedmesh.io_federations.yaml"); err != nil {
		t.Fatal(err)
	}
	namespaces := ""
	for _, name := range []string{"foo", "bar", "mesh"} {
		namespaces += "---\n{apiVersion: v1, kind: Namespace, metadata: {name: " + name + "}}\n"
	}
	var many strings.Builder
	for i := range entries {
		many.WriteString("---" + serviceEntry("mesh", fmt.Sprintf("service-%03d", i), fmt.Sprintf("service-%d.bar.global", i),
			fmt.Sprintf("240.0.%d.%d", i/250, 1+i%250)))
	}
	for _, manifest := range []string{
		namespaces, twoClusters, reader, sidecars,
		many.String() + "---" + serviceEntry("mesh", "the-last", "web.bar.global", "224.0.0.5"),
	} {
		if err := plane.Kubectl(t.Context(), manifest, "create", "-f", "-").Err(); err != nil {
			t.Fatal(err)
		}
	}
}

// testAudit: everything is read, page by page, and what is found names the cluster.
func testAudit(t *testing.T, plane *controlplane.ControlPlane) {
	got := fedmesh(t, plane.Kubeconfig(), "audit")
	for _, want := range []string{
		"fedmesh: ServiceEntry mesh/the-last: Deny [FED103] spec.addresses[0]: 224.0.0.5 is a multicast address",
		"fedmesh: Sidecar foo/default: Deny [FED304] spec.egress[0].hosts[0]: ",
		"fedmesh: Sidecar bar/everything: Deny [FED302] spec.workloadSelector: ",
	} {
		if !strings.Contains("\n"+got.stdout, "\n"+want) {
			t.Errorf("got no line with %q", want)
		}
	}
	if got.code != 1 || got.stderr != "" || !strings.Contains(got.stdout, " 0 unreadable\n") {
		t.Errorf("got exit code %d, standard error %q, %q; want 1, nothing, nothing unreadable", got.code, got.stderr, last(got.stdout))
	}
	report := findings(t, fedmesh(t, plane.Kubeconfig(), "audit", "--context=one=fedmesh", "--output=json"))
	if report.Summary.Objects < entries+3 {
		t.Errorf("got %d objects, want %d and more", report.Summary.Objects, entries+3)
	}
	if report.denied("FED103") == nil {
		t.Errorf("got findings %v, want FED103", report.Findings)
	}
	for _, f := range report.Findings {
		if f.Cluster != "one" || f.File != "one" || f.Line != 0 {
			t.Fatalf("got %+v; want it of cluster one, in no file", f)
		}
	}
}

// testClusters: a running cluster beside one that is in files, each by itself.
func testClusters(t *testing.T, plane *controlplane.ControlPlane) {
	file := filepath.Join(t.TempDir(), "cluster-2.yaml")
	text := strings.Replace(twoClusters, "localMember: cluster-1", "localMember: cluster-2", 1) + "---" + sidecars
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	report := findings(t, fedmesh(t, plane.Kubeconfig(), "lint", "--context=fedmesh", "--cluster=cluster-2="+file, "--output=json"))
	if len(report.Errors) > 0 {
		t.Errorf("got errors %v, want none", report.Errors)
	}
	// The entry that the file's Sidecar misses is in the other cluster only.
	want := []string{"cluster-2 bar/everything", "fedmesh bar/everything"}
	if got := report.denied("FED302"); !slices.Equal(got, want) {
		t.Errorf("got FED302 of %q, want of %q", got, want)
	}
	if got, want := report.denied("FED304"), []string{"fedmesh foo/default"}; !slices.Equal(got, want) {
		t.Errorf("got FED304 of %q, want of %q", got, want)
	}
}

// testFewPermissions: what may not be read is named with what it takes, rules that
// look at it are silent, and the others are not. That cert-manager may not be read
// either does not matter, since it is not there.
func testFewPermissions(t *testing.T, plane *controlplane.ControlPlane) {
	kubeconfig, err := plane.ServiceAccountKubeconfig(t.Context(), "default", "reader")
	if err != nil {
		t.Fatal(err)
	}
	result := fedmesh(t, kubeconfig, "audit", "--output=json")
	report := findings(t, result)
	want := []string{`may not list serviceentries.networking.istio.io: serviceentries.networking.istio.io is forbidden: ` +
		`User "system:serviceaccount:default:reader" cannot list resource "serviceentries" in API group "networking.istio.io" at the cluster scope; ` +
		`grant the verb list on serviceentries.networking.istio.io in all namespaces; until then rules that look at ServiceEntry objects are left out`}
	var got []string
	for _, problem := range report.Errors {
		got = append(got, problem.Message)
	}
	if result.code != 2 || !slices.Equal(got, want) {
		t.Errorf("got exit code %d and errors %q; want 2 and %q", result.code, got, want)
	}
	if got, want := report.denied("FED302"), []string{"fedmesh bar/everything"}; !slices.Equal(got, want) {
		t.Errorf("got FED302 of %q, want of %q", got, want)
	}
	for _, f := range report.Findings {
		if f.Rule == "FED304" {
			t.Errorf("got %+v; want nothing of a rule that asks about ServiceEntries", f)
		}
	}
}

// testNoAnswer: a server that takes connections and says nothing is given up on, by
// the program or by its user.
func testNoAnswer(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	address := "https://" + listener.Addr().String()
	kubeconfig := filepath.Join(t.TempDir(), "config")
	if err := os.WriteFile(kubeconfig, []byte(`{apiVersion: v1, kind: Config, current-context: silent,
		contexts: [{name: silent, context: {cluster: silent, user: nobody}}],
		clusters: [{name: silent, cluster: {server: "`+address+`"}}], users: [{name: nobody, user: {token: none}}]}`), 0o600); err != nil {
		t.Fatal(err)
	}
	got := fedmesh(t, kubeconfig, "audit", "--request-timeout=1s")
	if want := "silent: cannot read the cluster at " + address + ": "; got.code != 2 || !strings.HasPrefix(got.stdout, want) || !strings.Contains(got.stdout, "exceeded") {
		t.Errorf("got %+v; want exit code 2, %q and that time was exceeded", got, want)
	}

	command, stdout, stderr := prepare(t, kubeconfig, "audit", "--request-timeout=1h")
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	connection, err := listener.Accept() // of the first run; the second's is behind it
	if err == nil {
		defer connection.Close()
		connection, err = listener.Accept()
	}
	if err != nil {
		t.Fatal(err)
	}
	defer connection.Close()
	if err := command.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	_ = command.Wait()
	want := "kubectl fedmesh: interrupted while reading cluster \"silent\"\n"
	if code := command.ProcessState.ExitCode(); code != 2 || stdout.Len() > 0 || stderr.String() != want {
		t.Errorf("interrupted: got exit code %d, %q, %q; want 2, nothing, %q", code, stdout, stderr, want)
	}
}

// ran is what a run of the command line left behind.
type ran struct {
	code           int
	stdout, stderr string
}

// fedmesh runs the command line with a kubeconfig that is the user's own.
func fedmesh(t *testing.T, kubeconfig string, args ...string) ran {
	t.Helper()
	command, stdout, stderr := prepare(t, kubeconfig, args...)
	var exit *exec.ExitError
	if err := command.Run(); err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	return ran{command.ProcessState.ExitCode(), stdout.String(), stderr.String()}
}

func prepare(t *testing.T, kubeconfig string, args ...string) (command *exec.Cmd, stdout, stderr *bytes.Buffer) {
	t.Helper()
	dir, err := controlplane.FindBinDir()
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), eventually)
	t.Cleanup(cancel)
	command = exec.CommandContext(ctx, filepath.Join(dir, "kubectl-fedmesh"), args...)
	command.Env = []string{"KUBECONFIG=" + kubeconfig, "HOME=" + t.TempDir(), "PATH=" + os.Getenv("PATH")}
	stdout, stderr = new(bytes.Buffer), new(bytes.Buffer)
	command.Stdout, command.Stderr = stdout, stderr
	return command, stdout, stderr
}

// auditReport is a report in JSON.
type auditReport struct {
	Findings []struct {
		Rule, Action, Cluster, Namespace, Name, File string
		Line                                         int
	}
	Errors  []struct{ File, Message string }
	Summary struct{ Objects int }
}

// denied are the objects that a rule would deny, with their clusters.
func (r auditReport) denied(rule string) (objects []string) {
	for _, f := range r.Findings {
		if f.Rule == rule && f.Action == "Deny" {
			objects = append(objects, f.Cluster+" "+f.Namespace+"/"+f.Name)
		}
	}
	return objects
}

func findings(t *testing.T, of ran) auditReport {
	t.Helper()
	var report auditReport
	if err := json.Unmarshal([]byte(of.stdout), &report); err != nil {
		t.Fatalf("%v\n%+v", err, of)
	}
	return report
}

// last is the last line of a text.
func last(text string) string {
	lines := strings.Split(strings.TrimSuffix(text, "\n"), "\n")
	return lines[len(lines)-1]
}
