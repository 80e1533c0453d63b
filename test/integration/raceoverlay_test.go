package integration

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"fedmesh.io/fedmesh/webhook/claims"
)

// TestRaceWithoutClaims switches the claims off, and wants the checks of TestRace
// to see it: what they find nothing wrong with is worth as much as what they find.
func TestRaceWithoutClaims(t *testing.T) {
	r := startRace(t, raceOptions{binary: buildWithoutClaims(t)})
	load := startLoad(t, "load", r.client, r.history, raceWorkers)
	load.reach(t, raceCreates/4)
	load.stop()
	load.wait()
	r.client.clear(t.Context(), t)
	groups := sameKeys()
	contend(r.client, groups)

	found := map[string]int{}
	for _, violation := range replay(r.history.complete(t)) {
		found[violation.kind]++
	}
	for _, kind := range []string{string(claims.VIP), string(claims.Host), string(claims.Sidecar), claimMissing} {
		if found[kind] == 0 {
			t.Errorf("got no violation %q without claims; want some", kind)
		}
	}
	shared := 0
	for _, group := range groups {
		if len(group.judge()) > 0 {
			shared++
		}
	}
	if shared == 0 {
		t.Errorf("got one winner in each of %d groups without claims; want more in some", len(groups))
	}
	t.Logf("without claims: %v; %d of %d groups have several winners", found, shared, len(groups))
}

// buildWithoutClaims builds a server that claims nothing for a request, and is the
// product in everything else. It returns its path.
func buildWithoutClaims(t *testing.T) string {
	t.Helper()
	const (
		file  = "webhook/uniqueness.go"
		claim = "u.claims.Claim(ctx, "
		none  = "claimNothing("
		end   = "\n\nfunc claimNothing(claims.Request) error { return nil }\n"
	)
	root, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	source, err := os.ReadFile(filepath.Join(root, file))
	if err != nil {
		t.Fatal(err)
	}
	if got := strings.Count(string(source), claim); got != 1 {
		t.Fatalf("got %d times %q in %s; want it once, to replace it", got, claim, file)
	}
	directory := t.TempDir()
	replaced := filepath.Join(directory, filepath.Base(file))
	if err := os.WriteFile(replaced, []byte(strings.Replace(string(source), claim, none, 1)+end), 0o600); err != nil {
		t.Fatal(err)
	}
	overlay, err := json.Marshal(map[string]any{"Replace": map[string]string{filepath.Join(root, file): replaced}})
	if err != nil {
		t.Fatal(err)
	}
	overlayFile := filepath.Join(directory, "overlay.json")
	if err := os.WriteFile(overlayFile, overlay, 0o600); err != nil {
		t.Fatal(err)
	}
	binary := filepath.Join(directory, "fedmesh-webhook")
	build := exec.CommandContext(t.Context(), "go", "build", "-trimpath", "-overlay="+overlayFile, "-o", binary, "./cmd/fedmesh-webhook")
	build.Dir = root
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if output, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, output)
	}
	return binary
}
