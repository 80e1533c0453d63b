package istiod

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"sync"
	"syscall"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/client-go/util/cert"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"fedmesh.io/fedmesh/test/controlplane"
	"fedmesh.io/fedmesh/test/installation"
)

const (
	binary  = "pilot-discovery"
	account = "istiod"
)

// process is a running pilot-discovery, which is istiod's program.
type process struct {
	// discovery is host:port of xDS without TLS, webhooks the URL of the
	// webhooks, and authority the CA of their certificate.
	discovery, webhooks string
	authority           []byte

	health string
	cmd    *exec.Cmd
	log    *controlplane.Log
	// ended is closed when the process has ended, and err says how.
	ended chan struct{}
	err   error
}

// launch starts the program the way its Deployment does, but for what it cannot
// have outside of a pod.
func (i *Istiod) launch(ctx context.Context, logs io.Writer) (*process, error) {
	path, err := findBinary(binary)
	if err != nil {
		return nil, err
	}
	var deployment appsv1.Deployment
	if err := i.client.Get(ctx, client.ObjectKey{Namespace: Namespace, Name: account}, &deployment); err != nil {
		return nil, fmt.Errorf("cannot tell how istiod is started: %w", err)
	}
	dir, err := i.plane.MakeDir(binary)
	if err != nil {
		return nil, err
	}
	if err := i.writeConfiguration(ctx, dir); err != nil {
		return nil, err
	}
	authority, key, err := cert.GenerateSelfSignedCertKey("localhost", nil, nil)
	if err != nil {
		return nil, fmt.Errorf("cannot make a certificate for istiod: %w", err)
	}
	// The authority has a file of its own: istiod does not watch one twice.
	caFile, certFile, keyFile := filepath.Join(dir, "ca.crt"), filepath.Join(dir, "tls.crt"), filepath.Join(dir, "tls.key")
	for path, text := range map[string][]byte{caFile: authority, certFile: authority, keyFile: key} {
		if err := os.WriteFile(path, text, 0o600); err != nil {
			return nil, fmt.Errorf("cannot write istiod's certificate: %w", err)
		}
	}
	kubeconfig, err := i.plane.ServiceAccountKubeconfig(ctx, Namespace, account)
	if err != nil {
		return nil, err
	}
	ports, err := controlplane.FreePorts(4)
	if err != nil {
		return nil, err
	}
	local := func(n int) string { return "127.0.0.1:" + strconv.Itoa(ports[n]) }
	cmd := exec.CommandContext(ctx, path, append(withoutAddresses(deployment.Spec.Template.Spec.Containers[0].Args),
		"--kubeconfig="+kubeconfig,
		"--httpAddr="+local(0),
		"--httpsAddr="+local(1),
		"--grpcAddr="+local(2),
		"--monitoringAddr="+local(3),
		"--secureGRPCAddr=",
		"--ctrlz_port=0",
		"--caCertFile="+caFile,
		"--tlsCertFile="+certFile,
		"--tlsKeyFile="+keyFile,
	)...)
	cmd.Dir = dir
	cmd.Env = environment(deployment.Spec.Template.Spec.Containers[0])
	// A group of its own: on Ctrl-C the caller decides when it ends.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	p := &process{
		discovery: local(2),
		webhooks:  "https://localhost:" + strconv.Itoa(ports[1]),
		authority: authority,
		health:    "http://" + local(0) + "/ready",
		cmd:       cmd,
		log:       controlplane.NewLog(account, logs, new(sync.Mutex)),
		ended:     make(chan struct{}),
	}
	cmd.Stdout, cmd.Stderr = p.log, p.log
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("cannot start istiod: %w", err)
	}
	go func() {
		defer close(p.ended)
		p.err = cmd.Wait()
	}()
	return p, nil
}

// withoutAddresses drops the one argument of the Deployment that names an
// address of the pod.
func withoutAddresses(args []string) []string {
	var kept []string
	for _, arg := range args {
		if arg != "--monitoringAddr=:15014" {
			kept = append(kept, arg)
		}
	}
	return kept
}

// environment is what the container's process finds, without anything of our own.
func environment(container corev1.Container) []string {
	fields := map[string]string{
		"metadata.name":           account + "-0",
		"metadata.namespace":      Namespace,
		"spec.serviceAccountName": account,
	}
	var environment []string
	for _, variable := range container.Env {
		value := variable.Value
		if source := variable.ValueFrom; source != nil {
			if source.FieldRef == nil || fields[source.FieldRef.FieldPath] == "" {
				continue
			}
			value = fields[source.FieldRef.FieldPath]
		}
		environment = append(environment, variable.Name+"="+value)
	}
	return environment
}

// writeConfiguration writes the ConfigMaps that the Deployment mounts to where
// the program looks for them: below its working directory
// (pilot/pkg/bootstrap/sidecarinjector.go and mesh.go).
func (i *Istiod) writeConfiguration(ctx context.Context, dir string) error {
	for _, file := range []struct{ configMap, key, path string }{
		{"istio", "mesh", "etc/istio/config/mesh"},
		{"istio-sidecar-injector", "config", "var/lib/istio/inject/config"},
		{"istio-sidecar-injector", "values", "var/lib/istio/inject/values"},
	} {
		var configMap corev1.ConfigMap
		if err := i.client.Get(ctx, client.ObjectKey{Namespace: Namespace, Name: file.configMap}, &configMap); err != nil {
			return fmt.Errorf("cannot read istiod's configuration: %w", err)
		}
		text, found := configMap.Data[file.key]
		if !found {
			return fmt.Errorf("ConfigMap %s has no key %s", file.configMap, file.key)
		}
		path := filepath.Join(dir, file.path)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			return err
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			return fmt.Errorf("cannot write istiod's configuration: %w", err)
		}
	}
	return nil
}

// waitUntilReady waits for what the readiness probe of the Deployment asks for.
func (p *process) waitUntilReady(ctx context.Context) error {
	return installation.Poll(ctx, "istiod is not ready", func(ctx context.Context) error {
		request, err := http.NewRequestWithContext(ctx, http.MethodGet, p.health, nil)
		if err != nil {
			return err
		}
		response, err := http.DefaultClient.Do(request)
		if err != nil {
			return fmt.Errorf("%w; %s", err, p.log.LastLines())
		}
		defer response.Body.Close()
		if response.StatusCode != http.StatusOK {
			return fmt.Errorf("%s answers %s; %s", p.health, response.Status, p.log.LastLines())
		}
		return nil
	})
}

// stop ends the process without ceremony: it has nothing to save.
func (p *process) stop() error {
	select {
	case <-p.ended:
		return fmt.Errorf("istiod ended by itself: %w; %s", p.err, p.log.LastLines())
	default:
	}
	if err := p.cmd.Process.Kill(); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return fmt.Errorf("cannot kill istiod: %w", err)
	}
	<-p.ended
	return nil
}
