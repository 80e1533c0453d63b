package controlplane

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// KubectlResult is what one run of kubectl left behind.
type KubectlResult struct {
	// Args are the arguments, for messages.
	Args []string
	// Stdout and Stderr are everything that kubectl printed.
	Stdout, Stderr string
	// ExitCode is kubectl's exit status; -1 when it could not be started or
	// was killed, and then Stderr ends with the reason.
	ExitCode int
}

// Err is nil when kubectl succeeded, else an error with its arguments and what
// it printed on standard error.
func (r KubectlResult) Err() error {
	if r.ExitCode == 0 {
		return nil
	}
	return fmt.Errorf("kubectl %s: exit status %d: %s", strings.Join(r.Args, " "), r.ExitCode, strings.TrimSpace(r.Stderr))
}

// Kubectl runs the real kubectl as the administrator, with stdin as its
// standard input.
func (c *ControlPlane) Kubectl(ctx context.Context, stdin string, args ...string) KubectlResult {
	var stdout, stderr bytes.Buffer
	cmd := exec.CommandContext(ctx, filepath.Join(c.binDir, kubectlBinary), args...)
	cmd.Stdin = strings.NewReader(stdin)
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	// Nothing of the user's own environment: a kuberc, a cache or a language
	// of theirs would change what kubectl does and prints. PATH is for plugins.
	cmd.Env = []string{
		"PATH=" + os.Getenv("PATH"),
		"HOME=" + c.homeDir(),
		"TMPDIR=" + c.dir,
		"KUBECONFIG=" + c.Kubeconfig(),
		"LC_ALL=C",
	}
	// A plugin that kubectl started may hold the pipes after kubectl was killed.
	cmd.WaitDelay = 5 * time.Second

	err := cmd.Run()
	result := KubectlResult{Args: args, Stdout: stdout.String(), Stderr: stderr.String()}
	var exit *exec.ExitError
	switch {
	case ctx.Err() != nil:
		err = fmt.Errorf("%w (%w)", err, context.Cause(ctx))
	case errors.As(err, &exit) && exit.Exited():
		result.ExitCode = exit.ExitCode()
		return result
	}
	if err != nil {
		result.ExitCode = -1
		result.Stderr += fmt.Sprintf("cannot run kubectl: %v\n", err)
	}
	return result
}
