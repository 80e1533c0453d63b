package istiod

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"

	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"fedmesh.io/fedmesh/test/controlplane"
)

// Namespace is that of Istio's control plane.
const Namespace = "istio-system"

// Options say where istiod runs and how it is configured.
type Options struct {
	// ControlPlane is where Istio is installed.
	ControlPlane *controlplane.ControlPlane
	// Operator is an IstioOperator in YAML, as istioctl takes it. Empty means
	// Istio's profile minimal: istiod and nothing else.
	Operator string
	// Logs takes the output of istiod, each line headed by its name. It gets one
	// Write at a time. Nil discards the output.
	Logs io.Writer
}

// Istiod is Istio's control plane, installed and running.
type Istiod struct {
	// DiscoveryAddress is the host:port at which it serves xDS without TLS.
	DiscoveryAddress string

	plane   *controlplane.ControlPlane
	client  client.Client
	process *process
}

// minimal is what is installed where the caller does not say.
const minimal = `apiVersion: install.istio.io/v1alpha1
kind: IstioOperator
spec:
  profile: minimal
`

// Start installs Istio and returns when pods are injected and mesh objects are
// validated. What it started ends with Stop or with ctx; what it installed stays.
func Start(ctx context.Context, o Options) (*Istiod, error) {
	// The probes that show whether the webhooks are called warn again and again.
	config := o.ControlPlane.Config()
	config.WarningHandler = rest.NoWarnings{}
	api, err := client.New(config, client.Options{})
	if err != nil {
		return nil, fmt.Errorf("cannot make a client: %w", err)
	}
	istiod := &Istiod{plane: o.ControlPlane, client: api}
	if err := istiod.start(ctx, o); err != nil {
		return nil, errors.Join(fmt.Errorf("cannot start Istio: %w", err), istiod.Stop())
	}
	return istiod, nil
}

func (i *Istiod) start(ctx context.Context, o Options) error {
	if err := i.install(ctx, cmp.Or(o.Operator, minimal)); err != nil {
		return err
	}
	var err error
	if i.process, err = i.launch(ctx, o.Logs); err != nil {
		return err
	}
	i.DiscoveryAddress = i.process.discovery
	if err := i.process.waitUntilReady(ctx); err != nil {
		return err
	}
	if err := i.register(ctx); err != nil {
		return err
	}
	return i.waitUntilCalled(ctx)
}

// Stop ends istiod and waits for it. Webhooks that nobody answers any more stay
// behind.
func (i *Istiod) Stop() error {
	if i.process == nil {
		return nil
	}
	return i.process.stop()
}
