package controlplane

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/wait"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// startForTest starts a control plane whose servers log into the test, and
// checks in the end that it leaves nothing behind.
func startForTest(ctx context.Context, t *testing.T) *ControlPlane {
	t.Helper()
	begin := time.Now()
	c, err := Start(ctx, Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("started in %.1f s", time.Since(begin).Seconds())
	t.Cleanup(func() {
		begin := time.Now()
		if err := c.Stop(); err != nil {
			t.Errorf("Stop: %v", err)
		}
		t.Logf("stopped in %.1f s", time.Since(begin).Seconds())
		checkNothingLeft(t, c.dir)
	})
	return c
}

// checkNothingLeft checks that the files of a control plane are gone, and the
// processes that were started with them.
func checkNothingLeft(t *testing.T, dir string) {
	t.Helper()
	if _, err := os.Stat(dir); !os.IsNotExist(err) {
		t.Errorf("%s is still there (%v)", dir, err)
	}
	for _, p := range processes(t) {
		if strings.Contains(p.commandLine, dir) {
			t.Errorf("process %d is still there: %s", p.id, p.commandLine)
		}
	}
}

func TestControlPlane(t *testing.T) {
	ctx := t.Context()
	var watches sync.WaitGroup
	t.Cleanup(watches.Wait)
	c := startForTest(ctx, t)
	// Stop must not wait for clients that watch. The context of the test ends
	// before Stop is called, and this must not.
	watches.Go(func() { c.Kubectl(context.WithoutCancel(ctx), "", "get", "pods", "--watch") })

	t.Run("pods are made by the controllers", func(t *testing.T) {
		if err := c.Kubectl(ctx, "", "create", "deployment", "web", "--image=example.com/web", "--replicas=2").Err(); err != nil {
			t.Fatal(err)
		}
		pods := waitForPods(ctx, t, c, "default", 2)
		pod := pods.Items[0]
		if len(pod.OwnerReferences) != 1 || pod.OwnerReferences[0].Kind != "ReplicaSet" {
			t.Errorf("owner references are %+v, want one ReplicaSet", pod.OwnerReferences)
		}
		// Only ServiceAccount admission adds these.
		if pod.Spec.ServiceAccountName != "default" {
			t.Errorf("ServiceAccount is %q, want default", pod.Spec.ServiceAccountName)
		}
		if mounts := pod.Spec.Containers[0].VolumeMounts; len(mounts) != 1 || !strings.HasPrefix(mounts[0].Name, "kube-api-access-") {
			t.Errorf("volume mounts are %+v, want the token's", mounts)
		}
	})

	t.Run("deleted namespaces go away", func(t *testing.T) {
		if err := c.Kubectl(ctx, "", "create", "namespace", "short-lived").Err(); err != nil {
			t.Fatal(err)
		}
		// Waits until the namespace controller has removed the finalizer.
		if err := c.Kubectl(ctx, "", "delete", "namespace", "short-lived", "--timeout=30s").Err(); err != nil {
			t.Fatal(err)
		}
	})

	t.Run("a ServiceAccount has its own permissions", func(t *testing.T) {
		path, err := c.ServiceAccountKubeconfig(ctx, "default", "default")
		if err != nil {
			t.Fatal(err)
		}
		got := c.Kubectl(ctx, "", "--kubeconfig="+path, "get", "pods")
		if got.ExitCode != 1 || !strings.Contains(got.Stderr, `User "system:serviceaccount:default:default" cannot list resource "pods"`) {
			t.Errorf("before it is granted: %+v, want it forbidden", got)
		}
		if err := c.Kubectl(ctx, "", "create", "rolebinding", "readers", "--clusterrole=view", "--serviceaccount=default:default").Err(); err != nil {
			t.Fatal(err)
		}
		err = wait.PollUntilContextTimeout(ctx, 50*time.Millisecond, 10*time.Second, true, func(ctx context.Context) (bool, error) {
			got = c.Kubectl(ctx, "", "--kubeconfig="+path, "get", "pods")
			return got.ExitCode == 0, nil
		})
		if err != nil {
			t.Errorf("after it is granted: %v; last answer %+v", err, got)
		}
		if _, err := c.ServiceAccountKubeconfig(ctx, "default", "nobody"); err == nil || !strings.Contains(err.Error(), "ServiceAccount default/nobody") {
			t.Errorf("for an account that does not exist the error is %v, want it named", err)
		}
	})

	t.Run("all servers listen on loopback only", func(t *testing.T) {
		listening := 0
		for _, p := range processes(t) {
			if !strings.Contains(p.commandLine, c.dir) {
				continue
			}
			for _, address := range p.listens(t) {
				listening++
				if !address.Addr().IsLoopback() {
					t.Errorf("%s listens on %s", p.commandLine, address)
				}
			}
		}
		// etcd for clients and for peers, and the API server.
		if listening < 3 {
			t.Errorf("found %d listening sockets, want at least 3", listening)
		}
	})
}

// waitForPods waits until a namespace has at least so many pods.
func waitForPods(ctx context.Context, t *testing.T, c *ControlPlane, namespace string, count int) corev1.PodList {
	t.Helper()
	api, err := client.New(c.Config(), client.Options{})
	if err != nil {
		t.Fatal(err)
	}
	var pods corev1.PodList
	err = wait.PollUntilContextTimeout(ctx, 50*time.Millisecond, 30*time.Second, true, func(ctx context.Context) (bool, error) {
		err := api.List(ctx, &pods, client.InNamespace(namespace))
		return len(pods.Items) >= count, err
	})
	if err != nil {
		t.Fatalf("waiting for %d pods in %s: %v; there are %d", count, namespace, err, len(pods.Items))
	}
	return pods
}

func TestSideBySide(t *testing.T) {
	ctx := t.Context()
	var planes [2]*ControlPlane
	var errs [2]error
	var group sync.WaitGroup
	for i := range planes {
		group.Go(func() { planes[i], errs[i] = Start(ctx, Options{}) })
	}
	group.Wait()
	for i, c := range planes {
		if errs[i] != nil {
			t.Errorf("control plane %d: %v", i, errs[i])
			continue
		}
		t.Cleanup(func() {
			if err := c.Stop(); err != nil {
				t.Errorf("Stop of control plane %d: %v", i, err)
			}
			checkNothingLeft(t, c.dir)
		})
	}
	if t.Failed() {
		t.FailNow()
	}
	if err := planes[0].Kubectl(ctx, "", "create", "namespace", "only-in-the-first").Err(); err != nil {
		t.Fatal(err)
	}
	if got := planes[1].Kubectl(ctx, "", "get", "namespace", "only-in-the-first"); got.ExitCode != 1 || !strings.Contains(got.Stderr, "NotFound") {
		t.Errorf("the second control plane answers %+v, want NotFound", got)
	}
	if err := planes[0].Stop(); err != nil {
		t.Errorf("Stop of the first: %v", err)
	}
	if err := planes[1].Kubectl(ctx, "", "get", "namespace", "default").Err(); err != nil {
		t.Errorf("the second does not outlive the first: %v", err)
	}
}

func TestContextStopsControlPlane(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	c := startForTest(ctx, t)
	cancel()
	err := wait.PollUntilContextTimeout(t.Context(), 50*time.Millisecond, 30*time.Second, true, func(context.Context) (bool, error) {
		_, err := os.Stat(c.dir)
		return os.IsNotExist(err), nil
	})
	if err != nil {
		t.Errorf("the control plane is still there after its context ended: %v", err)
	}
	for _, p := range processes(t) {
		if p.parent == os.Getpid() {
			t.Errorf("child process %d is still there: %s", p.id, p.commandLine)
		}
	}
}

func TestStartFailures(t *testing.T) {
	canceled, cancel := context.WithCancel(t.Context())
	cancel()
	tests := map[string]struct {
		ctx     context.Context
		options Options
		want    string
	}{
		"a flag that does not exist": {
			ctx:     t.Context(),
			options: Options{APIServerArgs: map[string][]string{"no-such-flag": {"1"}}},
			want:    "unknown flag: --no-such-flag",
		},
		"an ended context": {
			ctx:  canceled,
			want: context.Canceled.Error(),
		},
		"no binaries": {
			ctx:     t.Context(),
			options: Options{BinDir: t.TempDir()},
			want:    `etcd is missing: run "make servers" first`,
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Setenv("TMPDIR", t.TempDir())
			c, err := Start(test.ctx, test.options)
			if err == nil {
				t.Fatal(errors.Join(errors.New("it started"), c.Stop()))
			}
			if !strings.Contains(err.Error(), test.want) {
				t.Errorf("error is %q, want %q in it", err, test.want)
			}
			checkNothingLeft(t, filepath.Join(os.TempDir(), "fedmesh-controlplane-"))
			if left, _ := os.ReadDir(os.TempDir()); len(left) > 0 {
				t.Errorf("it left %v", left)
			}
		})
	}
}

func TestStopReportsDeadControllers(t *testing.T) {
	c, err := Start(t.Context(), Options{Logs: io.Discard})
	if err != nil {
		t.Fatal(err)
	}
	if err := c.controllers.cmd.Process.Kill(); err != nil {
		t.Error(err)
	}
	<-c.controllers.ended
	for range 2 {
		if err := c.Stop(); err == nil || !strings.Contains(err.Error(), "kube-controller-manager ended by itself (signal: killed)") {
			t.Errorf("Stop returned %v, want the end of kube-controller-manager", err)
		}
	}
	checkNothingLeft(t, c.dir)
}
