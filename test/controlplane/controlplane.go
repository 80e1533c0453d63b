package controlplane

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync"

	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/envtest"
)

// Options says where the servers come from and where their output goes. The
// zero value is ready to use.
type Options struct {
	// BinDir holds etcd, kube-apiserver, kube-controller-manager and kubectl.
	// Empty means what FindBinDir finds.
	BinDir string
	// Logs takes the output of all servers, each line headed by the server's
	// name. It gets one Write at a time. Nil discards the output.
	Logs io.Writer
	// APIServerArgs are flags of kube-apiserver, by name without dashes. They
	// replace the flags of the same name that would be set otherwise.
	APIServerArgs map[string][]string
}

// ControlPlane is a running control plane. Its methods may be called from
// several goroutines.
type ControlPlane struct {
	dir    string
	binDir string
	config *rest.Config
	client client.Client

	environment *envtest.Environment
	controllers *controllerManager
	watchdog    *watchdog

	// detach keeps the end of Start's context from stopping the control plane.
	detach   func() bool
	stopOnce sync.Once
	stopErr  error
}

// Start starts a control plane and waits until it serves and its controllers
// work. It runs until Stop is called or ctx ends; the caller calls Stop in both
// cases, to learn that everything is gone.
//
// A ctx that ends while the API server is starting takes effect only when the
// API server is up or has failed to come up.
func Start(ctx context.Context, o Options) (*ControlPlane, error) {
	binDir, err := o.binDir()
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp("", "fedmesh-controlplane-")
	if err != nil {
		return nil, fmt.Errorf("cannot make a directory for the control plane: %w", err)
	}
	c := &ControlPlane{dir: dir, binDir: binDir}
	if err := c.start(ctx, o); err != nil {
		return nil, errors.Join(fmt.Errorf("cannot start the control plane: %w", err), c.shutdown())
	}
	c.detach = context.AfterFunc(ctx, func() { _ = c.shutdown() })
	return c, nil
}

func (o Options) binDir() (string, error) {
	if o.BinDir == "" {
		return FindBinDir()
	}
	return checkBinDir(o.BinDir)
}

func (c *ControlPlane) start(ctx context.Context, o Options) (err error) {
	// The temporary directory may be reached through a symbolic link; servers
	// and watchdog have to call it by the same name.
	if c.dir, err = filepath.EvalSymlinks(c.dir); err != nil {
		return err
	}
	logs := new(sync.Mutex)
	if c.watchdog, err = startWatchdog(c.dir, c.binDir, NewLog("watchdog", o.Logs, logs)); err != nil {
		return err
	}
	for _, dir := range []string{c.homeDir(), c.etcdDir(), c.apiServerDir()} {
		if err := os.Mkdir(dir, 0o700); err != nil {
			return err
		}
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	if err := c.startAPIServer(o, logs); err != nil {
		return err
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	return c.startControllers(ctx, NewLog(controllerManagerBinary, o.Logs, logs))
}

// Stop ends all servers and removes all their files. It may be called more than
// once, and after the context of Start has ended: it always returns when
// everything is gone, and always the same error.
func (c *ControlPlane) Stop() error {
	c.detach()
	return c.shutdown()
}

func (c *ControlPlane) shutdown() error {
	c.stopOnce.Do(func() {
		var errs []error
		if c.controllers != nil {
			errs = append(errs, c.controllers.stop())
		}
		if c.environment != nil {
			errs = append(errs, c.environment.Stop())
		}
		if c.watchdog != nil {
			errs = append(errs, c.watchdog.release())
		}
		errs = append(errs, os.RemoveAll(c.dir))
		c.stopErr = errors.Join(errs...)
	})
	return c.stopErr
}

// Config returns a client configuration of the administrator. The caller may
// change it.
func (c *ControlPlane) Config() *rest.Config { return rest.CopyConfig(c.config) }

// Kubeconfig returns the path of a kubeconfig file of the administrator.
func (c *ControlPlane) Kubeconfig() string { return filepath.Join(c.dir, "admin.kubeconfig") }

// MakeDir makes a directory for the files of a program that runs beside the
// control plane. It goes when the control plane goes. A program from the
// directory of the servers with a path below it on its command line is killed
// when this process dies without having stopped it.
func (c *ControlPlane) MakeDir(name string) (string, error) {
	dir, err := os.MkdirTemp(c.dir, name+"-")
	if err != nil {
		return "", fmt.Errorf("cannot make a directory for %s: %w", name, err)
	}
	return dir, nil
}

func (c *ControlPlane) homeDir() string      { return filepath.Join(c.dir, "home") }
func (c *ControlPlane) etcdDir() string      { return filepath.Join(c.dir, "etcd") }
func (c *ControlPlane) apiServerDir() string { return filepath.Join(c.dir, "kube-apiserver") }
