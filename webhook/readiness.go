package webhook

import (
	"crypto/tls"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync/atomic"

	"github.com/go-logr/logr"

	"fedmesh.io/fedmesh/policies/mesh"
)

// Readiness knows what the webhook still waits for.
type Readiness struct {
	// missing lists the resources that the index has not been fed with yet.
	missing func() []string
	// unlisted are the kinds that rules have to go without for now.
	unlisted func() mesh.Kinds
	// loaded reports whether the configuration is known.
	loaded func() bool
	// certificate is the one that is served.
	certificate func(*tls.ClientHelloInfo) (*tls.Certificate, error)
	// verify checks a certificate against what the API server trusts.
	verify func(*tls.Certificate) error

	log logr.Logger

	trusted  atomic.Bool
	draining atomic.Bool
	// reported is the answer that was logged last.
	reported atomic.Pointer[string]
}

// Unknown says in a sentence what is not known of the mesh yet, and is "" when
// rules and mutations can be asked. Once everything has been known it stays so: a
// lost watch leaves the index as it was.
func (r *Readiness) Unknown() string {
	missing := r.missing()
	if len(missing) == 0 && !r.loaded() {
		missing = []string{"the Federation"}
	}
	if len(missing) == 0 {
		return ""
	}
	return "fedmesh does not know the mesh yet, it waits for " + strings.Join(missing, ", ")
}

// Unlisted returns the kinds that the index has not been fed with yet. None of them
// keeps the webhook from answering once it knows the mesh otherwise.
func (r *Readiness) Unlisted() mesh.Kinds { return r.unlisted() }

// Drain makes the webhook not ready for good, so that endpoints leave it out
// before it stops.
func (r *Readiness) Drain() { r.draining.Store(true) }

// Check is for the readiness probe. The first readiness needs a certificate that
// the API server's webhook configurations trust; later they may differ for a
// while without every replica going away at once.
//
// Whoever probes is told no reason, so that the log says it whenever it changes.
func (r *Readiness) Check(*http.Request) error {
	err := r.check()
	answer := "ready"
	if err != nil {
		answer = "not ready: " + err.Error()
	}
	if before := r.reported.Swap(&answer); before == nil || *before != answer {
		r.log.Info("Readiness changed", "answer", answer)
	}
	return err
}

func (r *Readiness) check() error {
	if r.draining.Load() {
		return errors.New("shutting down")
	}
	certificate, err := r.certificate(nil)
	if err != nil {
		return fmt.Errorf("no serving certificate: %w", err)
	}
	if unknown := r.Unknown(); unknown != "" {
		return errors.New(unknown)
	}
	if r.trusted.Load() {
		return nil
	}
	if err := r.verify(certificate); err != nil {
		return fmt.Errorf("the API server does not trust the serving certificate: %w", err)
	}
	r.trusted.Store(true)
	return nil
}
