package istiod

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"fedmesh.io/fedmesh/test/controlplane"
)

const istioctl = "istioctl"

// The release that pods are injected with. The programs are built from a commit
// and would call themselves after it.
const (
	imageHub = "istio.example.com"
	imageTag = "1.31.0"
)

// install applies what istioctl makes of an IstioOperator.
func (i *Istiod) install(ctx context.Context, operator string) error {
	dir, err := i.plane.MakeDir(istioctl)
	if err != nil {
		return err
	}
	operatorFile, manifests := filepath.Join(dir, "operator.yaml"), filepath.Join(dir, "manifests.yaml")
	if err := os.WriteFile(operatorFile, []byte(operator), 0o600); err != nil {
		return fmt.Errorf("cannot write the IstioOperator: %w", err)
	}
	text, err := generate(ctx, operatorFile)
	if err != nil {
		return err
	}
	if err := os.WriteFile(manifests, text, 0o600); err != nil {
		return fmt.Errorf("cannot write Istio's manifests: %w", err)
	}
	namespace := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: Namespace}}
	if err := client.IgnoreAlreadyExists(i.client.Create(ctx, namespace)); err != nil {
		return fmt.Errorf("cannot make namespace %s: %w", Namespace, err)
	}
	return i.plane.ApplyFiles(ctx, manifests)
}

// generate returns the manifests that istioctl makes of an IstioOperator file.
func generate(ctx context.Context, operatorFile string) ([]byte, error) {
	binary, err := findBinary(istioctl)
	if err != nil {
		return nil, err
	}
	var stdout, stderr bytes.Buffer
	cmd := exec.CommandContext(ctx, binary, "manifest", "generate", "--filename="+operatorFile,
		"--set=values.global.hub="+imageHub, "--set=values.global.tag="+imageTag)
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil {
		return nil, fmt.Errorf("istioctl manifest generate: %w: %s", err, strings.TrimSpace(stderr.String()))
	}
	return stdout.Bytes(), nil
}

// findBinary returns the path of one of Istio's programs, which are beside the
// servers of the control plane.
func findBinary(name string) (string, error) {
	dir, err := controlplane.FindBinDir()
	if err != nil {
		return "", err
	}
	path := filepath.Join(dir, name)
	if _, err := os.Stat(path); err != nil {
		return "", fmt.Errorf(`cannot use %s: %w; run "make istio" to build it`, path, err)
	}
	return path, nil
}
