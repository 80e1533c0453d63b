package integration

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"
)

// exemption is a FederationExemption of one ServiceEntry from FED103.
func exemption(namespace, target string, expiresAt time.Time) string {
	return fmt.Sprintf(`
apiVersion: fedmesh.io/v1alpha1
kind: FederationExemption
metadata: {name: legacy, namespace: %s}
spec:
  rules: [FED103]
  targets: [{kind: ServiceEntry, name: %s}]
  reason: moves next month
  expiresAt: %q
`, namespace, target, expiresAt.UTC().Format(time.RFC3339))
}

// testExemptions: an exemption lets one object through until it ends, and says why
// there is one and until when.
func testExemptions(t *testing.T, l *live) {
	wrong := serviceEntry("foo", "exempt", "exempt.bar.global", "224.0.0.7")
	other := serviceEntry("foo", "other", "other.bar.global", "224.0.0.8")
	l.refused(t, wrong, []string{"[FED103]"}, "apply", "-f", "-", "--dry-run=server")

	ends := time.Now().Add(20 * time.Second)
	l.kubectl(t, exemption("foo", "exempt", ends), "apply", "-f", "-")
	become(t, "the exemption is known", func() error {
		return l.plane.Kubectl(t.Context(), wrong, "apply", "-f", "-", "--dry-run=server").Err()
	})
	if got := l.kubectl(t, wrong, "apply", "-f", "-"); strings.Contains(got, "FED103") {
		t.Errorf("an exempt entry: got %q; want it stored in silence", got)
	}
	l.refused(t, other, []string{"[FED103]"}, "apply", "-f", "-", "--dry-run=server")

	if got := l.kubectl(t, "", "get", "fedex", "-n", "foo"); !strings.Contains(got, "FED103") || !strings.Contains(got, "moves next month") {
		t.Errorf("kubectl get: got %q; want the rules and the reason", got)
	}
	// What the schema asks for, and what would have no effect.
	for field, change := range map[string][2]string{
		"spec.reason":          {"  reason: moves next month\n", ""},
		"spec.expiresAt":       {"  expiresAt:", "  # expiresAt:"},
		"spec.rules[0]":        {"FED103", "vip-unusable"},
		"spec.targets":         {"[{kind: ServiceEntry, name: exempt}]", "[]"},
		"spec.targets[0].kind": {"ServiceEntry", "Deployment"},
	} {
		l.refused(t, strings.Replace(exemption("foo", "exempt", ends), change[0], change[1], 1), []string{field}, "apply", "-f", "-", "--dry-run=server")
	}
	useless := strings.Replace(exemption("bar", "exempt", time.Now().Add(-time.Minute)), "FED103", "FED999", 1)
	if got := l.kubectl(t, useless, "apply", "-f", "-", "--dry-run=server"); !strings.Contains(got, "no rule FED999") || !strings.Contains(got, "has passed") {
		t.Errorf("an exemption without effect: got %q; want warnings that say so", got)
	}

	// It ends by itself.
	changed := strings.Replace(wrong, "224.0.0.7", "224.0.0.9", 1)
	become(t, "the exemption ends", func() error {
		result := l.plane.Kubectl(t.Context(), changed, "apply", "-f", "-", "--dry-run=server")
		if result.ExitCode == 0 {
			return errors.New("the entry is still exempt")
		}
		if want := "FederationExemption legacy ended on " + ends.UTC().Format(time.DateOnly); !strings.Contains(result.Stderr, want) {
			return fmt.Errorf("got %q; want %q in it", result.Stderr, want)
		}
		return nil
	})
	l.kubectl(t, "", "delete", "serviceentry", "-n", "foo", "exempt")
	l.kubectl(t, "", "delete", "fedex", "-n", "foo", "legacy")
}

// testDeletion: a DestinationRule that the federation hangs on can be deleted, and
// whoever deletes it is told.
func testDeletion(t *testing.T, l *live) {
	l.kubectl(t, `
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: federated, namespace: istio-system}
spec: {host: "*.global", trafficPolicy: {tls: {mode: ISTIO_MUTUAL}}}
`, "apply", "-f", "-")
	l.kubectl(t, serviceEntry("foo", "left", "left.bar.global", "240.0.0.77"), "apply", "-f", "-")
	become(t, "the index learns of both", func() error {
		result := l.plane.Kubectl(t.Context(), "", "delete", "destinationrule", "-n", "istio-system", "federated", "--dry-run=server")
		if result.ExitCode != 0 || !strings.Contains(result.Stderr, "Warning: [FED207]") {
			return fmt.Errorf("got %q; want a warning of FED207", result.Stderr)
		}
		return nil
	})
	if got := l.kubectl(t, "", "delete", "destinationrule", "-n", "istio-system", "federated"); !strings.Contains(got, "Warning: [FED207]") {
		t.Errorf("got %q; want it deleted with a warning of FED207", got)
	}
	l.kubectl(t, "", "delete", "serviceentry", "-n", "foo", "left")
}
