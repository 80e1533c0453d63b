package installation

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"

	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"fedmesh.io/fedmesh/test/controlplane"
)

const (
	// Namespace is fedmesh's own.
	Namespace = "fedmesh-system"
	// Name is that of the Deployment, of its ServiceAccount and of the binary.
	Name = "fedmesh-webhook"
	// overlays is where the overlays are, seen from the root of the repository.
	overlays = "manifests/overlays"
	// defaultOverlay needs nothing that a control plane does not have.
	defaultOverlay = "selfmanaged"
	// federationCRD is what a Federation needs before it can be stored.
	federationCRD = "crd/federations.fedmesh.io"
)

// Options say what is installed, and where.
type Options struct {
	// ControlPlane has the CRDs of Istio already.
	ControlPlane *controlplane.ControlPlane
	// Overlay is the directory of manifests/overlays that is applied. Empty means
	// selfmanaged. Others leave it to the caller to provide the certificate and the
	// caBundle that belongs to it.
	Overlay string
	// Binary is the server. Empty means the one that "make build" puts beside
	// the servers of the control plane.
	Binary string
	// Federation is a manifest of the Federation. Empty means none.
	Federation string
	// ExtraArgs are flags for every replica. They win over all others.
	ExtraArgs []string
	// Logs takes the output of all replicas, each line headed by the replica's
	// name. It gets one Write at a time. Nil discards the output.
	Logs io.Writer
}

// Installation is fedmesh, installed.
type Installation struct {
	plane      *controlplane.ControlPlane
	client     client.Client
	binary     string
	overlay    string
	kubeconfig string
	extraArgs  []string
	logs       io.Writer
	logLock    sync.Mutex

	lock     sync.Mutex
	replicas []*Replica
	asked    *Replica
	rounds   int // calls of Spread
}

// Install applies the manifests, starts one replica, has the API server ask it,
// applies the Federation and returns when the rules are enforced and pods are
// patched. What it started ends with Stop, with Uninstall or with ctx.
func Install(ctx context.Context, o Options) (*Installation, error) {
	i, err := newInstallation(ctx, o)
	if err != nil {
		return nil, fmt.Errorf("cannot install fedmesh: %w", err)
	}
	if err := i.install(ctx, o.Federation); err != nil {
		return nil, errors.Join(fmt.Errorf("cannot install fedmesh: %w", err), i.Stop())
	}
	return i, nil
}

func newInstallation(ctx context.Context, o Options) (*Installation, error) {
	root, err := repositoryDir(ctx)
	if err != nil {
		return nil, err
	}
	binary := o.Binary
	if binary == "" {
		dir, err := controlplane.FindBinDir()
		if err != nil {
			return nil, err
		}
		binary = filepath.Join(dir, Name)
	}
	// kubectl would show these to a user; here they are expected, again and
	// again while something is waited for.
	config := o.ControlPlane.Config()
	config.WarningHandler = rest.NoWarnings{}
	api, err := client.New(config, client.Options{})
	if err != nil {
		return nil, fmt.Errorf("cannot make a client: %w", err)
	}
	return &Installation{
		plane:     o.ControlPlane,
		client:    api,
		binary:    binary,
		overlay:   filepath.Join(root, overlays, cmp.Or(o.Overlay, defaultOverlay)),
		extraArgs: o.ExtraArgs,
		logs:      o.Logs,
	}, nil
}

func (i *Installation) install(ctx context.Context, federation string) (err error) {
	// Pods of the Deployment stay pending for want of a node.
	if err := i.kubectl(ctx, "", "apply", "--server-side", "--kustomize="+i.overlay); err != nil {
		return err
	}
	if err := i.kubectl(ctx, "", "wait", "--for=condition=Established", "--timeout=60s", federationCRD); err != nil {
		return err
	}
	if i.kubeconfig, err = i.plane.ServiceAccountKubeconfig(ctx, Namespace, Name); err != nil {
		return err
	}
	replica, err := i.StartReplica(ctx)
	if err != nil {
		return err
	}
	if err := i.Direct(ctx, replica); err != nil || federation == "" {
		return err
	}
	if err := i.kubectl(ctx, federation, "apply", "--server-side", "--filename=-"); err != nil {
		return err
	}
	return i.waitUntilEnforced(ctx)
}

// Uninstall takes everything away again, as a user does, and stops all replicas.
func (i *Installation) Uninstall(ctx context.Context) error {
	return errors.Join(
		i.kubectl(ctx, "", "delete", "--ignore-not-found", "--timeout=60s", "--kustomize="+i.overlay),
		i.Stop(),
	)
}

// Stop stops all replicas. What is installed stays, so that nothing answers the
// API server any more.
func (i *Installation) Stop() error {
	i.lock.Lock()
	replicas := i.replicas
	i.replicas, i.asked = nil, nil
	i.lock.Unlock()

	// At once, because each of them takes its time to drain.
	errs := make([]error, len(replicas))
	var group sync.WaitGroup
	for n, replica := range replicas {
		group.Go(func() { errs[n] = replica.Stop() })
	}
	group.Wait()
	return errors.Join(errs...)
}

// Replica is the one that the API server asks, or the first of several; nil after
// Stop.
func (i *Installation) Replica() *Replica {
	i.lock.Lock()
	defer i.lock.Unlock()
	return i.asked
}

func (i *Installation) kubectl(ctx context.Context, stdin string, args ...string) error {
	return i.plane.Kubectl(ctx, stdin, args...).Err()
}

// repositoryDir returns the root of the repository around the working directory.
func repositoryDir(ctx context.Context) (string, error) {
	var stderr bytes.Buffer
	cmd := exec.CommandContext(ctx, "go", "list", "-m", "-f", "{{.Dir}}", "fedmesh.io/fedmesh")
	cmd.Stderr = &stderr
	output, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("cannot find the manifests: %w: %s", err, strings.TrimSpace(stderr.String()))
	}
	return strings.TrimSpace(string(output)), nil
}
