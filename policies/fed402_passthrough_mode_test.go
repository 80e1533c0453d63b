package policies

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestPassthroughModeUpdates: a server that was wrong before may be changed
// otherwise, but no second one comes beside it.
func TestPassthroughModeUpdates(t *testing.T) {
	const head = `apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {name: cross-network-gateway, namespace: istio-system}
spec:
  servers:
`
	server := func(protocol, tls, hosts string) string {
		return "  - {port: {number: 15443, name: tls, protocol: " + protocol + "}, tls: {" + tls + "}, hosts: [" + hosts + "]}\n"
	}
	const passthrough, terminate, right = "mode: PASSTHROUGH", "mode: SIMPLE, credentialName: x", "mode: AUTO_PASSTHROUGH"
	for _, test := range []struct {
		name, old, object string
		want              []string
	}{
		{"one more host", server("TLS", passthrough, "'*.bar.global'"), server("TLS", passthrough, "'*.bar.global', '*.baz.global'"),
			[]string{"Warn FED402 spec.servers[0].tls.mode"}},
		{"moved", server("TLS", passthrough, "'*.global'"), server("TLS", right, "'*.local'") + server("TLS", passthrough, "'*.global'"),
			[]string{"Warn FED402 spec.servers[1].tls.mode"}},
		{"another wrong mode", server("TLS", passthrough, "'*.global'"), server("TLS", terminate, "'*.global'"),
			[]string{"Deny FED402 spec.servers[0].tls.mode"}},
		{"a second server", server("TLS", passthrough, "'*.bar.global'"),
			server("TLS", passthrough, "'*.bar.global'") + server("TLS", passthrough, "'*.baz.global'"),
			[]string{"Warn FED402 spec.servers[0].tls.mode", "Deny FED402 spec.servers[1].tls.mode"}},
		{"no longer right", server("TLS", right, "'*.global'"), server("TLS", passthrough, "'*.global'"),
			[]string{"Deny FED402 spec.servers[0].tls.mode"}},
		{"another wrong protocol", server("TCP", "", "'*.global'"), server("HTTP", "", "'*.global'"),
			[]string{"Deny FED402 spec.servers[0].port.protocol"}},
		{"mended", server("TLS", passthrough, "'*.global'"), server("TLS", right, "'*.global'"), nil},
	} {
		t.Run(test.name, func(t *testing.T) {
			if diff := cmp.Diff(test.want, summaries(outcomeOfUpdate(t, head+test.old, head+test.object))); diff != "" {
				t.Errorf("findings differ (-want +got):\n%s", diff)
			}
		})
	}
}

// TestPassthroughModeRefused: what Istio refuses is not repeated.
func TestPassthroughModeRefused(t *testing.T) {
	for _, server := range []string{"{port: {number: 15443, protocol: TLS}, hosts: ['*.global']}", "{port: {number: 15443}, hosts: ['*.global']}", "{hosts: ['*.global']}", "{}"} {
		outcome := evaluate(t, Catalogue(), "", "apiVersion: networking.istio.io/v1\nkind: Gateway\nmetadata: {name: a, namespace: foo}\nspec: {servers: ["+server+"]}\n", "")
		if got := summaries(outcome); len(got) > 0 {
			t.Errorf("%s: got %q; want no finding", server, got)
		}
	}
}

// TestPassthroughLongestMessages: kubectl cuts warnings off behind 256 characters.
func TestPassthroughLongestMessages(t *testing.T) {
	const head = `apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {name: cross-network-gateway, namespace: istio-system}
spec:
  servers:
`
	const federation = `apiVersion: fedmesh.io/v1alpha1
kind: Federation
metadata: {name: default}
spec:
  localMember: a
  members: [{name: a, network: a, trustDomain: a.com, gateways: [{address: a.com, port: 65535}]}]
`
	host := strings.Repeat("a", 63) + "/" + strings.Repeat("b", 63) + "." + strings.Repeat("c", 63) + ".global"
	for _, server := range []string{"protocol: HTTP}", "protocol: TLS}, tls: {}", "protocol: TLS}, tls: {mode: OPTIONAL_MUTUAL}", "protocol: TLS}, tls: {mode: AUTO_PASSTHROUGH}"} {
		text := head + strings.Repeat("  - {port: {number: 80, name: http, protocol: HTTP}, hosts: [a.com]}\n", 99) +
			"  - {port: {number: 65535, name: tls, " + server + ", hosts: [" + strings.Repeat("a.com, ", 99) + host + "]}\n"
		fixture, err := parseFixture("longest", []byte(with(text, federation)))
		if err != nil {
			t.Fatal(err)
		}
		lines := fixture.findings(t, Catalogue())
		if len(lines) != 1 {
			t.Fatalf("%s: got %q; want one finding", server, lines)
		}
		if _, text, _ := strings.Cut(lines[0], " "); len(text) >= 256 {
			t.Errorf("%s: %d characters; want less than 256: %s", server, len(text), text)
		}
	}
}
