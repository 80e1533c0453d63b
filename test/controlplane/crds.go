package controlplane

import (
	"bytes"
	"context"
	"fmt"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/util/sets"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/discovery"

	// The CRDs are read from the directories of these modules, which go.mod
	// keeps, and the go command downloads, only for modules that are imported.
	_ "github.com/cert-manager/cert-manager/pkg/apis/certmanager"
	_ "istio.io/api/annotation"
)

// crdTimeout is how long new kinds may take to be served.
const crdTimeout = time.Minute

// InstallIstioCRDs installs the CRDs of Istio that belong to the module
// istio.io/api in go.mod, and waits until they are served.
func (c *ControlPlane) InstallIstioCRDs(ctx context.Context) error {
	dir, err := moduleDir(ctx, "istio.io/api")
	if err != nil {
		return fmt.Errorf("cannot install the CRDs of Istio: %w", err)
	}
	return c.ApplyFiles(ctx, filepath.Join(dir, "kubernetes", "customresourcedefinitions.gen.yaml"))
}

// InstallCertManagerCRDs installs the CRDs of cert-manager that belong to the
// module in go.mod, and waits until they are served.
func (c *ControlPlane) InstallCertManagerCRDs(ctx context.Context) error {
	dir, err := moduleDir(ctx, "github.com/cert-manager/cert-manager")
	if err != nil {
		return fmt.Errorf("cannot install the CRDs of cert-manager: %w", err)
	}
	return c.ApplyFiles(ctx, filepath.Join(dir, "deploy", "crds"))
}

// ApplyFiles applies manifests, files or directories of them, server-side. If
// there are CRDs among them it waits until their kinds are served.
func (c *ControlPlane) ApplyFiles(ctx context.Context, paths ...string) error {
	args := []string{"apply", "--server-side", "--force-conflicts", "--output=name"}
	for _, path := range paths {
		args = append(args, "--filename="+path)
	}
	result := c.Kubectl(ctx, "", args...)
	if err := result.Err(); err != nil {
		return err
	}
	crds := sets.New[string]()
	for line := range strings.Lines(result.Stdout) {
		if name, found := strings.CutPrefix(strings.TrimSpace(line), "customresourcedefinition.apiextensions.k8s.io/"); found {
			crds.Insert(name)
		}
	}
	return c.waitForCRDs(ctx, crds)
}

// waitForCRDs waits until the API server announces the resources of the CRDs,
// which it does after they are established. A client that comes earlier and
// caches what is announced would miss them.
func (c *ControlPlane) waitForCRDs(ctx context.Context, crds sets.Set[string]) error {
	if crds.Len() == 0 {
		return nil
	}
	announced, err := discovery.NewDiscoveryClientForConfig(c.config)
	if err != nil {
		return fmt.Errorf("cannot make a discovery client: %w", err)
	}
	missing := crds
	err = wait.PollUntilContextTimeout(ctx, 50*time.Millisecond, crdTimeout, true, func(context.Context) (bool, error) {
		// What can be read counts; the groups that cannot are asked for again.
		_, resources, _ := announced.ServerGroupsAndResources()
		served := sets.New[string]()
		for _, list := range resources {
			group, _, _ := strings.Cut(list.GroupVersion, "/")
			for _, resource := range list.APIResources {
				served.Insert(resource.Name + "." + group)
			}
		}
		missing = crds.Difference(served)
		return missing.Len() == 0, nil
	})
	if err != nil {
		names := slices.Sorted(slices.Values(missing.UnsortedList()))
		return fmt.Errorf(`the API server does not serve %s: %w; see the conditions in "kubectl describe crd %s"`, strings.Join(names, ", "), err, names[0])
	}
	return nil
}

// moduleDir returns where the go command keeps a module that go.mod requires.
func moduleDir(ctx context.Context, path string) (string, error) {
	root, err := repositoryDir()
	if err != nil {
		return "", err
	}
	var stderr bytes.Buffer
	cmd := exec.CommandContext(ctx, "go", "list", "-m", "-f", "{{.Dir}}", path)
	cmd.Dir = root
	cmd.Stderr = &stderr
	output, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("go list -m %s: %w: %s", path, err, strings.TrimSpace(stderr.String()))
	}
	dir := strings.TrimSpace(string(output))
	if dir == "" {
		return "", fmt.Errorf(`module %s is not in the module cache: run "go mod download %s"`, path, path)
	}
	return dir, nil
}
