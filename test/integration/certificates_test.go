package integration

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"net/url"
	"strings"
	"testing"
	"time"

	"fedmesh.io/fedmesh/test/installation"
)

// csr returns what a CertificateRequest has in spec.request, signed for this URI.
func csr(t *testing.T, name string) string {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	uri, err := url.Parse(name)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.CertificateRequest{Subject: pkix.Name{Organization: []string{"SPIFFE"}}, URIs: []*url.URL{uri}}
	der, err := x509.CreateCertificateRequest(rand.Reader, template, key)
	if err != nil {
		t.Fatal(err)
	}
	return base64.StdEncoding.EncodeToString(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE REQUEST", Bytes: der}))
}

// requestOfIstioCSR is what istio-csr asks for on behalf of a workload, in the
// namespace of Istio whatever that of the workload is.
func requestOfIstioCSR(t *testing.T, name string) string {
	return fmt.Sprintf(`
apiVersion: cert-manager.io/v1
kind: CertificateRequest
metadata:
  generateName: istio-csr-
  namespace: istio-system
  annotations: {istio.cert-manager.io/identities: %q}
spec:
  duration: 24h0m0s
  issuerRef: {group: cert-manager.io, kind: Issuer, name: istio-ca}
  usages: [client auth, server auth]
  request: %s
`, name, csr(t, name))
}

// requestOfSPIRE is what the upstream authority of a SPIRE server asks for.
func requestOfSPIRE(t *testing.T) string {
	return `
apiVersion: cert-manager.io/v1
kind: CertificateRequest
metadata:
  generateName: spiffe-ca-
  namespace: spire-server
  labels: {cert-manager.spiffe.io/trust-domain: foo.com}
spec:
  duration: 24h0m0s
  isCA: true
  issuerRef: {group: cert-manager.io, kind: Issuer, name: spire-ca}
  usages: [cert sign, crl sign]
  request: ` + csr(t, "spiffe://foo.com") + "\n"
}

// requestOfWorkload is what somebody asks for in namespace shop, or cert-manager on
// behalf of the Certificate of this name and uid.
func requestOfWorkload(t *testing.T, name, certificate, uid string) string {
	var owners string
	if certificate != "" {
		owners = fmt.Sprintf("\n  ownerReferences: [{apiVersion: cert-manager.io/v1, kind: Certificate, name: %s, uid: %s, controller: true, blockOwnerDeletion: true}]", certificate, uid)
	}
	return `
apiVersion: cert-manager.io/v1
kind: CertificateRequest
metadata:
  generateName: cart-
  namespace: shop` + owners + `
spec:
  issuerRef: {group: cert-manager.io, kind: Issuer, name: mesh}
  request: ` + csr(t, name) + "\n"
}

const (
	// foreignIdentity is a workload's of cluster-2.
	foreignIdentity = "spiffe://bar.com/ns/shop/sa/cart"
	foreignFinding  = "[FED511] spec.request: " + foreignIdentity + " is in the trust domain of cluster-2"
)

// TestCertificates shows what becomes of requests for certificates, as those who
// really make them do, through the real API server. cert-manager is not there but for
// its CRDs: what it does afterwards does not matter here.
func TestCertificates(t *testing.T) {
	plane := startPlane(t)
	if err := plane.InstallCertManagerCRDs(t.Context()); err != nil {
		t.Fatal(err)
	}
	l := &live{plane: plane}
	for _, namespace := range []string{"istio-system", "spire-server", "shop"} {
		l.kubectl(t, "", "create", "namespace", namespace)
	}
	// Made before fedmesh is there, and to be renewed.
	l.kubectl(t, `
apiVersion: cert-manager.io/v1
kind: Certificate
metadata: {name: old, namespace: shop}
spec: {secretName: cart-tls, issuerRef: {name: mesh}, uris: ["`+foreignIdentity+`"]}
`, "create", "-f", "-")
	uid := l.kubectl(t, "", "get", "certificate", "-n", "shop", "old", "-o", "jsonpath={.metadata.uid}")

	var err error
	l.installed, err = installation.Install(context.Background(), installation.Options{
		ControlPlane: plane, Federation: twoClusters, Logs: testWriter{t},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := l.installed.Stop(); err != nil {
			t.Error(err)
		}
	})
	l.waitForCertificates(t)
	renewal := requestOfWorkload(t, foreignIdentity, "old", uid)
	foreign := requestOfWorkload(t, foreignIdentity, "", "")

	t.Run("refused", func(t *testing.T) {
		both(t, func(t *testing.T, flags ...string) {
			l.refused(t, foreign, []string{`admission webhook "certificates.fedmesh.io" denied the request`, foreignFinding},
				append([]string{"create", "-f", "-"}, flags...)...)
			l.refused(t, requestOfIstioCSR(t, foreignIdentity), []string{`"certificates.fedmesh.io" denied the request`, foreignFinding},
				append([]string{"create", "-f", "-"}, flags...)...)
			l.refused(t, requestOfWorkload(t, "spiffe://foo.com/ns/payments/sa/cart", "", ""),
				[]string{"[FED512] spec.request: spiffe://foo.com/ns/payments/sa/cart names namespace payments"},
				append([]string{"create", "-f", "-"}, flags...)...)
		})
	})
	t.Run("silence", func(t *testing.T) {
		for name, request := range map[string]string{
			"istio-csr": requestOfIstioCSR(t, "spiffe://foo.com/ns/shop/sa/cart"),
			"SPIRE":     requestOfSPIRE(t),
			"workload":  requestOfWorkload(t, "spiffe://foo.com/ns/shop/sa/cart", "", ""),
		} {
			if said := l.kubectl(t, request, "create", "-f", "-"); strings.Contains(said, "Warning") {
				t.Errorf("%s: got %q; want it created in silence", name, said)
			}
		}
	})
	t.Run("renewal", func(t *testing.T) {
		if said := l.kubectl(t, renewal, "create", "-f", "-"); strings.Count(said, "Warning: "+foreignFinding) != 1 {
			t.Errorf("got %q; want it created with one warning %q", said, foreignFinding)
		}
		// Not even when the operator has the rule deny everything.
		l.kubectl(t, "", "patch", "federation", "default", "--type=merge", "-p", `{"spec":{"rules":[{"id":"FED511","action":"Deny"}]}}`)
		become(t, "the setting comes into force", func() error {
			nobody := requestOfWorkload(t, "spiffe://baz.com/ns/shop/sa/cart", "", "")
			if result := plane.Kubectl(t.Context(), nobody, "create", "--dry-run=server", "-f", "-"); result.ExitCode == 0 {
				return fmt.Errorf("got %q; want it refused", result.Stdout)
			}
			return nil
		})
		if said := l.kubectl(t, renewal, "create", "-f", "-"); !strings.Contains(said, "Warning: "+foreignFinding) {
			t.Errorf("got %q; want it created with a warning %q", said, foreignFinding)
		}
		l.kubectl(t, "", "patch", "certificate", "-n", "shop", "old", "--type=merge", "-p", `{"metadata":{"labels":{"a":"b"}},"spec":{"duration":"48h"}}`)
	})
	// failurePolicy Ignore: nobody's certificate waits for fedmesh. It is the last step.
	t.Run("stopped", func(t *testing.T) {
		if err := l.installed.Stop(); err != nil {
			t.Fatal(err)
		}
		started := time.Now()
		for _, request := range []string{requestOfIstioCSR(t, "spiffe://foo.com/ns/shop/sa/cart"), requestOfSPIRE(t), renewal, foreign} {
			if said := l.kubectl(t, request, "create", "-f", "-"); strings.Contains(said, "FED") {
				t.Errorf("got %q; want it created, nobody being there to say anything", said)
			}
		}
		if took := time.Since(started); took > eventually {
			t.Errorf("took %s; want less than %s", took, eventually)
		}
	})
}

// waitForCertificates waits until the rules for certificates are enforced: that others
// are does not say it of these.
func (l *live) waitForCertificates(t *testing.T) {
	t.Helper()
	foreign := requestOfWorkload(t, foreignIdentity, "", "")
	become(t, "requests are looked at", func() error {
		if result := l.plane.Kubectl(t.Context(), foreign, "create", "--dry-run=server", "-f", "-"); result.ExitCode == 0 {
			return fmt.Errorf("got %q; want it refused", result.Stdout)
		}
		return nil
	})
}
