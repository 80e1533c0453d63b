package integration

import (
	"context"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"fedmesh.io/fedmesh/test/controlplane"
	"fedmesh.io/fedmesh/test/installation"
)

// race is a control plane with fedmesh on it, ready for a load.
type race struct {
	installed *installation.Installation
	replicas  []*installation.Replica
	admin     client.WithWatch
	client    *raceClient
	history   *raceHistory
}

// raceOptions say what is unusual about a race.
type raceOptions struct {
	binary        string
	apiServerArgs map[string][]string
}

// raceReplicas is how many replicas share the requests.
const raceReplicas = 3

func startRace(t *testing.T, options raceOptions) *race {
	t.Helper()
	ctx := t.Context()
	plane, err := controlplane.Start(context.Background(), controlplane.Options{APIServerArgs: options.apiServerArgs})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := plane.Stop(); err != nil {
			t.Error(err)
		}
	})
	if err := plane.InstallIstioCRDs(ctx); err != nil {
		t.Fatal(err)
	}
	installed, err := installation.Install(context.Background(), installation.Options{
		ControlPlane: plane, Binary: options.binary, Federation: twoClusters, Logs: raceLog{testWriter{t}},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := installed.Stop(); err != nil {
			t.Error(err)
		}
	})
	r := &race{installed: installed, replicas: []*installation.Replica{installed.Replica()}}
	for len(r.replicas) < raceReplicas {
		replica, err := installed.StartReplica(context.Background())
		if err != nil {
			t.Fatal(err)
		}
		r.replicas = append(r.replicas, replica)
	}
	if err := installed.Spread(ctx, r.replicas...); err != nil {
		t.Fatal(err)
	}
	if r.admin, err = client.NewWithWatch(plane.Config(), client.Options{}); err != nil {
		t.Fatal(err)
	}
	r.prepare(t)
	if r.client, err = newRaceClient(plane.Config()); err != nil {
		t.Fatal(err)
	}
	r.history = recordHistory(t, r.admin)
	return r
}

// prepare makes the namespaces and permits the race's client everything.
func (r *race) prepare(t *testing.T) {
	t.Helper()
	objects := []client.Object{&rbacv1.ClusterRoleBinding{
		ObjectMeta: metav1.ObjectMeta{Name: "race"},
		RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: "cluster-admin"},
		Subjects:   []rbacv1.Subject{{APIGroup: rbacv1.GroupName, Kind: rbacv1.GroupKind, Name: "system:serviceaccounts:gitops"}},
	}}
	for _, name := range raceNamespaces {
		objects = append(objects, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name}})
	}
	for _, object := range objects {
		if err := r.admin.Create(t.Context(), object); err != nil {
			t.Fatal(err)
		}
	}
}

// raceLog is a testWriter that leaves out what a race has thousands of.
type raceLog struct{ testWriter }

// Write is io.Writer's; it gets one line at a time.
func (l raceLog) Write(text []byte) (int, error) {
	for _, common := range []string{"Refused an object", "Let a request come again"} {
		if strings.Contains(string(text), common) {
			return len(text), nil
		}
	}
	return l.testWriter.Write(text)
}
