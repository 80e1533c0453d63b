package webhook

import (
	"context"
	"time"

	"github.com/go-logr/logr"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/manager"
)

// The paths that the webhooks are served on.
const (
	PathPods         = "/pods"
	PathFinishedPods = "/finished-pods"
	PathMesh         = "/mesh"
	PathOptional     = "/optional"
	PathFederations  = "/federations"
	PathExemptions   = "/exemptions"
)

// finishTimeout is how long requests that were taken on may go on when the
// server stops: as long as the API server's own handlers of writes
// (k8s.io/apiserver pkg/endpoints/handlers/rest.go, 34 s) and a little more.
const finishTimeout = 40 * time.Second

// Options are what a Server needs to know. All are required unless their comment
// says otherwise.
type Options struct {
	// Config says how to reach the API server.
	Config *rest.Config
	// Namespace is fedmesh's own.
	Namespace string
	// BindAddress and Port are where the webhooks are served; an empty address
	// is every one of the host.
	BindAddress string
	Port        int
	// HealthAddress and MetricsAddress are host:port; "0" serves none.
	HealthAddress, MetricsAddress string
	// CertificateDirectory holds tls.crt and tls.key. Empty, fedmesh keeps an
	// authority of its own.
	CertificateDirectory string
	// DNSNames are for the certificate of a self-managed authority.
	DNSNames []string
	// DrainPeriod is how long the webhook goes on serving after it has said that
	// it is not ready any more.
	DrainPeriod time.Duration
	// Log is where it logs to.
	Log logr.Logger
}

// Server is a webhook server that is ready to run.
type Server struct {
	manager   manager.Manager
	readiness *Readiness
	drain     time.Duration
	log       logr.Logger
}

// NewServer puts a Server together.
func NewServer(options Options) (*Server, error) {
	a, err := newAssembly(options)
	if err != nil {
		return nil, err
	}
	for _, step := range []func() error{a.watchMesh, a.keepClaims, a.serveWebhooks, a.addRunnables, a.reconcile, a.addChecks} {
		if err := step(); err != nil {
			return nil, err
		}
	}
	return &Server{manager: a.manager, readiness: a.readiness, drain: options.DrainPeriod, log: options.Log}, nil
}

// Run serves until ctx ends. Then it says that it is not ready, goes on serving
// while endpoints leave it out, and finishes what it has taken on.
func (s *Server) Run(ctx context.Context) error {
	running, stop := context.WithCancel(context.WithoutCancel(ctx))
	defer stop()
	go func() {
		select {
		case <-running.Done():
			return
		case <-ctx.Done():
		}
		s.readiness.Drain()
		s.log.Info("Draining", "period", s.drain.String())
		select {
		case <-running.Done():
		case <-time.After(s.drain):
		}
		stop()
	}()
	return s.manager.Start(running)
}
