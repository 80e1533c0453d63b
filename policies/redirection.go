package policies

import (
	"net/netip"
	"strconv"
	"strings"

	"fedmesh.io/fedmesh/policies/pods"
)

// The annotations that say which connections of a pod go through its proxy (istio
// cni/pkg/plugin/sidecar_redirect.go, and files/injection-template.yaml, which with
// the CNI plugin writes what holds for the mesh into pods that say nothing).
const (
	excludePortsAnnotation     = "traffic.sidecar.istio.io/excludeOutboundPorts"
	excludeRangesAnnotation    = "traffic.sidecar.istio.io/excludeOutboundIPRanges"
	includeRangesAnnotation    = "traffic.sidecar.istio.io/includeOutboundIPRanges"
	includePortsAnnotation     = "traffic.sidecar.istio.io/includeOutboundPorts"
	interceptionModeAnnotation = "sidecar.istio.io/interceptionMode"
)

// redirection is what the annotations of a pod say. What Istio refuses in them says
// nothing (pkg/kube/inject/validate.go).
type redirection struct {
	excludedPorts  []uint16
	excludedRanges []netip.Prefix

	// includesAll says that every address is redirected: that is so by "*", and
	// without the annotation nothing else is known.
	includesAll    bool
	included       string // as it was written
	includedRanges []netip.Prefix
	includedPorts  []portRange
}

// portRange is one port or several, as iptables has them.
type portRange struct{ first, last uint64 }

func readRedirection(pod *pods.Pod) redirection {
	read := redirection{includesAll: true}
	text, _ := pod.Annotations.Lookup(excludePortsAnnotation)
	read.excludedPorts, _ = parsePorts(text)
	text, _ = pod.Annotations.Lookup(excludeRangesAnnotation)
	read.excludedRanges, _ = parsePrefixes(text)
	if text, given := pod.Annotations.Lookup(includeRangesAnnotation); given && text != "*" {
		if ranges, ok := parsePrefixes(text); ok {
			read.includesAll, read.included, read.includedRanges = false, text, ranges
		}
	}
	text, _ = pod.Annotations.Lookup(includePortsAnnotation)
	for item := range strings.SplitSeq(text, ",") {
		read.includedPorts = append(read.includedPorts, parsePortRange(strings.TrimSpace(item))...)
	}
	return read
}

// includesPort reports whether a port is redirected whatever the address.
func (r redirection) includesPort(port uint32) bool {
	for _, included := range r.includedPorts {
		if included.first <= uint64(port) && uint64(port) <= included.last {
			return true
		}
	}
	return false
}

// parsePorts reads a list of ports, all of it or nothing.
func parsePorts(text string) (ports []uint16, ok bool) {
	if strings.TrimSpace(text) == "" {
		return nil, true
	}
	for item := range strings.SplitSeq(text, ",") {
		port, err := strconv.ParseUint(strings.TrimSpace(item), 10, 16)
		if err != nil {
			return nil, false
		}
		ports = append(ports, uint16(port))
	}
	return ports, true
}

// parsePortRange reads an item of includeOutboundPorts, which the injector does not
// check. Of what is no port nobody knows what it redirects: it counts for all.
func parsePortRange(item string) []portRange {
	if item == "" {
		return nil
	}
	first, last, several := strings.Cut(item, ":")
	if !several {
		last = first
	}
	from, errFrom := strconv.ParseUint(first, 10, 16)
	to, errTo := strconv.ParseUint(last, 10, 16)
	if errFrom != nil || errTo != nil {
		return []portRange{{0, 1<<16 - 1}}
	}
	return []portRange{{from, to}}
}

// parsePrefixes reads a list of ranges, all of it or nothing.
func parsePrefixes(text string) (prefixes []netip.Prefix, ok bool) {
	if text == "" {
		return nil, true
	}
	for item := range strings.SplitSeq(text, ",") {
		prefix, err := netip.ParsePrefix(item)
		if err != nil {
			return nil, false
		}
		prefixes = append(prefixes, prefix)
	}
	return prefixes, true
}
