package policies

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"testing"

	"fedmesh.io/fedmesh/policies/mesh"
	"fedmesh.io/fedmesh/policies/pods"
)

// redirected follows a connection through the rules that Istio makes of the
// annotations, in their order (tools/istio-iptables/pkg/capture/run.go, Run): port
// exclusions, excluded ranges, included ports, included ranges, and past the proxy
// in the end.
func redirected(t *testing.T, annotations map[string]string, addr netip.Addr, port int) bool {
	t.Helper()
	split := func(key string) []string {
		if annotations[key] == "" {
			return nil
		}
		return strings.Split(annotations[key], ",")
	}
	lists := func(key string) bool { return slices.Contains(split(key), strconv.Itoa(port)) }
	holds := func(key string) bool {
		return slices.ContainsFunc(split(key), func(text string) bool { return netip.MustParsePrefix(text).Contains(addr) })
	}
	included, given := annotations[includeRangesAnnotation]
	switch {
	case lists(excludePortsAnnotation):
		return false
	case holds(excludeRangesAnnotation):
		return false
	case lists(includePortsAnnotation):
		return true
	case !given || included == "*":
		return true
	}
	return holds(includeRangesAnnotation)
}

// TestRedirection: there is a finding exactly when some connection to a federated
// address does not reach the proxy.
func TestRedirection(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 4))
	pick := func(items []string, most int) string {
		var picked []string
		for range random.IntN(most + 1) {
			picked = append(picked, items[random.IntN(len(items))])
		}
		return strings.Join(picked, ",")
	}
	ports := []string{"80", "443", "8000"}
	ranges := []string{"10.0.0.0/8", "240.0.0.0/4", "240.0.0.0/24", "240.0.0.2/32", "240.1.0.0/16", "fd00::/8", "0.0.0.0/0"}
	addresses := []string{"240.0.0.1", "240.0.0.2", "240.1.2.3", "fd00::1"}
	reached := map[bool]int{}
	for range 3_000 {
		annotations := map[string]string{"sidecar.istio.io/status": "{}"}
		for key, value := range map[string]string{
			excludePortsAnnotation: pick(ports, 2), excludeRangesAnnotation: pick(ranges, 1),
			includePortsAnnotation: pick(ports, 2), includeRangesAnnotation: pick(ranges, 3),
		} {
			if random.IntN(2) == 0 {
				annotations[key] = value
			}
		}
		index := mesh.NewIndex()
		index.Put(mesh.NewRecord(decodeYAML(t, "apiVersion: v1\nkind: Namespace\nmetadata: {name: foo, labels: {fedmesh.io/federation: enabled}}\n")))
		lost := false
		for i := range 1 + random.IntN(2) {
			address, port := addresses[random.IntN(len(addresses))], ports[random.IntN(len(ports))]
			index.Put(mesh.NewRecord(decodeYAML(t, otherEntry(fmt.Sprintf("e%d", i), fmt.Sprintf("hosts: [h%d.bar.global], addresses: [%q], location: MESH_INTERNAL, ports: [{number: %s}]", i, address, port)))))
			number, _ := strconv.Atoi(port)
			lost = lost || !redirected(t, annotations, netip.MustParseAddr(address), number)
		}
		var lines []string
		for key, value := range annotations {
			lines = append(lines, fmt.Sprintf("%q: %q", key, value))
		}
		slices.Sort(lines)
		object := decodeYAML(t, "apiVersion: v1\nkind: Pod\nmetadata: {name: web, namespace: foo, annotations: {"+strings.Join(lines, ", ")+"}}\n"+
			"spec: {containers: [{name: istio-proxy, image: x}]}\n")
		findings := checkCaptureExclusion(Review{Object: object}, mesh.NewView(index, usualFederation(), object))
		if got := len(findings) > 0; got != lost {
			t.Fatalf("annotations %q: got findings %v; want any: %t", lines, findings, lost)
		}
		reached[lost]++
	}
	if reached[true] < 300 || reached[false] < 300 {
		t.Errorf("%d pods lose a connection, %d do not; want enough of both", reached[true], reached[false])
	}
}

func decodeYAML(t *testing.T, document string) *mesh.Object {
	t.Helper()
	object, _, err := parseDocument([]byte(document))
	if err != nil {
		t.Fatal(err)
	}
	return object
}

func TestReadRedirection(t *testing.T) {
	for name, test := range map[string]struct {
		annotations string
		want        string
	}{
		"nothing":            {``, `ports [] ranges [] all true included [] ports []`},
		"spaces":             {`"` + excludePortsAnnotation + `":" 80, 443 "`, `ports [80 443] ranges [] all true included [] ports []`},
		"one that is none":   {`"` + excludePortsAnnotation + `":"80,http"`, `ports [] ranges [] all true included [] ports []`},
		"too large":          {`"` + excludePortsAnnotation + `":"65536"`, `ports [] ranges [] all true included [] ports []`},
		"every port":         {`"` + excludePortsAnnotation + `":"*"`, `ports [] ranges [] all true included [] ports []`},
		"no range":           {`"` + excludeRangesAnnotation + `":"10.0.0.1"`, `ports [] ranges [] all true included [] ports []`},
		"every address":      {`"` + includeRangesAnnotation + `":"*"`, `ports [] ranges [] all true included [] ports []`},
		"no address":         {`"` + includeRangesAnnotation + `":""`, `ports [] ranges [] all false included [] ports []`},
		"null":               {`"` + includeRangesAnnotation + `":null`, `ports [] ranges [] all false included [] ports []`},
		"range with a space": {`"` + includeRangesAnnotation + `":"10.0.0.0/8, 240.0.0.0/4"`, `ports [] ranges [] all true included [] ports []`},
		"ranges":             {`"` + includeRangesAnnotation + `":"10.0.0.0/8,fd00::/8"`, `ports [] ranges [] all false included [10.0.0.0/8 fd00::/8] ports []`},
		"more ports":         {`"` + includePortsAnnotation + `":"80, 90:99,,x"`, `ports [] ranges [] all true included [] ports [{80 80} {90 99} {0 65535}]`},
	} {
		t.Run(name, func(t *testing.T) {
			pod, err := pods.Decode([]byte(`{"metadata":{"annotations":{` + test.annotations + `}},"spec":{}}`))
			if err != nil {
				t.Fatal(err)
			}
			read := readRedirection(pod)
			got := fmt.Sprintf("ports %v ranges %v all %t included %v ports %v", read.excludedPorts, read.excludedRanges, read.includesAll, read.includedRanges, read.includedPorts)
			if got != test.want {
				t.Errorf("got %s; want %s", got, test.want)
			}
		})
	}
}
