package controlplane

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/go-logr/logr"
	"go.uber.org/goleak"
	"k8s.io/apimachinery/pkg/util/wait"
	"sigs.k8s.io/controller-runtime/pkg/log"
)

// victimVariable makes the test binary the process that
// TestKilledProcessLeavesNothing kills.
const victimVariable = "FEDMESH_TEST_VICTIM"

func TestMain(m *testing.M) {
	// controller-runtime complains with a stack trace when nobody has said
	// where its logs go. What they say comes back as errors, too.
	log.SetLogger(logr.Discard())
	if os.Getenv(victimVariable) == "" {
		goleak.VerifyTestMain(m)
		return
	}
	c, err := Start(context.Background(), Options{})
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	fmt.Println(c.dir)
	select {}
}

// A test binary that runs into its timeout does not come to Stop.
func TestKilledProcessLeavesNothing(t *testing.T) {
	processes(t)
	victim := exec.Command(os.Args[0])
	victim.Env = append(os.Environ(), victimVariable+"=1")
	victim.Stderr = os.Stderr
	output, err := victim.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := victim.Start(); err != nil {
		t.Fatal(err)
	}
	line, readErr := bufio.NewReader(output).ReadString('\n')
	if err := victim.Process.Kill(); err != nil {
		t.Error(err)
	}
	if err := victim.Wait(); err == nil {
		t.Error("the process was not killed")
	}
	dir := strings.TrimSpace(line)
	if readErr != nil || !filepath.IsAbs(dir) {
		t.Fatalf("the process printed %q (%v), want its directory", line, readErr)
	}
	err = wait.PollUntilContextTimeout(t.Context(), 50*time.Millisecond, 20*time.Second, true, func(context.Context) (bool, error) {
		for _, p := range processes(t) {
			if strings.Contains(p.commandLine, dir) {
				return false, nil
			}
		}
		_, err := os.Stat(dir)
		return os.IsNotExist(err), nil
	})
	if err != nil {
		checkNothingLeft(t, dir)
	}
}
