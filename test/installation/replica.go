package installation

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"sync/atomic"
	"syscall"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"fedmesh.io/fedmesh/test/controlplane"
)

// stopTimeout is how long a replica may take to finish what it has taken on, as
// terminationGracePeriodSeconds of the Deployment.
const stopTimeout = time.Minute

// Replica is one running server.
type Replica struct {
	// Name heads its lines in the logs.
	Name string
	// URL is where it serves webhooks, with a certificate for that host name.
	// HealthURL and MetricsURL have /healthz, /readyz and /metrics.
	URL, HealthURL, MetricsURL string

	cmd    *exec.Cmd
	log    *controlplane.Log
	cancel context.CancelFunc // has the process told to end
	killed atomic.Bool
	// ended is closed when the process has ended, and err says how it ended if
	// that was not what it was told.
	ended chan struct{}
	err   error
}

// StartReplica starts one more server and waits until it is ready. It runs until
// Stop, Kill or the end of ctx. The flags are for this replica alone and win
// over all others.
func (i *Installation) StartReplica(ctx context.Context, flags ...string) (*Replica, error) {
	replica, err := i.LaunchReplica(ctx, flags...)
	if err != nil {
		return nil, err
	}
	if err := replica.WaitUntilReady(ctx); err != nil {
		return nil, errors.Join(err, replica.Kill())
	}
	return replica, nil
}

// LaunchReplica is StartReplica for who wants to see how a server gets ready.
func (i *Installation) LaunchReplica(ctx context.Context, flags ...string) (*Replica, error) {
	var deployment appsv1.Deployment
	if err := i.client.Get(ctx, client.ObjectKey{Namespace: Namespace, Name: Name}, &deployment); err != nil {
		return nil, fmt.Errorf("cannot tell how a replica is started: %w", err)
	}
	return i.start(ctx, deployment.Spec.Template.Spec.Containers[0], flags)
}

// start starts a server the way container says, but for what it cannot have
// outside of a pod.
func (i *Installation) start(ctx context.Context, container corev1.Container, flags []string) (*Replica, error) {
	ports, err := controlplane.FreePorts(3)
	if err != nil {
		return nil, err
	}
	i.lock.Lock()
	defer i.lock.Unlock()
	name := fmt.Sprintf("%s-%d", Name, len(i.replicas)+1)
	args := append(slices.Clone(container.Args),
		"--kubeconfig="+i.kubeconfig,
		"--bind-address=127.0.0.1",
		"--port="+strconv.Itoa(ports[0]),
		"--health-address=127.0.0.1:"+strconv.Itoa(ports[1]),
		"--metrics-address=127.0.0.1:"+strconv.Itoa(ports[2]),
		// The API server verifies the Service's name until Direct, and readiness
		// asks for the name that it verifies.
		"--dns-names=localhost,"+Name+"."+Namespace+".svc",
		// There are no endpoints that would have to be updated.
		"--drain-period=0s",
	)
	running, cancel := context.WithCancel(ctx)
	cmd := exec.CommandContext(running, i.binary, slices.Concat(args, i.extraArgs, flags)...)
	cmd.Env = environment(container)
	// A group of its own: on Ctrl-C the caller decides when it ends.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.WaitDelay = stopTimeout
	replica := &Replica{
		Name:       name,
		URL:        "https://localhost:" + strconv.Itoa(ports[0]),
		HealthURL:  "http://127.0.0.1:" + strconv.Itoa(ports[1]),
		MetricsURL: "http://127.0.0.1:" + strconv.Itoa(ports[2]),
		cmd:        cmd,
		log:        controlplane.NewLog(name, i.logs, &i.logLock),
		cancel:     cancel,
		ended:      make(chan struct{}),
	}
	cmd.Stdout, cmd.Stderr = replica.log, replica.log
	if err := cmd.Start(); err != nil {
		cancel()
		return nil, fmt.Errorf(`cannot start the server: %w; run "make build" first`, err)
	}
	i.replicas = append(i.replicas, replica)
	go func() {
		defer close(replica.ended)
		defer cancel()
		_ = cmd.Wait() // the state says more
		// To end with status 0 is right, but only when it was told to end.
		told := running.Err() != nil
		if !replica.killed.Load() && !(told && cmd.ProcessState.Success()) {
			replica.err = fmt.Errorf("%s ended with %s; %s", name, cmd.ProcessState, replica.log.LastLines())
		}
	}()
	return replica, nil
}

// PID is the replica's process, for those who measure it.
func (r *Replica) PID() int { return r.cmd.Process.Pid }

// Stop has the replica finish what it has taken on and waits until it has ended.
// It is an error when it ended by itself, was killed or did not end well. It may
// be called more than once.
func (r *Replica) Stop() error {
	r.cancel()
	<-r.ended
	return r.err
}

// Kill ends the replica at once, as a node that fails, and waits for it. A later
// Stop has nothing to complain about.
func (r *Replica) Kill() error {
	r.killed.Store(true)
	if err := r.cmd.Process.Kill(); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return fmt.Errorf("cannot kill %s: %w", r.Name, err)
	}
	<-r.ended
	return nil
}

// environment is what a container's process finds, without anything of our own.
func environment(container corev1.Container) []string {
	var environment []string
	for _, variable := range container.Env {
		value := variable.Value
		if source := variable.ValueFrom; source != nil && source.FieldRef != nil && source.FieldRef.FieldPath == "metadata.namespace" {
			value = Namespace
		}
		environment = append(environment, variable.Name+"="+value)
	}
	return environment
}
