package main

import "strings"

// sections lists all that is shown, in order.
func sections() []section {
	return []section{
		{"One of two clusters", clusterSteps()},
		{"Pods are patched where their namespace opted in", podSteps()},
		{"The classic walkthrough is accepted", acceptedSteps()},
		{"What Istio accepts and then breaks is refused", refusedSteps()},
		{"Uniqueness holds for requests at the same moment", claimSteps()},
		{"The Federation is changed while the server runs", federationSteps()},
	}
}

const (
	// proxyConfig shows what Istio's injector reads.
	proxyConfig = `--output=jsonpath={.items[0].metadata.annotations.proxy\.istio\.io/config}`
	// podStatus shows what fedmesh says that it did.
	podStatus = `--output=jsonpath={.items[0].metadata.annotations.fedmesh\.io/status}`
	// labels are the columns of the labels that pods get.
	labels = "--label-columns=topology.istio.io/network,spiffe.io/spire-managed-identity"
)

// socket shows the volume and the mount of the SPIFFE socket; list is where the
// proxy is.
func socket(list string) string {
	return `--output=jsonpath={.spec.volumes[?(@.name=="workload-socket")]}{"\n"}` +
		`{.spec.` + list + `[?(@.name=="istio-proxy")].volumeMounts[?(@.name=="workload-socket")]}{"\n"}`
}

func clusterSteps() []step {
	return []step{
		{
			title: "This is cluster-1 in network-1, namespace foo takes part, and the Federation is in force",
			commands: []command{
				{args: words("get namespaces istio-system foo outside --label-columns=topology.istio.io/network,fedmesh.io/federation"), want: []string{"network-1", "enabled"}},
				{args: words("wait --for=condition=Ready --timeout=30s federation/default"), want: []string{"condition met"}},
				{args: words("get federation default"), want: []string{"cluster-1"}},
			},
			result: "ready",
		},
	}
}

func podSteps() []step {
	return []step{
		{
			title: "The pod of a Deployment gets the network label, the registration label and DNS capture, beside what it says itself",
			commands: []command{
				{args: words("apply --namespace=foo -f pods/deployment.yaml"), want: []string{"created"}},
				{args: words("wait --namespace=foo --for=jsonpath={.status.replicas}=1 --timeout=30s deployment/sleep")},
				{args: words("get pods --namespace=foo --selector=app=sleep " + labels), want: []string{"network-1", "true"}},
				{
					args: words("get pods --namespace=foo --selector=app=sleep " + proxyConfig),
					want: []string{"# the application talks", "holdApplicationUntilProxyStarts: true", `ISTIO_META_DNS_CAPTURE: "true"`},
				},
				{args: words("get pods --namespace=foo --selector=app=sleep " + podStatus), want: []string{`"dns-capture"`, `"network-label"`, `"registration"`}},
			},
			result: "patched, and what the user wrote is still there",
		},
		{
			title: "The same Deployment in a namespace that did not opt in",
			commands: []command{
				{args: words("apply --namespace=outside -f pods/deployment.yaml"), want: []string{"created"}},
				{args: words("wait --namespace=outside --for=jsonpath={.status.replicas}=1 --timeout=30s deployment/sleep")},
				{args: words("get pods --namespace=outside --selector=app=sleep " + labels), want: []string{"sleep-"}, not: []string{"network-1", "true"}},
				{
					args: words("get pods --namespace=outside --selector=app=sleep " + proxyConfig),
					want: []string{"holdApplicationUntilProxyStarts: true"}, not: []string{"ISTIO_META_DNS_CAPTURE"},
				},
			},
			result: "untouched",
		},
		socketStep("A proxy that is injected already gets SPIRE's socket in place of the empty directory", "classic-proxy", "containers"),
		socketStep("So does a native sidecar, with one mount under the name that the proxy knows", "native-proxy", "initContainers"),
	}
}

// socketStep shows what a pod gets: by a dry-run, which leaves nothing, and for
// real.
func socketStep(title, name, list string) step {
	file := "pods/" + name + ".yaml "
	want := []string{
		`"csi":{"driver":"csi.spiffe.io","readOnly":true}`,
		`{"mountPath":"/var/run/secrets/workload-spiffe-uds","name":"workload-socket","readOnly":true}`,
	}
	not := []string{"emptyDir", `"/run/secrets`}
	return step{
		title: title,
		commands: []command{
			{args: append(words("apply --dry-run=server -f "+file), socket(list)), want: want, not: not, same: true},
			{args: words("get -f " + file), exit: 1, want: []string{"NotFound"}},
			{args: append(words("apply -f "+file), socket(list)), want: want, not: not, same: true},
		},
		result: "the dry-run left nothing, and said what the real one did",
	}
}

func acceptedSteps() []step {
	quiet := []string{"Warning"}
	return []step{
		{
			title: "Mutual TLS to the other cluster, what it may reach here, one of its services, and a default Sidecar",
			commands: []command{
				{args: words("apply -f accepted/destination-rule.yaml"), want: []string{"created"}, not: quiet},
				{args: words("apply -f accepted/gateway.yaml"), want: []string{"created"}, not: quiet},
				{args: words("apply -f accepted/service-entry.yaml"), want: []string{"created"}, not: quiet},
				{args: words("apply -f accepted/sidecar.yaml"), want: []string{"created"}, not: quiet},
			},
			result: "accepted without a word",
		},
		{
			title: "An ordinary egress entry for www.google.com, with a range of addresses",
			commands: []command{
				{args: words("apply --dry-run=server -f accepted/egress.yaml"), want: []string{"created (server dry run)"}, not: quiet},
			},
			result: "none of fedmesh's business",
		},
		{
			title: "A Sidecar that looks for the host in the wrong namespace: the right one may come in the same apply",
			commands: []command{
				{
					args:    words("apply --dry-run=server -f accepted/wrong-namespace.yaml"),
					want:    []string{"Warning: [FED304] spec.egress[0].hosts[2]", "foo/httpbin.bar.global", "created (server dry run)"},
					patient: true,
				},
			},
			result: "a warning, and no more",
		},
	}
}

func refusedSteps() []step {
	return []step{
		refused("A second host on the same address", "second-host-on-vip", "[FED105] spec.addresses[0]"),
		refused("A multicast address", "vip-multicast", "[FED103] spec.addresses[0]"),
		refused("A loopback address", "vip-loopback", "[FED103] spec.addresses[0]"),
		refused("No address", "vip-missing", "[FED102] spec.addresses"),
		refused("No location", "location-left-out", "[FED107] spec.location"),
		refused("No resolution", "resolution-left-out", "[FED108] spec.resolution"),
		refused("No endpoints", "endpoints-left-out", "[FED109] spec.endpoints"),
		refused("A wildcard", "wildcard-host", "[FED101] spec.hosts[0]"),
		refused("The same host in another namespace", "same-host-elsewhere", "[FED106] spec.hosts[0]"),
		refused("A DestinationRule without TLS", "rule-without-tls", "[FED201] spec.trafficPolicy.tls"),
		refused("A DestinationRule whose settings for a port drop the TLS above them", "rule-port-level", "[FED201] spec.trafficPolicy.portLevelSettings[0].tls"),
		refused("A DestinationRule that sends the host as SNI", "rule-with-sni", "[FED203] spec.trafficPolicy.tls.sni"),
		refused("A second default Sidecar", "second-sidecar", "[FED301] spec.workloadSelector"),
		refused("A Sidecar with an empty selector", "sidecar-empty-selector", "[FED302] spec.workloadSelector"),
		refused("A gateway that lets the other cluster in to everything", "gateway-exposes-all", "[FED401] spec.servers[0].hosts[0]"),
		{
			title: "None of them is there",
			commands: []command{
				{args: words("get -f refused/"), exit: 1, want: []string{"NotFound"}, not: []string{"NAME"}},
			},
			result: "nothing was left behind",
		},
	}
}

// refused shows that a manifest is refused, by a dry-run and for real, with the
// same message.
func refused(title, name, message string) step {
	file := " -f refused/" + name + ".yaml"
	return step{
		title: title,
		commands: []command{
			{args: words("apply --dry-run=server" + file), exit: 1, want: []string{message + ": "}, same: true, patient: true},
			{args: words("apply" + file), exit: 1, want: []string{message + ": "}, same: true},
		},
		result: "refused, by the dry-run and for real",
	}
}

func claimSteps() []step {
	create := func(name string) []string { return words("create -f rivals/" + name + ".yaml") }
	return []step{
		{
			title: "What is stored has its claims, and Kubernetes gives the address to no Service",
			commands: []command{
				{
					args: words("get leases --namespace=fedmesh-system --selector=fedmesh.io/claim"), patient: true,
					want: []string{"vip-240.0.0.2", "host-httpbin.bar.global", "ServiceEntry foo/httpbin-bar", "sidecar-foo", "Sidecar foo/default"},
				},
				{args: words("get ipaddresses 240.0.0.2"), want: []string{"serviceentries.networking.istio.io/foo/httpbin-bar"}, patient: true},
			},
			result: "claimed",
		},
		{
			title: "Four hosts that want one address at the same moment",
			commands: []command{
				{
					args: create("one"), rivals: [][]string{create("two"), create("three"), create("four")},
					exit: 1, want: []string{"[FED105] spec.addresses[0]: 240.0.0.77 already belongs to "},
				},
				{args: words("get ipaddresses 240.0.0.77"), want: []string{"foo/rival-"}, patient: true},
			},
			result: "exactly one has it",
		},
	}
}

func federationSteps() []step {
	duplicate := words("apply --dry-run=server -f refused/second-host-on-vip.yaml")
	return []step{
		{
			title: "With FED105 set to warn, the second host on one address passes",
			commands: []command{
				{args: []string{"patch", "federation", "default", "--type=merge", `--patch={"spec": {"rules": [{"id": "FED105", "action": "Warn"}]}}`}, want: []string{"patched"}},
				{args: duplicate, want: []string{"Warning: [FED105] spec.addresses[0]: ", "created (server dry run)"}, patient: true},
			},
			result: "in force at once",
		},
		{
			title: "And set back",
			commands: []command{
				{args: []string{"patch", "federation", "default", "--type=merge", `--patch={"spec": {"rules": null}}`}, want: []string{"patched"}},
				{args: duplicate, exit: 1, want: []string{"[FED105] spec.addresses[0]: "}, patient: true},
			},
			result: "refused again",
		},
		{
			title: "The Federation cannot go while a namespace relies on it",
			commands: []command{
				{args: words("delete federation default"), exit: 1, want: []string{"fedmesh.io/federation=enabled"}},
			},
			result: "refused",
		},
	}
}

// words splits a command line into its arguments. The file after -f is one of
// the playground's.
func words(line string) []string {
	args := strings.Fields(line)
	for n := 1; n < len(args); n++ {
		if args[n-1] == "-f" {
			args[n] = manifests + args[n]
		}
	}
	return args
}
