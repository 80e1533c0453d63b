package fleet

import (
	"slices"

	networking "istio.io/api/networking/v1alpha3"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"fedmesh.io/fedmesh/policies/mesh"
)

// host is a federated host of a ServiceEntry.
type host struct {
	index int    // in spec.hosts
	name  string // canonical
}

// federatedHosts returns the federated hosts of a ServiceEntry, wildcards left out:
// a gateway has no chain for one.
func (c *cluster) federatedHosts(object *mesh.Object) []host {
	return slices.DeleteFunc(hostsOf(object), func(h host) bool { return !c.Federation.Federated(h.name) })
}

// hostsOf returns the hosts of a ServiceEntry, wildcards left out.
func hostsOf(object *mesh.Object) []host {
	var hosts []host
	for i, name := range object.ServiceEntry.GetHosts() {
		if name = mesh.CanonicalHost(name); !mesh.IsWildcard(name) {
			hosts = append(hosts, host{index: i, name: name})
		}
	}
	return hosts
}

// request is what clients of one cluster ask the gateways of another one for: a host,
// through the endpoints of a ServiceEntry.
type request struct {
	from *cluster
	// object is the ServiceEntry, and host one of its hosts.
	object *mesh.Object
	host   host
	// to are the clusters that the gateways may belong to: several when these share an
	// address.
	to []*cluster
}

// requests returns what the clusters ask of each other. It leaves out what goes to a
// gateway of a member whose configuration is not there, or to the cluster's own, and
// hosts for which a DestinationRule sets the SNI: what that asks for is not the host.
func (f *Fleet) requests() []request {
	var requests []request
	for _, from := range f.clusters {
		for _, object := range from.Objects {
			hosts := from.federatedHosts(object)
			if len(hosts) == 0 || object.ServiceEntry.GetLocation() != networking.ServiceEntry_MESH_INTERNAL {
				continue
			}
			targets := f.targets(from, object.ServiceEntry)
			for _, host := range hosts {
				if len(targets) > 0 && from.setsSNI(host.name) {
					continue
				}
				for _, to := range targets {
					requests = append(requests, request{from: from, object: object, host: host, to: to})
				}
			}
		}
	}
	return requests
}

// targets returns the clusters whose gateways the endpoints of an entry are, each set
// once.
func (f *Fleet) targets(from *cluster, entry *networking.ServiceEntry) [][]*cluster {
	var targets [][]*cluster
	for _, endpoint := range entry.GetEndpoints() {
		var to []*cluster
		for _, member := range from.Federation.MembersAt(endpoint.GetAddress()) {
			known := f.byMember[member.Name]
			if known == nil || known == from {
				to = nil
				break
			}
			to = append(to, known)
		}
		if len(to) > 0 && !slices.ContainsFunc(targets, func(other []*cluster) bool { return slices.Equal(other, to) }) {
			targets = append(targets, to)
		}
	}
	return targets
}

// setsSNI reports whether a DestinationRule that is for host, in any namespace, sets
// the SNI somewhere.
func (c *cluster) setsSNI(host string) bool {
	return len(c.rewriters) > 0 &&
		slices.ContainsFunc(c.view().RulesCovering(host), func(rule *mesh.TrafficRule) bool { return c.rewriters[rule.Ref] })
}

func setsSNI(rule *networking.DestinationRule) bool {
	policies := []*networking.TrafficPolicy{rule.GetTrafficPolicy()}
	for _, subset := range rule.GetSubsets() {
		policies = append(policies, subset.GetTrafficPolicy())
	}
	return slices.ContainsFunc(policies, func(policy *networking.TrafficPolicy) bool {
		return policy.GetTls().GetSni() != "" ||
			slices.ContainsFunc(policy.GetPortLevelSettings(), func(setting *networking.TrafficPolicy_PortTrafficPolicy) bool {
				return setting.GetTls().GetSni() != ""
			})
	})
}

// serves returns the ServiceEntries by which the cluster serves a host: those of the
// mesh, other than the ones that send to its own gateway again.
func (c *cluster) serves(host string) []*mesh.Object {
	var serving []*mesh.Object
	for _, object := range c.definers[host] {
		if object.ServiceEntry.GetLocation() == networking.ServiceEntry_MESH_INTERNAL && !c.sendsToItself(object.ServiceEntry) {
			serving = append(serving, object)
		}
	}
	return serving
}

// sendsToItself reports whether all endpoints of an entry are gateways of the cluster
// itself.
func (c *cluster) sendsToItself(entry *networking.ServiceEntry) bool {
	for _, endpoint := range entry.GetEndpoints() {
		own := false
		for _, member := range c.Federation.MembersAt(endpoint.GetAddress()) {
			own = own || member.Name == c.member
		}
		if !own {
			return false
		}
	}
	return len(entry.GetEndpoints()) > 0
}

// hostField is where the host of a request is written.
func (r request) hostField() *field.Path {
	return field.NewPath("spec", "hosts").Index(r.host.index)
}

// members names the clusters that a request goes to.
func (r request) members() string {
	text := r.to[0].member
	for _, other := range r.to[1:] {
		text += " or " + other.member
	}
	return text
}
