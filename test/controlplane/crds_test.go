package controlplane

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/util/sets"
)

func TestCRDs(t *testing.T) {
	ctx := t.Context()
	c := startForTest(ctx, t)
	if err := c.InstallIstioCRDs(ctx); err != nil {
		t.Fatal(err)
	}
	if err := c.InstallCertManagerCRDs(ctx); err != nil {
		t.Fatal(err)
	}
	// Used at once, without waiting.
	const objects = `
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: httpbin, namespace: default}
spec: {hosts: [httpbin.bar.global], ports: [{number: 80, name: http}], addresses: [240.0.0.2], resolution: STATIC, location: MESH_INTERNAL}
---
apiVersion: cert-manager.io/v1
kind: Issuer
metadata: {name: self, namespace: default}
spec: {selfSigned: {}}
`
	if err := c.Kubectl(ctx, objects, "apply", "--filename=-").Err(); err != nil {
		t.Error(err)
	}
	if err := c.InstallIstioCRDs(ctx); err != nil {
		t.Errorf("a second time: %v", err)
	}

	t.Run("files without CRDs", func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "objects.yaml")
		if err := os.WriteFile(path, []byte(objects), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := c.ApplyFiles(ctx, path); err != nil {
			t.Error(err)
		}
	})
	t.Run("a file that is refused", func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "refused.yaml")
		if err := os.WriteFile(path, []byte(strings.Replace(objects, "STATIC", "MAGIC", 1)), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := c.ApplyFiles(ctx, path); err == nil || !strings.Contains(err.Error(), `Unsupported value: "MAGIC"`) {
			t.Errorf("error is %v, want the refusal", err)
		}
	})
	t.Run("a CRD that is never served", func(t *testing.T) {
		// The names of another CRD are not accepted, so it is never established.
		conflicting := c.Kubectl(ctx, "", "get", "crd", "issuers.cert-manager.io", "--output=json").Stdout
		conflicting = strings.ReplaceAll(conflicting, `"issuers.cert-manager.io"`, `"thieves.cert-manager.io"`)
		conflicting = strings.ReplaceAll(conflicting, `"plural": "issuers"`, `"plural": "thieves"`)
		if err := c.Kubectl(ctx, conflicting, "create", "--filename=-").Err(); err != nil {
			t.Fatal(err)
		}
		short, cancel := context.WithTimeout(ctx, 2*time.Second)
		defer cancel()
		err := c.waitForCRDs(short, sets.New("issuers.cert-manager.io", "thieves.cert-manager.io"))
		if err == nil || !strings.Contains(err.Error(), "does not serve thieves.cert-manager.io:") {
			t.Errorf("error is %v, want thieves.cert-manager.io named and nothing else", err)
		}
	})
}
