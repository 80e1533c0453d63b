package certs

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"time"
)

// Verify checks that a client which trusts bundle, PEM certificates, accepts
// certificate for a TLS server that it calls host.
func Verify(certificate *tls.Certificate, host string, bundle []byte) error {
	leaf, err := leafOf(certificate)
	if err != nil {
		return err
	}
	if time.Now().After(leaf.NotAfter) {
		// The library's text has the time of day in it and would be another
		// reason each time.
		return fmt.Errorf("the certificate expired at %s", leaf.NotAfter.Format(time.RFC3339))
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(bundle) {
		return errors.New("the caBundle holds no certificate")
	}
	intermediates := x509.NewCertPool()
	for _, der := range certificate.Certificate[1:] {
		if between, err := x509.ParseCertificate(der); err == nil {
			intermediates.AddCert(between)
		}
	}
	_, err = leaf.Verify(x509.VerifyOptions{DNSName: host, Roots: roots, Intermediates: intermediates})
	return err
}

func leafOf(certificate *tls.Certificate) (*x509.Certificate, error) {
	if certificate == nil || len(certificate.Certificate) == 0 {
		return nil, errors.New("there is no certificate")
	}
	if certificate.Leaf != nil {
		return certificate.Leaf, nil
	}
	return x509.ParseCertificate(certificate.Certificate[0])
}

// Merge returns bundle with authority in it, without what has expired by now,
// what is there twice and what is no certificate. An authority that was trusted
// before stays trusted until it expires, so that replicas can change over one by
// one.
func Merge(bundle, authority []byte, now time.Time) ([]byte, error) {
	added, err := parseBundle(authority)
	if err != nil {
		return nil, fmt.Errorf("the authority holds what is no certificate: %w", err)
	}
	if len(added) == 0 {
		return nil, errors.New("the authority holds no certificate")
	}
	before, _ := parseBundle(bundle) // whatever else is in there is dropped
	var out bytes.Buffer
	seen := map[string]bool{}
	for _, certificate := range append(before, added...) {
		if seen[string(certificate.Raw)] || now.After(certificate.NotAfter) {
			continue
		}
		seen[string(certificate.Raw)] = true
		if err := pem.Encode(&out, &pem.Block{Type: "CERTIFICATE", Bytes: certificate.Raw}); err != nil {
			return nil, err
		}
	}
	return out.Bytes(), nil
}

// parseBundle reads the certificates of a bundle; the error is about the first
// block that is none.
func parseBundle(bundle []byte) ([]*x509.Certificate, error) {
	var certificates []*x509.Certificate
	var failure error
	for rest := bundle; ; {
		var block *pem.Block
		if block, rest = pem.Decode(rest); block == nil {
			return certificates, failure
		}
		certificate, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			failure = errors.Join(failure, err)
			continue
		}
		certificates = append(certificates, certificate)
	}
}
