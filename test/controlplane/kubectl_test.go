package controlplane

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// fakeKubectl returns a control plane whose kubectl is a shell script. What the
// real one does is tested with the real servers.
func fakeKubectl(t *testing.T, script string) *ControlPlane {
	t.Helper()
	bin := t.TempDir()
	if err := os.WriteFile(filepath.Join(bin, kubectlBinary), []byte("#!/bin/sh\n"+script), 0o700); err != nil {
		t.Fatal(err)
	}
	return &ControlPlane{binDir: bin, dir: t.TempDir()}
}

func TestKubectl(t *testing.T) {
	t.Setenv("KUBERC", "of-the-user")
	t.Setenv("HOME", "of-the-user")
	c := fakeKubectl(t, `cat; echo " args: $*"; echo "home: $HOME, kuberc: $KUBERC, kubeconfig: $KUBECONFIG" >&2; exit 3`)
	got := c.Kubectl(t.Context(), "input", "get", "pods")
	if got.ExitCode != 3 {
		t.Errorf("exit code is %d, want 3", got.ExitCode)
	}
	if want := "input args: get pods\n"; got.Stdout != want {
		t.Errorf("stdout is %q, want %q", got.Stdout, want)
	}
	want := "home: " + c.homeDir() + ", kuberc: , kubeconfig: " + c.Kubeconfig() + "\n"
	if got.Stderr != want {
		t.Errorf("stderr is %q, want %q", got.Stderr, want)
	}
	if err := got.Err(); err == nil || !strings.HasPrefix(err.Error(), "kubectl get pods: exit status 3: home: ") {
		t.Errorf("Err is %v, want the arguments, the status and stderr", err)
	}
}

func TestKubectlSucceeds(t *testing.T) {
	if err := fakeKubectl(t, "exit 0").Kubectl(t.Context(), "").Err(); err != nil {
		t.Error(err)
	}
}

func TestKubectlIsKilled(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	got := fakeKubectl(t, "exec sleep 60").Kubectl(ctx, "")
	if got.ExitCode != -1 || !strings.Contains(got.Stderr, "context deadline exceeded") {
		t.Errorf("got %+v, want -1 and the reason", got)
	}
}

func TestKubectlIsMissing(t *testing.T) {
	c := &ControlPlane{binDir: t.TempDir(), dir: t.TempDir()}
	got := c.Kubectl(t.Context(), "")
	if got.ExitCode != -1 || !strings.Contains(got.Stderr, "no such file") {
		t.Errorf("got %+v, want -1 and the reason", got)
	}
}
