package istio

import "fedmesh.io/fedmesh/test/istio/proxy"

// imported is what a sidecar has of a host.
type imported struct {
	Cluster bool
	Answers []string
}

// sidecarEffects are those of Sidecars, which are in namespace clients.
var sidecarEffects = []effect{
	{
		name: "FED304 namespace of the host",
		pass: "FED304/pass/namespace_of_entry.yaml", fail: "FED304/fail/other_namespace.yaml",
		look: importOf(httpbin), wantPass: imported{true, []string{"240.0.0.2"}}, wantFail: imported{},
	},
	{
		name: "FED304 not exported",
		pass: "FED304/pass/exported_by_name.yaml", fail: "FED304/fail/not_exported.yaml",
		look: importOf(httpbin), wantPass: imported{true, []string{"240.0.0.2"}}, wantFail: imported{},
	},
}

func importOf(host string) func(views) (any, error) {
	return func(v views) (any, error) {
		return imported{v.sidecar.HasCluster(proxy.ClusterName(host, "", 8000)), v.sidecar.Resolve(host)}, nil
	}
}
