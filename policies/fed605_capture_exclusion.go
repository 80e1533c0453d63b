package policies

import (
	"fmt"
	"net/netip"
	"slices"

	"fedmesh.io/fedmesh/policies/mesh"
	"fedmesh.io/fedmesh/policies/pods"
)

/*
FED605 capture-exclusion: what a pod keeps out of its proxy is nothing federated.

Restricted fields of a finished pod with an injected istio-proxy, with their short
names:

	metadata.annotations[traffic.sidecar.istio.io/excludeOutboundPorts]
	metadata.annotations[traffic.sidecar.istio.io/excludeOutboundIPRanges]
	metadata.annotations[traffic.sidecar.istio.io/includeOutboundIPRanges]
	metadata.annotations[traffic.sidecar.istio.io/includeOutboundPorts]

Istio sends a connection to the proxy when its port is not in excludeOutboundPorts,
its address in no range of excludeOutboundIPRanges, and its port in
includeOutboundPorts or its address in a range of includeOutboundIPRanges, which is
every address for "*" and none when it is empty
(tools/istio-iptables/pkg/capture/run.go, Run). So includeOutboundPorts alone keeps
nothing out.

Forbidden values, where an entry for a federated host that the pod's namespace sees
has such a port or address: a port in excludeOutboundPorts; a range in
excludeOutboundIPRanges that has the address in it; an includeOutboundIPRanges
without the address, unless includeOutboundPorts has all ports of the entry.

Allowed: everything with sidecar.istio.io/interceptionMode: NONE, which redirects
nothing; values that Istio refuses.
*/
func captureExclusion() Rule {
	return Rule{
		ID:         "FED605",
		Name:       "capture-exclusion",
		Summary:    "annotations keep no federated address or port out of the proxy",
		Action:     Warn,
		FinalCheck: true,
		Applies:    []mesh.Kind{mesh.Pod},
		Reads:      []mesh.Kind{mesh.ServiceEntry},
		Doc: Doc{
			Why: "A virtual address leads somewhere only through the proxy. A connection that the pod's annotations keep out of it goes to " +
				"an address that nobody has, and times out.",
			Bad: `apiVersion: v1
kind: Pod
metadata:
  name: web
  namespace: foo
  annotations:
    sidecar.istio.io/status: "{}"
    traffic.sidecar.istio.io/includeOutboundIPRanges: 10.96.0.0/12
` + injectedExample + httpbinExample,
			Good: `apiVersion: v1
kind: Pod
metadata:
  name: web
  namespace: foo
  annotations:
    sidecar.istio.io/status: "{}"
    traffic.sidecar.istio.io/includeOutboundIPRanges: 10.96.0.0/12,240.0.0.0/4
` + injectedExample + httpbinExample,
			Fix: "Take the port or the range out of the annotation, or add the range of the virtual addresses to " +
				"`includeOutboundIPRanges`.",
		},
		Check: checkCaptureExclusion,
	}
}

// httpbinExample is a federated host that the examples' namespace sees.
const httpbinExample = optedInExample + `---
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: httpbin-bar, namespace: foo}
spec:
  hosts: [httpbin.bar.global]
  addresses: [240.0.0.2]
  location: MESH_INTERNAL
  resolution: DNS
  ports: [{number: 8000, name: http, protocol: HTTP}]
  endpoints: [{address: 34.122.11.2, ports: {http: 15443}}]
`

func checkCaptureExclusion(review Review, view *mesh.View) []Finding {
	pod := review.Object.Pod
	if mode, _ := pod.Annotations.Lookup(interceptionModeAnnotation); mode == "NONE" ||
		!participates(review, view) || len(injectedProxies(pod)) == 0 {
		return nil
	}
	e := exclusion{view: view, namespace: review.Object.Namespace, redirection: readRedirection(pod)}
	var findings []Finding
	for _, check := range []func() (Finding, bool){e.excludedPort, e.excludedRange, e.notIncluded} {
		if finding, found := check(); found {
			findings = append(findings, finding)
		}
	}
	return findings
}

// exclusion looks for what the redirection of a pod keeps out of its proxy.
type exclusion struct {
	redirection
	view      *mesh.View
	namespace string
}

// excludedPort looks for a federated host on an excluded port.
func (e exclusion) excludedPort() (Finding, bool) {
	for _, port := range e.excludedPorts {
		for _, suffix := range e.view.Federation().Spec.Hosts.Suffixes {
			for entry := range e.view.EachEntryWithPort("*."+suffix, uint32(port)) {
				if host, federated := e.federated(entry, entry.Hosts); federated {
					return Finding{
						Field:   annotationField(excludePortsAnnotation),
						Value:   fmt.Sprint(port),
						Message: fmt.Sprintf("port %d does not go through the proxy, and federated host %s is on it", port, pods.Shorten(host)),
						Fix:     fmt.Sprintf("take %d out", port),
						Related: []mesh.Ref{entry.Ref},
					}, true
				}
			}
		}
	}
	return Finding{}, false
}

// excludedRange looks for a federated address in an excluded range.
func (e exclusion) excludedRange() (Finding, bool) {
	for _, excluded := range e.excludedRanges {
		for vip := range e.view.EachVIP(excluded, nil) {
			host, federated := e.federated(vip.Entry, vip.Hosts)
			if federated && slices.ContainsFunc(vip.Entry.Ports, e.openPort) {
				return Finding{
					Field:   annotationField(excludeRangesAnnotation),
					Value:   excluded.String(),
					Message: fmt.Sprintf("%s does not go through the proxy, and %s of federated host %s lies in it", excluded, vip.Addr, pods.Shorten(host)),
					Fix:     "take the range out, or list the ranges around it",
					Related: []mesh.Ref{vip.Entry.Ref},
				}, true
			}
		}
	}
	return Finding{}, false
}

// notIncluded looks for a federated address that no listed range has.
func (e exclusion) notIncluded() (Finding, bool) {
	if e.includesAll {
		return Finding{}, false
	}
	covered := slices.Concat(e.includedRanges, e.excludedRanges) // the latter have a finding of their own
	for _, everything := range []netip.Prefix{netip.PrefixFrom(netip.IPv4Unspecified(), 0), netip.PrefixFrom(netip.IPv6Unspecified(), 0)} {
		for vip := range e.view.EachVIP(everything, covered) {
			host, federated := e.federated(vip.Entry, vip.Hosts)
			lost := func(port uint32) bool { return e.openPort(port) && !e.includesPort(port) }
			if federated && slices.ContainsFunc(vip.Entry.Ports, lost) {
				return Finding{
					Field:   annotationField(includeRangesAnnotation),
					Value:   e.included,
					Message: fmt.Sprintf("only what is listed goes through the proxy, and %s of federated host %s is not", vip.Addr, pods.Shorten(host)),
					Fix:     "add " + e.rangeOf(vip.Addr).String(),
					Related: []mesh.Ref{vip.Entry.Ref},
				}, true
			}
		}
	}
	return Finding{}, false
}

// federated returns the federated host that an address or a port belongs to, when
// the pod's namespace sees the entry.
func (e exclusion) federated(entry *mesh.Entry, hosts []string) (string, bool) {
	if entry.PublicEgress || !entry.VisibleIn(e.namespace) {
		return "", false
	}
	i := slices.IndexFunc(hosts, e.view.Federation().Federated)
	if i < 0 {
		return "", false
	}
	return hosts[i], true
}

// openPort reports whether a port is not excluded by itself.
func (e exclusion) openPort(port uint32) bool { return !slices.Contains(e.excludedPorts, uint16(port)) }

// rangeOf is the range to add for an address.
func (e exclusion) rangeOf(addr netip.Addr) netip.Prefix {
	for _, prefix := range e.view.Federation().Ranges(addr) {
		if prefix.Contains(addr) {
			return prefix
		}
	}
	return netip.PrefixFrom(addr, addr.BitLen())
}
