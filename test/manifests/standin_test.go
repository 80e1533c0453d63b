package manifests

import (
	"crypto/tls"
	"encoding/json"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	admissionv1 "k8s.io/api/admission/v1"
	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	"k8s.io/client-go/util/cert"

	"fedmesh.io/fedmesh/test/installation"
)

// standIn is a webhook server that allows everything and remembers what it was
// asked.
type standIn struct {
	server *httptest.Server
	// certificate and key are for the stand-in's address and for those of a real
	// server; caBundle verifies the certificate.
	certificate, key, caBundle []byte

	mu    sync.Mutex
	lines []string
}

func startStandIn(t *testing.T) *standIn {
	t.Helper()
	certificate, key, err := cert.GenerateSelfSignedCertKey("localhost", []net.IP{net.IPv4(127, 0, 0, 1)},
		[]string{installation.Name + "." + installation.Namespace + ".svc"})
	if err != nil {
		t.Fatal(err)
	}
	pair, err := tls.X509KeyPair(certificate, key)
	if err != nil {
		t.Fatal(err)
	}
	// The authority comes along with what it signed.
	s := &standIn{certificate: certificate, key: key, caBundle: certificate}
	s.server = httptest.NewUnstartedServer(s)
	s.server.TLS = &tls.Config{Certificates: []tls.Certificate{pair}}
	s.server.StartTLS()
	t.Cleanup(s.server.Close)
	return s
}

// clientConfig has a webhook ask the stand-in what it would ask service.
func (s *standIn) clientConfig(service *admissionregistrationv1.ServiceReference) admissionregistrationv1.WebhookClientConfig {
	url := s.server.URL + *service.Path
	return admissionregistrationv1.WebhookClientConfig{URL: &url, CABundle: s.caBundle}
}

// writeCertificate writes certificate and key as a mounted Secret has them, and
// returns the directory.
func (s *standIn) writeCertificate(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	for name, content := range map[string][]byte{"tls.crt": s.certificate, "tls.key": s.key} {
		if err := os.WriteFile(filepath.Join(dir, name), content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func (s *standIn) ServeHTTP(writer http.ResponseWriter, httpRequest *http.Request) {
	review := &admissionv1.AdmissionReview{}
	if err := json.NewDecoder(httpRequest.Body).Decode(review); err != nil {
		http.Error(writer, err.Error(), http.StatusBadRequest)
		return
	}
	request := review.Request
	line := strings.Join([]string{httpRequest.URL.Path, request.Kind.Version, request.Kind.Kind, string(request.Operation)}, " ")
	if request.SubResource != "" {
		line += " " + request.SubResource
	}
	s.mu.Lock()
	s.lines = append(s.lines, line)
	s.mu.Unlock()
	review.Request, review.Response = nil, &admissionv1.AdmissionResponse{UID: request.UID, Allowed: true}
	// The connection is the API server's; if it is gone, that reports it.
	_ = json.NewEncoder(writer).Encode(review)
}

// recorded are the calls during one request, and its error.
type recorded struct {
	lines []string
	err   error
}

// during returns what the stand-in was asked while request ran. Nothing else
// happens in the cluster that fedmesh is asked about.
func (s *standIn) during(request func() error) recorded {
	s.mu.Lock()
	s.lines = nil
	s.mu.Unlock()
	err := request()
	s.mu.Lock()
	defer s.mu.Unlock()
	return recorded{lines: s.lines, err: err}
}

// expect checks that calls are those of want, of which there may be none.
func expect(t *testing.T, what string, calls recorded, want ...string) {
	t.Helper()
	if calls.err != nil {
		t.Errorf("%s: %v", what, calls.err)
	}
	if !slices.Equal(calls.lines, want) {
		t.Errorf("%s: fedmesh is called with %q, want %q", what, calls.lines, want)
	}
}
