//go:build linux

package bench

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-logr/logr"
	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/wait"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/log"

	"fedmesh.io/fedmesh/policies/api/v1alpha1"
	"fedmesh.io/fedmesh/test/controlplane"
	"fedmesh.io/fedmesh/test/installation"
)

const (
	// namespaces is how many the entries are spread over.
	namespaces = 100
	// writers is how many of them write at once.
	writers = 16
)

// startFedmesh starts a control plane with so many ServiceEntries and then
// installs fedmesh, which finds them there as after any restart. It runs until
// the benchmark ends. The client is an administrator's.
func startFedmesh(b *testing.B, entries int) (*server, client.Client) {
	b.Helper()
	log.SetLogger(logr.Discard()) // what libraries log would stand between the results
	federation, err := os.ReadFile(filepath.Join("..", "..", "manifests", "samples", "federation.yaml"))
	if err != nil {
		b.Fatal(err)
	}
	// Neither is bound to the context of the benchmark, which ends before what
	// is cleaned up: they are stopped one after the other.
	plane, err := controlplane.Start(context.Background(), controlplane.Options{})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		if err := plane.Stop(); err != nil {
			b.Error(err)
		}
	})
	if err := plane.InstallIstioCRDs(b.Context()); err != nil {
		b.Fatal(err)
	}
	config := plane.Config()
	config.QPS = -1 // no limit
	scheme := runtime.NewScheme()
	if err := errors.Join(clientgoscheme.AddToScheme(scheme), v1alpha1.AddToScheme(scheme)); err != nil {
		b.Fatal(err)
	}
	api, err := client.New(config, client.Options{Scheme: scheme})
	if err != nil {
		b.Fatal(err)
	}
	if err := fill(b.Context(), api, entries); err != nil {
		b.Fatalf("cannot make the entries: %v", err)
	}
	logs := &bytes.Buffer{}
	installed, err := installation.Install(context.Background(), installation.Options{
		ControlPlane: plane, Federation: string(federation), Logs: logs,
	})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		if err := installed.Stop(); err != nil {
			b.Error(err)
		}
		if b.Failed() {
			b.Logf("the server wrote:\n%s", logs)
		}
	})
	if err := waitUntilClaimed(b.Context(), api, entries); err != nil {
		b.Fatal(err)
	}
	var secret corev1.Secret
	if err := api.Get(b.Context(), client.ObjectKey{Namespace: installation.Namespace, Name: "fedmesh-ca"}, &secret); err != nil {
		b.Fatalf("cannot read the authority that fedmesh's certificate is of: %v", err)
	}
	replica := installed.Replica()
	return newServer(b, replica.URL, replica.PID(), secret.Data[corev1.TLSCertKey]), api
}

// waitUntilClaimed waits until every entry has the claims to its host and to its
// address: until then the replica has other work than what is measured.
func waitUntilClaimed(ctx context.Context, api client.Client, entries int) error {
	claims := &metav1.PartialObjectMetadataList{}
	claims.SetGroupVersionKind(coordinationv1.SchemeGroupVersion.WithKind("LeaseList"))
	err := wait.PollUntilContextTimeout(ctx, time.Second, 10*time.Minute, true, func(ctx context.Context) (bool, error) {
		err := api.List(ctx, claims, client.InNamespace(installation.Namespace), client.HasLabels{"fedmesh.io/claim"})
		return len(claims.Items) >= 2*entries, err
	})
	if err != nil {
		return fmt.Errorf("%d claims for %d entries; want two for each: %w", len(claims.Items), entries, err)
	}
	return nil
}

// fill makes what a cluster of a federation holds: the network of Istio's
// control plane, namespaces and ServiceEntries.
func fill(ctx context.Context, api client.Client, entries int) error {
	root := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{
		Name:   "istio-system",
		Labels: map[string]string{"topology.istio.io/network": "network-1"},
	}}
	if err := api.Create(ctx, root); err != nil {
		return err
	}
	if entries == 0 {
		return nil
	}
	if err := inParallel(ctx, namespaces, func(ctx context.Context, i int) error {
		return api.Create(ctx, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: team(i)}})
	}); err != nil {
		return err
	}
	return inParallel(ctx, entries, func(ctx context.Context, i int) error { return api.Create(ctx, entry(i)) })
}

func team(i int) string { return fmt.Sprintf("team-%d", i%namespaces) }

// entry is one of many entries, each with a host and an address of its own.
func entry(i int) *unstructured.Unstructured {
	name := fmt.Sprintf("service-%d", i)
	return &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": "networking.istio.io/v1",
		"kind":       "ServiceEntry",
		"metadata":   map[string]any{"name": name, "namespace": team(i)},
		"spec": map[string]any{
			"hosts":           []any{name + "." + team(i) + ".global"},
			"addresses":       []any{netip.AddrFrom4([4]byte{240, 1, byte(i >> 8), byte(i)}).String()},
			"location":        "MESH_INTERNAL",
			"resolution":      "STATIC",
			"ports":           []any{map[string]any{"number": int64(8080), "name": "http", "protocol": "HTTP"}},
			"endpoints":       []any{map[string]any{"address": "34.122.11.2", "ports": map[string]any{"http": int64(15443)}}},
			"subjectAltNames": []any{"spiffe://bar.com/ns/" + team(i) + "/sa/" + name},
		},
	}}
}

// inParallel calls do for 0 to count-1, by several writers, until one fails.
func inParallel(ctx context.Context, count int, do func(ctx context.Context, i int) error) error {
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	var next atomic.Int64
	var group sync.WaitGroup
	for range writers {
		group.Go(func() {
			for i := int(next.Add(1)) - 1; i < count && ctx.Err() == nil; i = int(next.Add(1)) - 1 {
				if err := do(ctx, i); err != nil {
					stop(err)
				}
			}
		})
	}
	group.Wait()
	return context.Cause(ctx)
}
