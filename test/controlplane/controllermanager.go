package controlplane

import (
	"fmt"
	"os/exec"
	"path/filepath"
	"syscall"
)

// controllerManager is a running kube-controller-manager.
type controllerManager struct {
	cmd *exec.Cmd
	log *Log
	// ended is closed when the process has ended and err says how.
	ended chan struct{}
	err   error
}

// controllerManagerFiles are what kube-controller-manager reads.
type controllerManagerFiles struct {
	kubeconfig        string
	rootCA            string
	serviceAccountKey string
}

func startControllerManager(binDir string, files controllerManagerFiles, log *Log) (*controllerManager, error) {
	cmd := exec.Command(filepath.Join(binDir, controllerManagerBinary),
		"--kubeconfig="+files.kubeconfig,
		"--root-ca-file="+files.rootCA,
		"--service-account-private-key-file="+files.serviceAccountKey,
		// As every real installation has it: users of the API see
		// system:serviceaccount:kube-system:replicaset-controller create pods.
		"--use-service-account-credentials=true",
		"--leader-elect=false",
		// Nobody asks for its health or its metrics, so it need not listen at all.
		"--secure-port=0",
		// The defaults protect an API server that has other things to do.
		"--kube-api-qps=500",
		"--kube-api-burst=1000",
	)
	cmd.Stdout, cmd.Stderr = log, log
	// A group of its own, as envtest does for its servers: on Ctrl-C the caller
	// decides when the servers end, not the terminal.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("cannot start %s: %w", controllerManagerBinary, err)
	}
	m := &controllerManager{cmd: cmd, log: log, ended: make(chan struct{})}
	go func() {
		defer close(m.ended)
		m.err = cmd.Wait()
	}()
	return m, nil
}

// failure is an error when the process has ended, which it never does by itself.
func (m *controllerManager) failure() error {
	select {
	case <-m.ended:
		return fmt.Errorf("%s ended by itself (%w); %s", controllerManagerBinary, m.err, m.log.LastLines())
	default:
		return nil
	}
}

// stop ends the process without ceremony: it has nothing to save.
func (m *controllerManager) stop() error {
	if err := m.failure(); err != nil {
		return err
	}
	if err := m.cmd.Process.Kill(); err != nil {
		return fmt.Errorf("cannot kill %s: %w", controllerManagerBinary, err)
	}
	<-m.ended
	return nil
}
