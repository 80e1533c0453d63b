package policies

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const ruleHead = `apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: httpbin-bar, namespace: foo}
spec:
`

// TestMutualTLSUpdates: levels of a rule have the same field but for indices, and
// are not the same mistake for that.
func TestMutualTLSUpdates(t *testing.T) {
	const old = ruleHead + `
  host: httpbin.bar.global
  trafficPolicy: {tls: {mode: ISTIO_MUTUAL}}
  subsets:
  - {name: v1, trafficPolicy: {tls: {mode: DISABLE}}}
`
	for _, test := range []struct {
		name, spec string
		want       []string
	}{
		{"something else changed", `
  host: httpbin.bar.global
  trafficPolicy: {tls: {mode: ISTIO_MUTUAL}, connectionPool: {tcp: {maxConnections: 1}}}
  subsets:
  - {name: v1, trafficPolicy: {tls: {mode: DISABLE}}}
`, []string{"Warn FED201 spec.subsets[0].trafficPolicy.tls"}},
		{"moved", `
  host: httpbin.bar.global
  trafficPolicy: {tls: {mode: ISTIO_MUTUAL}}
  subsets:
  - {name: v0}
  - {name: v1, trafficPolicy: {tls: {mode: DISABLE}}}
`, []string{"Warn FED201 spec.subsets[1].trafficPolicy.tls"}},
		{"another subset", `
  host: httpbin.bar.global
  trafficPolicy: {tls: {mode: ISTIO_MUTUAL}}
  subsets:
  - {name: v1, trafficPolicy: {tls: {mode: DISABLE}}}
  - {name: v2, trafficPolicy: {tls: {mode: DISABLE}}}
`, []string{"Warn FED201 spec.subsets[0].trafficPolicy.tls", "Deny FED201 spec.subsets[1].trafficPolicy.tls"}},
		{"another mode", `
  host: httpbin.bar.global
  trafficPolicy: {tls: {mode: ISTIO_MUTUAL}}
  subsets:
  - {name: v1, trafficPolicy: {tls: {mode: SIMPLE}}}
`, []string{"Deny FED201 spec.subsets[0].trafficPolicy.tls"}},
		{"another host", `
  host: reviews.bar.global
  trafficPolicy: {tls: {mode: ISTIO_MUTUAL}}
  subsets:
  - {name: v1, trafficPolicy: {tls: {mode: DISABLE}}}
`, []string{"Deny FED201 spec.subsets[0].trafficPolicy.tls"}},
		{"mended", `
  host: httpbin.bar.global
  trafficPolicy: {tls: {mode: ISTIO_MUTUAL}}
`, nil},
	} {
		t.Run(test.name, func(t *testing.T) {
			if diff := cmp.Diff(test.want, summaries(outcomeOfUpdate(t, old, ruleHead+test.spec))); diff != "" {
				t.Errorf("findings differ (-want +got):\n%s", diff)
			}
		})
	}
}

// TestMutualTLSLongestMessage: kubectl cuts warnings off behind 256 characters.
// An entry for the host makes other messages of it.
func TestMutualTLSLongestMessage(t *testing.T) {
	long := strings.Repeat("v", 63)
	host := long + ".bar.global"
	for _, inventory := range []string{"", "---\n" + otherEntry("a", "hosts: ["+host+"], ports: [{number: 65535}]")} {
		for _, tls := range []string{"", "tls: {}", "tls: {mode: SIMPLE}", "tls: {mode: DISABLE}", "tls: {mode: ISTIO_MUTUAL, sni: " + strings.Repeat("n", 253) + "}"} {
			text := ruleHead + "  host: " + host + "\n  trafficPolicy: {tls: {mode: ISTIO_MUTUAL}}\n  subsets:\n" +
				strings.Repeat("  - name: other\n", 99) +
				"  - name: " + long + "\n    trafficPolicy:\n      portLevelSettings:\n" +
				strings.Repeat("      - port: {}\n", 9) +
				"      - {port: {number: 65535}, " + tls + "}\n" + inventory
			fixture, err := parseFixture("longest", []byte(text))
			if err != nil {
				t.Fatal(err)
			}
			lines := fixture.findings(t, Catalogue())
			if len(lines) == 0 {
				t.Errorf("%s: no finding; want one", tls)
			}
			for _, line := range lines {
				if _, text, _ := strings.Cut(line, " "); len(text) >= 256 {
					t.Errorf("%s: %d characters; want less than 256: %s", tls, len(text), text)
				}
			}
		}
	}
}
