package manifests

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"fedmesh.io/fedmesh/test/controlplane"
)

// criticalPodsConfiguration has critical pods refused outside of namespaces with a
// quota for them, as some providers do.
const criticalPodsConfiguration = `
apiVersion: apiserver.config.k8s.io/v1
kind: AdmissionConfiguration
plugins:
- name: ResourceQuota
  configuration:
    apiVersion: apiserver.config.k8s.io/v1
    kind: ResourceQuotaConfiguration
    limitedResources:
    - resource: pods
      matchScopes:
      - scopeName: PriorityClass
        operator: In
        values: [system-node-critical, system-cluster-critical]
`

// TestOverlays installs fedmesh as a user does, from each overlay, and looks at
// what the API server makes of it. Package
// integration is about what fedmesh does.
func TestOverlays(t *testing.T) {
	criticalPods := filepath.Join(t.TempDir(), "admission.yaml")
	if err := os.WriteFile(criticalPods, []byte(criticalPodsConfiguration), 0o600); err != nil {
		t.Fatal(err)
	}
	plane, err := controlplane.Start(t.Context(), controlplane.Options{APIServerArgs: map[string][]string{
		"admission-control-config-file": {criticalPods},
	}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := plane.Stop(); err != nil {
			t.Error(err)
		}
	})
	if err := errors.Join(plane.InstallIstioCRDs(t.Context()), plane.InstallCertManagerCRDs(t.Context())); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"selfmanaged", "certmanager"} {
		t.Run(name, func(t *testing.T) {
			o := &overlay{plane: plane, client: newClient(t, plane.Config()), name: name, dir: "../../manifests/overlays/" + name, standIn: startStandIn(t)}
			o.run(t)
		})
	}
}

// overlay is the life of one installation of an overlay. The steps build on each other.
type overlay struct {
	plane  *controlplane.ControlPlane
	client client.Client
	name   string
	dir    string
	// objects are what the overlay renders to.
	objects []*unstructured.Unstructured
	// services are what the webhooks ask as the overlay has them, by their names.
	services map[string]*admissionregistrationv1.ServiceReference
	// standIn answers in place of fedmesh while webhooks are directed at it.
	standIn *standIn
}

func (o *overlay) run(t *testing.T) {
	steps := []struct {
		name string
		step func(*overlay, *testing.T)
	}{
		{"render", (*overlay).render},
		{"apply", (*overlay).apply},
		{"pods are admitted", (*overlay).podsAreAdmitted},
		{"apply again", (*overlay).applyAgain},
		{"references", (*overlay).references},
		{"certificate", (*overlay).certificate},
		{"permissions", (*overlay).permissions},
		{"permissions in use", (*overlay).permissionsInUse},
		{"flow control", (*overlay).flowControl},
		{"IPAddresses", (*overlay).ipAddresses},
		{"refused without a server", (*overlay).refusedWithoutServer},
		{"called for", (*overlay).calledFor},
		{"server", (*overlay).server},
		{"uninstall", (*overlay).uninstall},
	}
	for _, s := range steps {
		if !t.Run(s.name, func(t *testing.T) { s.step(o, t) }) && s.name == "apply" {
			t.Fatal("without an installation there is nothing more to look at")
		}
	}
}
