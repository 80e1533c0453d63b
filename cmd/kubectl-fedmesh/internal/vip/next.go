package vip

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"fedmesh.io/fedmesh/policies"
	"fedmesh.io/fedmesh/policies/mesh"
)

// Request is what an address is asked for.
type Request struct {
	// Host that is to have it; none for the first free addresses in order.
	Host string
	// IPv6 asks for addresses of IPv6.
	IPv6 bool
	// Count is how many addresses are wanted, the best first.
	Count int
}

// Answer is what addresses there are.
type Answer struct {
	Addresses []netip.Addr
	// Has says that these are what the host has already, in Owner.
	Has   bool
	Owner mesh.Ref
	// Unfit are the findings on addresses that the host has and should not.
	Unfit []policies.Finding
}

// ErrNoFederation says that there are no ranges to take addresses from.
var ErrNoFederation = errors.New("there is no Federation among the objects, whose vips.cidrs addresses are taken from: name its file too")

// Next returns an address that the host could have, or the one that it has. It
// returns fewer addresses than are wanted where there are no more, and an error
// where there are none.
func (c *Cluster) Next(request Request) (Answer, error) {
	if !c.Federation.Declared {
		return Answer{}, ErrNoFederation
	}
	host := mesh.CanonicalHost(request.Host)
	if host != "" && (mesh.IsWildcard(host) || !c.Federation.Federated(host)) {
		return Answer{}, fmt.Errorf("%s is no federated host: want a name under %s",
			request.Host, strings.Join(c.Federation.Spec.Hosts.Suffixes, ", "))
	}
	var answer Answer
	if host != "" {
		if answer = c.present(host, request.IPv6); answer.Has {
			return answer, nil
		}
	}
	family, name := netip.IPv4Unspecified(), "IPv4"
	if request.IPv6 {
		family, name = netip.IPv6Unspecified(), "IPv6"
	}
	ranges := c.Federation.Ranges(family)
	if len(ranges) == 0 {
		return Answer{}, fmt.Errorf("vips.cidrs of the Federation has no range of %s", name)
	}
	// On behalf of an entry that is yet to be written.
	view := mesh.NewView(c.Index, c.Federation, &mesh.Object{Ref: mesh.Ref{Kind: mesh.ServiceEntry}})
	answer.Addresses = view.Propose(host, ranges, request.Count)
	if len(answer.Addresses) == 0 {
		return answer, fmt.Errorf("no address of vips.cidrs is free: %s: all are taken, reserved or of no use; add a range", join(ranges))
	}
	return answer, nil
}

// present returns the addresses of a family that entries declare for host and that
// no rule finds fault with. One that Istio allocated is none to write down: it can
// move.
func (c *Cluster) present(host string, ipv6 bool) Answer {
	var answer Answer
	for _, object := range c.Objects {
		if object.Kind != mesh.ServiceEntry || !slices.ContainsFunc(object.ServiceEntry.GetHosts(), func(text string) bool {
			return mesh.CanonicalHost(text) == host
		}) {
			continue
		}
		findings := check(c.Configuration, object.Object, unusable, misplace, conflict)
		for _, text := range object.ServiceEntry.GetAddresses() {
			address, ok := mesh.ParseAddress(text)
			if !ok || address.Addr.Is6() != ipv6 || slices.Contains(answer.Addresses, address.Addr) {
				continue
			}
			fault := slices.IndexFunc(findings, func(f policies.Finding) bool { return f.Value == address.String() })
			if fault >= 0 {
				answer.Unfit = append(answer.Unfit, findings[fault])
				continue
			}
			if !answer.Has {
				answer.Has, answer.Owner = true, object.Ref
			}
			answer.Addresses = append(answer.Addresses, address.Addr)
		}
	}
	return answer
}

func join(ranges []netip.Prefix) string {
	texts := make([]string, 0, len(ranges))
	for _, prefix := range ranges {
		texts = append(texts, prefix.String())
	}
	return strings.Join(texts, ", ")
}
