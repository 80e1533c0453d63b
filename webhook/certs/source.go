package certs

import (
	"context"
	"crypto/tls"
	"path/filepath"

	"sigs.k8s.io/controller-runtime/pkg/certwatcher"
)

// Source provides the serving certificate and keeps it current while Start runs.
type Source interface {
	Start(ctx context.Context) error
	NeedLeaderElection() bool
	GetCertificate(*tls.ClientHelloInfo) (*tls.Certificate, error)
}

// FromFiles returns a Source that reads tls.crt and tls.key in directory, as a
// mounted Secret has them, and again whenever they change.
func FromFiles(directory string) (Source, error) {
	return certwatcher.New(filepath.Join(directory, "tls.crt"), filepath.Join(directory, "tls.key"))
}
