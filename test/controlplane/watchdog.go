package controlplane

import (
	"fmt"
	"io"
	"os/exec"
	"syscall"
)

// watchdogScript waits for the end of its input, kills what still runs from the
// binaries in $2 with the directory $1 on its command line, and removes $1.
// Both conditions together cannot hit anybody else's process. Where there is no
// /proc it only removes the directory.
const watchdogScript = `
read -r _
for process in /proc/[0-9]*; do
  case "$(readlink "$process/exe" 2>/dev/null)" in
  "$2"/*) tr '\0' '\n' <"$process/cmdline" 2>/dev/null | grep -qF "$1/" && kill -KILL "${process#/proc/}" ;;
  esac
done
rm -rf "$1" || { sleep 1; rm -rf "$1"; }
`

// watchdog is a child process that cleans up after us when we cannot: a test
// binary that runs into its -timeout, or is killed, runs no deferred function,
// and the servers it leaves behind would hold memory and ports until somebody
// notices. The kernel closes our end of the pipe whatever happens to us, which
// is what the script waits for.
type watchdog struct {
	cmd   *exec.Cmd
	input io.Closer
	log   *Log
}

func startWatchdog(dir, binDir string, log *Log) (*watchdog, error) {
	cmd := exec.Command("/bin/sh", "-c", watchdogScript, "watchdog", dir, binDir)
	// A group of its own: Ctrl-C on the terminal reaches the whole group, and
	// the watchdog has to outlive the process that it watches.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Stderr = log
	input, err := cmd.StdinPipe()
	if err != nil {
		return nil, fmt.Errorf("cannot make the pipe to the watchdog: %w", err)
	}
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("cannot start the watchdog: %w", err)
	}
	return &watchdog{cmd: cmd, input: input, log: log}, nil
}

// release lets the watchdog do its work and waits for it.
func (w *watchdog) release() error {
	closeErr := w.input.Close()
	if err := w.cmd.Wait(); err != nil {
		return fmt.Errorf("cannot clean up after the control plane: %w; %s", err, w.log.LastLines())
	}
	return closeErr
}
