package integration

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"fedmesh.io/fedmesh/test/installation"
)

const emptyReview = `{"apiVersion":"admission.k8s.io/v1","kind":"AdmissionReview","request":{"uid":"1"}}`

// postReview asks a replica something that it allows whatever it knows, and
// returns the HTTP status and the serial number of its certificate.
func postReview(replica *installation.Replica) (status int, serial string, err error) {
	transport := &http.Transport{
		// Every question on a connection of its own, with the certificate of the
		// moment; who signed it is looked at elsewhere.
		DisableKeepAlives: true,
		TLSClientConfig:   &tls.Config{InsecureSkipVerify: true},
	}
	defer transport.CloseIdleConnections()
	client := &http.Client{Transport: transport, Timeout: 5 * time.Second}
	response, err := client.Post(replica.URL+"/mesh", "application/json", strings.NewReader(emptyReview))
	if err != nil {
		return 0, "", err
	}
	defer func() { _ = response.Body.Close() }()
	_, err = io.Copy(io.Discard, response.Body)
	return response.StatusCode, response.TLS.PeerCertificates[0].SerialNumber.String(), err
}

func readiness(t *testing.T, replica *installation.Replica) int {
	t.Helper()
	response, err := http.Get(replica.HealthURL + "/readyz")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	return response.StatusCode
}

// TestStart looks at a server that does not know the whole mesh yet: it is not
// ready, mesh objects wait for it without the user doing anything, pods go their
// way. Taking away the permission to list Services holds it there.
func TestStart(t *testing.T) {
	l := startLive(t)
	l.kubectl(t, "", "create", "namespace", "in")
	l.kubectl(t, "", "label", "namespace", "in", "fedmesh.io/federation=enabled")
	rules := l.kubectl(t, "", "get", "clusterrole", "fedmesh-webhook", "-o", "jsonpath={.rules}")
	without := strings.Replace(rules, `"services",`, "", 1)
	if without == rules {
		t.Fatalf("got rules %s; want one for services to take away", rules)
	}
	patch := func(rules string) {
		t.Helper()
		l.kubectl(t, "", "patch", "clusterrole", "fedmesh-webhook", "--type=merge", "-p", `{"rules":`+rules+`}`)
	}
	patch(without)
	become(t, "the permission is gone", func() error {
		if got := l.plane.Kubectl(t.Context(), "", "auth", "can-i", "list", "services", "--as=system:serviceaccount:fedmesh-system:fedmesh-webhook").ExitCode; got == 0 {
			return errors.New("services can still be listed")
		}
		return nil
	})
	replica, err := l.installed.LaunchReplica(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	become(t, "the replica serves", func() error {
		_, _, err := postReview(replica)
		return err
	})
	if err := l.installed.Direct(t.Context(), replica); err != nil {
		t.Fatal(err)
	}
	if got := readiness(t, replica); got != http.StatusInternalServerError {
		t.Errorf("got %d from /readyz; want 500", got)
	}
	// A pod is made as it is, because failurePolicy says so.
	if got := l.kubectl(t, "", "run", "web", "--image=web", "-n", "in", "-o", "json"); strings.Contains(got, "ISTIO_META_DNS_CAPTURE") {
		t.Errorf("got pod %s; want it untouched", got)
	}
	// kubectl tries again and again by itself, and is served in the end.
	entry := serviceEntry("in", "httpbin", "httpbin.bar.global", "240.0.0.2")
	applied := make(chan error, 1)
	go func() { applied <- l.plane.Kubectl(context.Background(), entry, "apply", "-f", "-").Err() }()
	select {
	case err := <-applied:
		t.Errorf("kubectl apply ended with %v; want it to wait", err)
	case <-time.After(2 * time.Second):
	}
	patch(rules)
	if err := <-applied; err != nil {
		t.Errorf("after the permission came back: %v", err)
	}
	if err := replica.WaitUntilReady(t.Context()); err != nil {
		t.Error(err)
	}
}

// TestKindsComeAndGo: Istio is installed after fedmesh.
func TestKindsComeAndGo(t *testing.T) {
	l := startLive(t)
	const crd = "sidecars.networking.istio.io"
	definition := l.kubectl(t, "", "get", "crd", crd, "-o", "json", "--show-managed-fields=false")
	sidecar := func(version, name string) string {
		return `{apiVersion: networking.istio.io/` + version + `, kind: Sidecar, metadata: {namespace: default, name: ` + name + `}, spec: {egress: [{hosts: ["*/*"]}]}}`
	}
	watching := l.installed.Replica()
	l.kubectl(t, sidecar("v1", "before"), "apply", "-f", "-")
	l.kubectl(t, "", "delete", "crd", crd)
	replica, err := l.installed.StartReplica(context.Background())
	if err != nil {
		t.Fatalf("a replica without the kind does not become ready: %v", err)
	}
	if err := l.installed.Direct(t.Context(), replica); err != nil {
		t.Fatal(err)
	}
	// An older Istio: it serves no v1.
	l.kubectl(t, withoutV1(t, definition), "create", "-f", "-", "--validate=false")
	become(t, "the kind is served", func() error {
		return l.plane.Kubectl(t.Context(), sidecar("v1beta1", "first"), "apply", "-f", "-").Err()
	})
	// The replica that saw the kind go has forgotten what there was, and both
	// know what there is.
	for _, asked := range []*installation.Replica{replica, watching} {
		if err := l.installed.Direct(t.Context(), asked); err != nil {
			t.Fatal(err)
		}
		become(t, asked.Name+" knows the kind", func() error {
			result := l.plane.Kubectl(t.Context(), sidecar("v1beta1", "second"), "apply", "-f", "-", "--dry-run=server")
			if !strings.Contains(result.Stderr, "[FED301]") || strings.Contains(result.Stderr, "default/before") {
				return fmt.Errorf("got %q; want FED301 for the Sidecar first", result.Stderr)
			}
			return nil
		})
	}
}

// withoutV1 is a definition whose version v1 is not served.
func withoutV1(t *testing.T, definition string) string {
	t.Helper()
	var object map[string]any
	if err := json.Unmarshal([]byte(definition), &object); err != nil {
		t.Fatal(err)
	}
	for _, version := range object["spec"].(map[string]any)["versions"].([]any) {
		version := version.(map[string]any)
		version["served"] = version["name"] != "v1"
	}
	data, err := json.Marshal(object)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// TestInvalidFederation: one that got past the webhook never replaces the last
// good one, and counts as absent for a server that starts.
func TestInvalidFederation(t *testing.T) {
	l := startLive(t)
	entry := serviceEntry("default", "multicast", "multicast.bar.global", "224.0.0.7")
	l.refused(t, entry, []string{"[FED103]"}, "apply", "-f", "-", "--dry-run=server")
	// Nobody asks about Federations for a moment; schema and CEL do not see it.
	l.kubectl(t, "", "patch", "validatingwebhookconfiguration", "fedmesh", "--type=json", "-p",
		`[{"op":"replace","path":"/webhooks/1/rules/0/operations","value":["DELETE"]}]`)
	become(t, "an invalid Federation is stored", func() error {
		return l.plane.Kubectl(t.Context(), "", "patch", "federation", "default", "--type=merge", "-p", `{"spec":{"vips":{"cidrs":["240.0.0.1/4"]}}}`).Err()
	})
	become(t, "the condition says so", func() error {
		got := l.kubectl(t, "", "get", "federation", "default", "-o", `jsonpath={.status.conditions[?(@.type=="Ready")].reason}: {.status.conditions[?(@.type=="Ready")].message}`)
		if !strings.HasPrefix(got, "Invalid: ") || !strings.Contains(got, "spec.vips.cidrs[0]") {
			return fmt.Errorf("got %q; want Invalid and the field", got)
		}
		return nil
	})
	become(t, "an Event says so", func() error {
		if got := l.kubectl(t, "", "get", "events.v1.events.k8s.io", "-n", "default", "-o", "jsonpath={.items[*].reason}"); !strings.Contains(got, "Invalid") {
			return fmt.Errorf("got Events %q; want Invalid", got)
		}
		return nil
	})
	l.refused(t, entry, []string{"[FED103]"}, "apply", "-f", "-", "--dry-run=server")

	replica, err := l.installed.StartReplica(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	if err := l.installed.Direct(t.Context(), replica); err != nil {
		t.Fatal(err)
	}
	result := l.plane.Kubectl(t.Context(), entry, "apply", "-f", "-", "--dry-run=server")
	if result.ExitCode != 0 || !strings.Contains(result.Stderr, "Warning: [FED103]") {
		t.Errorf("after a restart: got %q; want a warning", result.Stderr)
	}
}

// TestCollectionOfFederations: deleting all of them at once does not get around
// the guard.
func TestCollectionOfFederations(t *testing.T) {
	l := startLive(t)
	l.kubectl(t, "", "label", "namespace", "default", "fedmesh.io/federation=enabled")
	become(t, "the index knows the namespace", func() error {
		if l.plane.Kubectl(t.Context(), "", "delete", "federation", "default", "--dry-run=server").ExitCode == 0 {
			return errors.New("the Federation could be deleted")
		}
		return nil
	})
	l.refused(t, "", []string{"rely on this Federation"}, "delete", "--raw=/apis/fedmesh.io/v1alpha1/federations")
	l.kubectl(t, "", "get", "federation", "default")
}

// TestStartWithoutAPIServer: a server that finds no API server waits for it.
func TestStartWithoutAPIServer(t *testing.T) {
	l := startLive(t)
	replica, err := l.installed.LaunchReplica(context.Background(), "--kubeconfig="+nobody(t))
	if err != nil {
		t.Fatal(err)
	}
	time.Sleep(3 * time.Second)
	if got := readiness(t, replica); got != http.StatusInternalServerError {
		t.Errorf("got %d from /readyz; want 500", got)
	}
	if err := replica.Stop(); err != nil {
		t.Errorf("got %v; want it to end when it is told to, with status 0", err)
	}
}

// nobody is a kubeconfig of an API server that is not there.
func nobody(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "kubeconfig")
	const text = `
apiVersion: v1
kind: Config
clusters: [{name: c, cluster: {server: "https://127.0.0.1:1"}}]
contexts: [{name: c, context: {cluster: c}}]
current-context: c
`
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// TestStop: a server that is told to end says so first and goes on serving.
func TestStop(t *testing.T) {
	l := startLive(t, "--drain-period=3s")
	replica := l.installed.Replica()
	stopped := make(chan error, 1)
	go func() { stopped <- replica.Stop() }()
	become(t, "the readiness probe fails", func() error {
		if got := readiness(t, replica); got == http.StatusOK {
			return errors.New("still ready")
		}
		return nil
	})
	if status, _, err := postReview(replica); err != nil || status != http.StatusOK {
		t.Errorf("while it drains: got %d, %v; want 200", status, err)
	}
	if err := <-stopped; err != nil {
		t.Errorf("got %v; want it to end with status 0", err)
	}
	if _, _, err := postReview(replica); err == nil {
		t.Error("after it ended: got an answer; want none")
	}
}

// TestSelfManagedRotation: a new authority takes the place of the old one while
// requests go on, and both are trusted in between.
func TestSelfManagedRotation(t *testing.T) {
	l := startLive(t)
	_, before, err := postReview(l.installed.Replica())
	if err != nil {
		t.Fatal(err)
	}
	l.kubectl(t, "", "delete", "secret", "-n", "fedmesh-system", "fedmesh-ca")
	entry := serviceEntry("default", "httpbin", "httpbin.bar.global", "240.0.0.2")
	become(t, "a certificate of the new authority is served", func() error {
		if err := l.plane.Kubectl(t.Context(), entry, "apply", "-f", "-").Err(); err != nil {
			t.Errorf("while certificates change: %v", err)
		}
		_, now, err := postReview(l.installed.Replica())
		if err == nil && now == before {
			err = errors.New("the certificate is the old one")
		}
		return err
	})
	l.kubectl(t, entry, "apply", "-f", "-")
	bundle, err := base64.StdEncoding.DecodeString(l.kubectl(t, "", "get", "validatingwebhookconfiguration", "fedmesh", "-o", "jsonpath={.webhooks[0].clientConfig.caBundle}"))
	if err != nil {
		t.Fatal(err)
	}
	if got := bytes.Count(bundle, []byte("BEGIN CERTIFICATE")); got != 2 {
		t.Errorf("got %d authorities in the caBundle; want the old and the new", got)
	}
	// Somebody empties the caBundle: it is filled in again.
	l.kubectl(t, "", "patch", "validatingwebhookconfiguration", "fedmesh", "--type=json", "-p", `[{"op":"remove","path":"/webhooks/0/clientConfig/caBundle"}]`)
	become(t, "the caBundle heals", func() error {
		return l.plane.Kubectl(t.Context(), entry, "apply", "-f", "-").Err()
	})
}

// TestCertificateFiles: the certificate that cert-manager keeps in a mounted
// Secret is renewed without a restart.
func TestCertificateFiles(t *testing.T) {
	l := startLive(t)
	directory := t.TempDir()
	authority := writeCertificate(t, directory, 1)
	// The caBundle is cert-manager's business in this mode; the replica that
	// manages itself would add its own authority again.
	if err := l.installed.Replica().Stop(); err != nil {
		t.Fatal(err)
	}
	for _, kind := range []string{"validating", "mutating"} {
		count := strings.Count(l.kubectl(t, "", "get", kind+"webhookconfiguration", "fedmesh", "-o", "jsonpath={range .webhooks[*]}x{end}"), "x")
		for i := range count {
			l.kubectl(t, "", "patch", kind+"webhookconfiguration", "fedmesh", "--type=json", "-p",
				fmt.Sprintf(`[{"op":"add","path":"/webhooks/%d/clientConfig/caBundle","value":%q}]`, i, base64.StdEncoding.EncodeToString(authority)))
		}
	}
	replica, err := l.installed.StartReplica(context.Background(), "--certificate-dir="+directory)
	if err != nil {
		t.Fatal(err)
	}
	if _, serial, err := postReview(replica); err != nil || serial != "1" {
		t.Fatalf("got certificate %s (%v); want 1", serial, err)
	}
	writeCertificate(t, directory, 2)
	become(t, "the renewed certificate is served", func() error {
		_, serial, err := postReview(replica)
		if err == nil && serial != "2" {
			err = fmt.Errorf("got certificate %s; want 2", serial)
		}
		return err
	})
}

// writeCertificate puts a self-signed certificate for localhost where a mounted
// Secret has it, and returns what trusts it.
func writeCertificate(t *testing.T, directory string, serial int64) []byte {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(serial), Subject: pkix.Name{CommonName: "localhost"}, DNSNames: []string{"localhost"},
		NotBefore: time.Now().Add(-time.Minute), NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	keyDER, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	certificate := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	for name, data := range map[string][]byte{
		"tls.crt": certificate,
		"tls.key": pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: keyDER}),
	} {
		// Complete at once, as a kubelet does it.
		temporary := filepath.Join(directory, "."+name)
		if err := os.WriteFile(temporary, data, 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Rename(temporary, filepath.Join(directory, name)); err != nil {
			t.Fatal(err)
		}
	}
	return certificate
}
