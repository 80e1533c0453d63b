//go:build linux

package bench

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// server is a process that is measured.
type server struct {
	url    string
	pid    int
	client *http.Client
}

// newServer returns a server with a client of its own, which trusts authority,
// PEM certificates, and speaks HTTP/2 over one connection as an API server does.
func newServer(b *testing.B, url string, pid int, authority []byte) *server {
	b.Helper()
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(authority) {
		b.Fatalf("the authority of %s holds no certificate: %q", url, authority)
	}
	transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots}, ForceAttemptHTTP2: true}
	b.Cleanup(transport.CloseIdleConnections)
	return &server{url: url, pid: pid, client: &http.Client{Transport: transport}}
}

// cpuTime is how much CPU time all threads of the process have had, also those
// that have ended. The clock counts nanoseconds where /proc/<pid>/stat counts
// hundredths of a second.
func (s *server) cpuTime(b *testing.B) time.Duration {
	b.Helper()
	// As clock_getcpuclockid(3) makes it: the process, and that it is about the
	// scheduler's account of it.
	const scheduled = 2
	var now unix.Timespec
	if err := unix.ClockGettime(^int32(s.pid)<<3|scheduled, &now); err != nil {
		b.Fatalf("cannot read the CPU clock of process %d: %v", s.pid, err)
	}
	return time.Duration(now.Nano())
}

// memory reads a size of the process, in MiB, from /proc/<pid>/status.
func (s *server) memory(b *testing.B, name string) float64 {
	b.Helper()
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", s.pid))
	if err != nil {
		b.Fatal(err)
	}
	_, rest, _ := bytes.Cut(status, []byte("\n"+name+":"))
	var kibibytes float64
	if _, err := fmt.Sscanf(string(rest), "%f kB", &kibibytes); err != nil {
		b.Fatalf("cannot read %s of process %d: %v", name, s.pid, err)
	}
	return kibibytes / 1024
}

// startFloor builds the floor the way the server is built, and starts it. It
// runs until the benchmark ends.
func startFloor(b *testing.B) *server {
	b.Helper()
	binary := filepath.Join(b.TempDir(), "floor")
	build := exec.CommandContext(b.Context(), "go", "build", "-trimpath", "-o", binary, "./floor")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if output, err := build.CombinedOutput(); err != nil {
		b.Fatalf("cannot build the floor: %v: %s", err, output)
	}
	// Not bound to the context of the benchmark, which ends before what is
	// cleaned up: the end of its standard input ends it.
	cmd := exec.Command(binary)
	cmd.Env = []string{} // as a container has it
	cmd.Stderr = os.Stderr
	owner, err := cmd.StdinPipe()
	if err != nil {
		b.Fatal(err)
	}
	output, err := cmd.StdoutPipe()
	if err != nil {
		b.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		b.Fatalf("cannot start the floor: %v", err)
	}
	b.Cleanup(func() {
		_ = owner.Close()
		if err := cmd.Wait(); err != nil {
			b.Errorf("the floor did not end well: %v", err)
		}
	})
	var where struct{ URL, Authority string }
	if err := json.NewDecoder(output).Decode(&where); err != nil {
		b.Fatalf("cannot tell where the floor serves: %v", err)
	}
	return newServer(b, where.URL, cmd.Process.Pid, []byte(where.Authority))
}
