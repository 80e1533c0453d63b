package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"fedmesh.io/fedmesh/test/controlplane"
	"fedmesh.io/fedmesh/test/installation"
)

const (
	manifests  = "test/playground/manifests/"
	federation = "manifests/samples/federation.yaml"
)

// cluster is what the playground runs on.
type cluster struct {
	plane     *controlplane.ControlPlane
	installed *installation.Installation
	log       *os.File
}

// start starts the control plane and installs all there is on it, saying on out
// what it is doing. It leaves nothing behind when it fails.
func start(ctx context.Context, out *terminal) (_ *cluster, err error) {
	if _, err := os.Stat(manifests); err != nil {
		return nil, fmt.Errorf("cannot find the playground's manifests: %w; run it in the root of the repository", err)
	}
	declared, err := os.ReadFile(federation)
	if err != nil {
		return nil, err
	}
	c := &cluster{}
	defer func() {
		if err != nil && ctx.Err() != nil {
			err = errInterrupted // and not what that made of the command at work
		}
		if err != nil {
			err = errors.Join(err, c.stop())
		}
	}()
	for _, step := range []struct {
		what string
		do   func() error
	}{
		{"etcd, kube-apiserver and kube-controller-manager, on loopback", func() (err error) {
			c.plane, err = controlplane.Start(ctx, controlplane.Options{})
			return err
		}},
		{"CRDs of Istio", func() error { return c.plane.InstallIstioCRDs(ctx) }},
		{"CRDs of cert-manager", func() error { return c.plane.InstallCertManagerCRDs(ctx) }},
		{"namespaces: istio-system in network-1, foo opted in, outside not", func() error {
			return c.plane.ApplyFiles(ctx, manifests+"namespaces.yaml")
		}},
		{"fedmesh, and a Federation of cluster-1 (foo.com, here) and cluster-2 (bar.com)", func() (err error) {
			if c.log, err = os.Create(c.logPath()); err != nil {
				return err
			}
			c.installed, err = installation.Install(ctx, installation.Options{
				ControlPlane: c.plane, Federation: string(declared), Logs: c.log,
			})
			return err
		}},
	} {
		begin := time.Now()
		if err := step.do(); err != nil {
			return nil, err
		}
		out.progress(step.what, time.Since(begin))
	}
	return c, nil
}

// logPath is in the directory of the control plane, which is removed whatever
// becomes of this process.
func (c *cluster) logPath() string {
	return filepath.Join(filepath.Dir(c.plane.Kubeconfig()), "fedmesh-webhook.log")
}

func (c *cluster) kubectl(ctx context.Context, args ...string) controlplane.KubectlResult {
	return c.plane.Kubectl(ctx, "", args...)
}

// stop stops what has been started. The server goes first: it has a status of
// its own to end with, and needs the API server until then.
func (c *cluster) stop() error {
	var errs []error
	if c.installed != nil {
		errs = append(errs, c.installed.Stop())
	}
	if c.log != nil {
		errs = append(errs, c.log.Close())
	}
	if c.plane != nil {
		errs = append(errs, c.plane.Stop())
	}
	return errors.Join(errs...)
}

// stopAll stops c and adds to err what went wrong with that.
func stopAll(out *terminal, c *cluster, err error) error {
	begin := time.Now()
	err = errors.Join(err, c.stop())
	out.progress("everything stopped and removed", time.Since(begin))
	return err
}

// explain says what can be tried now.
func (c *cluster) explain(out *terminal) {
	out.heading("It is yours until Ctrl-C")
	out.print(`In another terminal, in this directory:

export KUBECONFIG=` + c.plane.Kubeconfig() + `

bin/kubectl apply --dry-run=server -f ` + manifests + `refused/
bin/kubectl create deployment web --image=web:1 --namespace=foo
bin/kubectl get pods --namespace=foo --output=yaml
bin/kubectl describe federation default
bin/kubectl edit federation default
bin/kubectl label namespace outside fedmesh.io/federation=enabled

tail -f ` + c.logPath() + `
curl -s ` + c.installed.Replica().MetricsURL + `/metrics | grep ^fedmesh_
`)
}
