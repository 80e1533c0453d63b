package istio

import (
	"errors"

	"fedmesh.io/fedmesh/test/istio/proxy"
)

// ruleEffects are those of DestinationRules.
var ruleEffects = []effect{
	{
		name: "FED201 top level",
		pass: "FED203/pass/left_to_istio.yaml", fail: "FED201/fail/policy_without_tls.yaml",
		look: tlsTo(""), wantPass: mutual(httpbin, "", 8000), wantFail: (*proxy.TLS)(nil),
	},
	{
		name: "FED201 no mode",
		pass: "FED203/pass/left_to_istio.yaml", fail: "FED201/fail/top_no_mode.yaml",
		look: tlsTo(""), wantPass: mutual(httpbin, "", 8000), wantFail: (*proxy.TLS)(nil),
	},
	{
		name: "FED201 port level",
		pass: "FED201/pass/all_levels.yaml", fail: "FED201/fail/port_silent.yaml",
		look: tlsTo(""), wantPass: mutual(httpbin, "", 8000), wantFail: (*proxy.TLS)(nil),
	},
	{
		name: "FED201 subset",
		pass: "FED201/pass/subset_over_port.yaml", fail: "FED201/fail/subset_disable.yaml",
		look: tlsTo("v2"), wantPass: mutual(httpbin, "v2", 8000), wantFail: (*proxy.TLS)(nil),
	},
	{
		name: "FED201 subset inherits",
		pass: "FED201/pass/subset_over_port.yaml", fail: "FED201/fail/subset_inherits_from_port.yaml",
		look: tlsTo("v2"), wantPass: mutual(httpbin, "v2", 8000), wantFail: (*proxy.TLS)(nil),
	},
	{
		name: "FED201 subset port",
		pass: "FED201/pass/subset_over_port.yaml", fail: "FED201/fail/subset_port_silent.yaml",
		look: tlsTo("v2"), wantPass: mutual(httpbin, "v2", 8000), wantFail: (*proxy.TLS)(nil),
	},
	{
		name: "FED201 wildcard",
		pass: "FED203/pass/left_to_istio.yaml", fail: "FED201/fail/wildcard.yaml",
		look: tlsTo(""), wantPass: mutual(httpbin, "", 8000), wantFail: (*proxy.TLS)(nil),
	},
	// TLS, and not Istio's: no ALPN of its own and no certificate.
	{
		name: "FED201 simple",
		pass: "FED203/pass/left_to_istio.yaml", fail: "FED201/fail/top_simple.yaml",
		look: tlsTo(""), wantPass: mutual(httpbin, "", 8000), wantFail: &proxy.TLS{Authority: "file-root:system"},
	},
	// Nobody says anything about TLS, and Istio decides by endpoint.
	{
		name: "FED201 automatic",
		pass: "FED201/pass/service_accounts.yaml", fail: "FED201/fail/automatic_label_disabled.yaml",
		look: tlsTo(""), wantPass: mutual(httpbin, "", 8000, "spiffe://bar.com/ns/bar/sa/httpbin"), wantFail: (*proxy.TLS)(nil),
	},
	{
		name: "FED203",
		pass: "FED203/pass/left_to_istio.yaml", fail: "FED203/fail/own_host.yaml",
		look: func(v views) (any, error) {
			endpoints, err := v.sidecar.Endpoints(proxy.ClusterName(httpbin, "", 8000))
			if err != nil {
				return nil, err
			}
			if len(endpoints) != 1 || endpoints[0].TLS == nil {
				return nil, errors.New("there is not one endpoint with TLS")
			}
			taken, err := passes(v.gateway, endpoints[0].TLS.SNI)
			return greeting{endpoints[0].TLS.SNI, taken}, err
		},
		wantPass: greeting{"outbound_.8000_._.httpbin.bar.global", true},
		wantFail: greeting{"httpbin.bar.global", false},
	},
}

// greeting is the SNI that a client sends, and whether a gateway that exposes the
// host has a filter chain for it. Both are of the same cluster here, whose entry
// makes it known to both.
type greeting struct {
	SNI   string
	Taken bool
}

// tlsTo returns how a sidecar speaks to the gateway that is the one endpoint of a
// subset of httpbin, or of the host.
func tlsTo(subset string) func(views) (any, error) {
	return func(v views) (any, error) {
		endpoints, err := v.sidecar.Endpoints(proxy.ClusterName(httpbin, subset, 8000))
		if err == nil && len(endpoints) != 1 {
			err = errors.New("there is not one endpoint")
		}
		if err != nil {
			return nil, err
		}
		return endpoints[0].TLS, nil
	}
}
