package certs

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"testing"
	"time"
)

// testAuthority is a certificate authority of a test.
type testAuthority struct {
	certificate *x509.Certificate
	key         *ecdsa.PrivateKey
	pem         []byte
}

func newAuthority(t *testing.T, name string, notAfter time.Time) testAuthority {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: notAfter,
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	certificate, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return testAuthority{certificate, key, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})}
}

func (a testAuthority) leaf(t *testing.T) *tls.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(2), DNSNames: []string{"localhost"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, a.certificate, key.Public(), a.key)
	if err != nil {
		t.Fatal(err)
	}
	return &tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}

func TestVerify(t *testing.T) {
	ours, other := newAuthority(t, "ours", time.Now().Add(time.Hour)), newAuthority(t, "other", time.Now().Add(time.Hour))
	for _, test := range []struct {
		name, host string
		bundle     []byte
		want       bool
	}{
		{"our authority", "localhost", ours.pem, true},
		{"among others", "localhost", append(bytes.Clone(other.pem), ours.pem...), true},
		{"another name", "fedmesh-webhook.fedmesh-system.svc", ours.pem, false},
		{"another authority", "localhost", other.pem, false},
		{"empty", "localhost", nil, false},
		{"no PEM", "localhost", []byte("hello"), false},
	} {
		if err := Verify(ours.leaf(t), test.host, test.bundle); (err == nil) != test.want {
			t.Errorf("%s: got %v; want accepted %v", test.name, err, test.want)
		}
	}
	if err := Verify(nil, "localhost", ours.pem); err == nil {
		t.Error("no certificate: got no error; want one")
	}
}

func TestMerge(t *testing.T) {
	now := time.Now()
	before, after := newAuthority(t, "before", now.Add(time.Hour)), newAuthority(t, "after", now.Add(2*time.Hour))
	expired := newAuthority(t, "expired", now.Add(-time.Minute))
	join := func(parts ...[]byte) []byte { return bytes.Join(parts, nil) }
	for _, test := range []struct {
		name         string
		bundle, want []byte
	}{
		{"nothing yet", nil, after.pem},
		{"there already", after.pem, after.pem},
		{"the one before stays trusted", before.pem, join(before.pem, after.pem)},
		{"what has expired goes", join(expired.pem, before.pem), join(before.pem, after.pem)},
		{"what is twice goes", join(before.pem, before.pem), join(before.pem, after.pem)},
		{"a placeholder goes", []byte("\n"), after.pem},
	} {
		got, err := Merge(test.bundle, after.pem, now)
		if err != nil || !bytes.Equal(got, test.want) {
			t.Errorf("%s: got %s (%v); want %s", test.name, got, err, test.want)
		}
	}
	if _, err := Merge(before.pem, []byte("hello"), now); err == nil {
		t.Error("an authority that is none: got no error; want one")
	}
}
