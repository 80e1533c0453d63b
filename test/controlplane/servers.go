package controlplane

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/util/wait"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/envtest"
)

const (
	// startTimeout is for one server. It takes seconds when the machine is
	// idle, and many of them when it compiles at the same time.
	startTimeout = time.Minute
	// stopTimeout is how long a server may take to end before it is killed.
	stopTimeout = 20 * time.Second
)

// startAPIServer starts etcd and kube-apiserver.
func (c *ControlPlane) startAPIServer(o Options, logs *sync.Mutex) error {
	etcdLog := NewLog(etcdBinary, o.Logs, logs)
	apiServerLog := NewLog(apiServerBinary, o.Logs, logs)
	// Explicit paths, and no existing cluster: envtest would let environment
	// variables decide both, and the latter would run tests on a real cluster.
	existing := false
	c.environment = &envtest.Environment{
		UseExistingCluster:       &existing,
		BinaryAssetsDirectory:    c.binDir,
		ControlPlaneStartTimeout: startTimeout,
		ControlPlaneStopTimeout:  stopTimeout,
	}
	c.environment.ControlPlane.KubectlPath = filepath.Join(c.binDir, kubectlBinary)
	c.environment.ControlPlane.Etcd = &envtest.Etcd{
		Path:    filepath.Join(c.binDir, etcdBinary),
		DataDir: c.etcdDir(),
		Out:     etcdLog,
		Err:     etcdLog,
	}
	server := c.environment.ControlPlane.GetAPIServer()
	server.Path = filepath.Join(c.binDir, apiServerBinary)
	server.CertDir = c.apiServerDir()
	server.Out, server.Err = apiServerLog, apiServerLog
	server.Configure().
		// envtest turns ServiceAccount admission off because it has no
		// controllers that make the accounts. Here they run, and a pod without
		// its token volume is not the pod that admission sees in a cluster.
		Disable("disable-admission-plugins").
		// By default the API server announces the address of a network
		// interface and fails where there is none. Nobody reaches it by its
		// Service here, and Endpoints may not hold a loopback address.
		Set("advertise-address", "127.0.0.1").
		Set("endpoint-reconciler-type", "none").
		// A webhook behind a Service is dialled at an endpoint, and there is
		// none. By default it is dialled at the cluster IP, which outside of a
		// cluster may be anybody's address.
		Set("enable-aggregator-routing", "true").
		// Without a limit the API server waits a minute for clients to end
		// their watches, which informers never do.
		Set("shutdown-watch-termination-grace-period", "1s")
	for name, values := range o.APIServerArgs {
		server.Configure().Set(name, values...)
	}

	config, err := c.environment.Start()
	if err != nil {
		return fmt.Errorf("%w\n%s\n%s", err, apiServerLog.LastLines(), etcdLog.LastLines())
	}
	c.config = config
	if c.client, err = client.New(config, client.Options{}); err != nil {
		return fmt.Errorf("cannot make a client: %w", err)
	}
	return writeKubeconfig(c.Kubeconfig(), config, "default")
}

// startControllers starts kube-controller-manager and waits for the first
// things that it makes.
func (c *ControlPlane) startControllers(ctx context.Context, log *Log) error {
	user, err := c.environment.AddUser(envtest.User{Name: "system:kube-controller-manager"}, nil)
	if err != nil {
		return fmt.Errorf("cannot make the user of %s: %w", controllerManagerBinary, err)
	}
	files := controllerManagerFiles{
		kubeconfig:        filepath.Join(c.dir, "controller-manager.kubeconfig"),
		rootCA:            filepath.Join(c.dir, "ca.crt"),
		serviceAccountKey: filepath.Join(c.apiServerDir(), "sa-signer.key"),
	}
	if err := writeKubeconfig(files.kubeconfig, user.Config(), ""); err != nil {
		return err
	}
	if err := os.WriteFile(files.rootCA, c.config.CAData, 0o600); err != nil {
		return fmt.Errorf("cannot write the authority of the API server: %w", err)
	}
	if c.controllers, err = startControllerManager(c.binDir, files, log); err != nil {
		return err
	}
	return c.waitForControllers(ctx)
}

// waitForControllers waits until a pod can be created in the default namespace:
// admission wants its ServiceAccount, its volume the ConfigMap.
func (c *ControlPlane) waitForControllers(ctx context.Context) error {
	wanted := map[string]client.Object{
		"default":          &corev1.ServiceAccount{},
		"kube-root-ca.crt": &corev1.ConfigMap{},
	}
	err := wait.PollUntilContextTimeout(ctx, 50*time.Millisecond, startTimeout, true, func(ctx context.Context) (bool, error) {
		if err := c.controllers.failure(); err != nil {
			return false, err
		}
		for name, object := range wanted {
			err := c.client.Get(ctx, client.ObjectKey{Namespace: "default", Name: name}, object)
			if apierrors.IsNotFound(err) {
				return false, nil
			}
			if err != nil {
				return false, err
			}
		}
		return true, nil
	})
	if wait.Interrupted(err) {
		return fmt.Errorf("%s did not make the default ServiceAccount: %w; %s", controllerManagerBinary, err, c.controllers.log.LastLines())
	}
	return err
}
