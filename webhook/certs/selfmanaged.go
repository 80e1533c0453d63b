package certs

import (
	"context"
	"crypto/tls"
	"sync"
	"time"

	"github.com/cert-manager/cert-manager/pkg/logs"
	certmanagertls "github.com/cert-manager/cert-manager/pkg/server/tls"
	"github.com/cert-manager/cert-manager/pkg/server/tls/authority"
	"github.com/go-logr/logr"
	"k8s.io/client-go/rest"
)

// SecretName is the Secret that a self-managed authority is stored in, in
// fedmesh's own namespace.
const SecretName = "fedmesh-ca"

// SelfManaged returns a Source whose certificates come from an authority that
// is stored in a Secret of namespace and shared by all replicas. They are for
// dnsNames. A new certificate is served only when verify accepts it or when
// there is no other: after the authority has been renewed, clients must have
// heard of it first.
func SelfManaged(config *rest.Config, namespace string, dnsNames []string, verify func(*tls.Certificate) error, log logr.Logger) Source {
	return &selfManaged{
		source: &certmanagertls.DynamicSource{
			DNSNames: dnsNames,
			Authority: &authority.DynamicAuthority{
				SecretNamespace: namespace,
				SecretName:      SecretName,
				SecretLabels:    map[string]string{"app.kubernetes.io/name": "fedmesh"},
				CommonName:      "fedmesh-webhook-ca",
				RESTConfig:      config,
			},
		},
		verify: verify,
		log:    log,
	}
}

type selfManaged struct {
	source *certmanagertls.DynamicSource
	verify func(*tls.Certificate) error
	log    logr.Logger

	lock   sync.Mutex
	served *tls.Certificate
}

// NeedLeaderElection is false: every replica serves.
func (s *selfManaged) NeedLeaderElection() bool { return false }

// Start keeps the authority and the certificate current until ctx ends.
func (s *selfManaged) Start(ctx context.Context) error {
	return s.source.Start(logs.NewContext(ctx, s.log))
}

// GetCertificate returns the certificate to serve.
func (s *selfManaged) GetCertificate(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
	newest, err := s.source.GetCertificate(hello)
	if err != nil {
		return nil, err
	}
	s.lock.Lock()
	defer s.lock.Unlock()
	if s.served == nil || s.served != newest && (time.Now().After(s.served.Leaf.NotAfter) || s.verify(newest) == nil) {
		s.served = newest
	}
	return s.served, nil
}
