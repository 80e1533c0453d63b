package claims

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/types"

	"fedmesh.io/fedmesh/policies/api/v1alpha1"
	"fedmesh.io/fedmesh/policies/mesh"
)

// design is what an object is like, but for what the API server adds. Two designs
// that are equal are of equal objects.
type design struct {
	ref mesh.Ref
	// addresses and hosts are sets of numbers, one bit each.
	addresses, hosts uint8
	exportTo         exportTo
	// selector is true for a Sidecar that is not the default one.
	selector bool
	revision string
	replaces string
}

// exportTo is where a ServiceEntry is seen.
type exportTo uint8

const (
	everywhere exportTo = iota
	ownNamespace
	inNamespaceA
	inNamespaceB
	// inBoth has no level at which a host could be claimed.
	inBoth
)

// exports are the values as a ServiceEntry spells them.
var exports = [...][]string{everywhere: nil, ownNamespace: {"."}, inNamespaceA: {"a"}, inNamespaceB: {"b"}, inBoth: {"a", "b"}}

func addressName(number int) string { return fmt.Sprintf("240.0.0.%d", number+1) }
func hostName(number int) string    { return fmt.Sprintf("host%d.x.global", number) }

// eachOf calls visit with the numbers in a set.
func eachOf(set uint8, visit func(int)) {
	for number := range 8 {
		if set&(1<<number) != 0 {
			visit(number)
		}
	}
}

func namesOf(set uint8, name func(int) string) []string {
	var list []string
	eachOf(set, func(number int) { list = append(list, name(number)) })
	return list
}

// need is a key that an object has to itself, as the tests see it: it is worked out
// here anew, so that a mistake in UsesOf does not hide itself.
type need struct {
	key Key
	// hosts are those with whom a virtual address may be shared.
	hosts string
}

func (d design) needs() []need {
	var needs []need
	if d.ref.Kind == mesh.Sidecar {
		if !d.selector {
			needs = append(needs, need{key: Key{Kind: Sidecar, Name: d.ref.Namespace}})
		}
		return needs
	}
	level := map[exportTo]string{everywhere: "", ownNamespace: d.ref.Namespace, inNamespaceA: "a", inNamespaceB: "b"}
	hosts := namesOf(d.hosts, hostName)
	if exportedTo, ok := level[d.exportTo]; ok {
		for _, host := range hosts {
			needs = append(needs, need{key: Key{Kind: Host, Name: host, ExportTo: exportedTo}})
		}
	}
	for _, address := range namesOf(d.addresses, addressName) {
		needs = append(needs, need{Key{Kind: VIP, Name: address}, strings.Join(hosts, " ")})
	}
	return needs
}

// String is a design as traces have it.
func (d design) String() string {
	text := d.ref.String()
	if d.ref.Kind == mesh.Sidecar {
		text += map[bool]string{true: " with selector", false: " default"}[d.selector]
	} else {
		text += fmt.Sprintf(" addresses %v hosts %v exportTo %v", namesOf(d.addresses, addressName), namesOf(d.hosts, hostName), exports[d.exportTo])
	}
	if d.revision != "" {
		text += " revision " + d.revision
	}
	if d.replaces != "" {
		text += " replaces " + d.replaces
	}
	return text
}

// object is a design as an object of the API server. To decode one takes longer
// than all else in a schedule, so each specification is decoded once.
func (d design) object(uid types.UID, resourceVersion string, created time.Time) *mesh.Object {
	key := d
	key.ref, key.revision, key.replaces = mesh.Ref{Kind: d.ref.Kind}, "", ""
	known, ok := decodedDesigns.Load(key)
	if !ok {
		known, _ = decodedDesigns.LoadOrStore(key, key.decode())
	}
	object := *known.(*mesh.Object)
	object.Ref, object.Revision, object.Replaces = d.ref, d.revision, d.replaces
	object.UID, object.ResourceVersion, object.Created = uid, resourceVersion, created
	return &object
}

var decodedDesigns sync.Map // by design, without what is in the metadata

func (d design) decode() *mesh.Object {
	spec := map[string]any{}
	if d.ref.Kind == mesh.ServiceEntry {
		spec["location"], spec["resolution"] = "MESH_INTERNAL", "DNS"
		spec["ports"] = []any{map[string]any{"number": 80, "name": "http", "protocol": "HTTP"}}
		spec["hosts"], spec["addresses"] = namesOf(d.hosts, hostName), namesOf(d.addresses, addressName)
		if list := exports[d.exportTo]; list != nil {
			spec["exportTo"] = list
		}
	} else if d.selector {
		spec["workloadSelector"] = map[string]any{"labels": map[string]string{"app": "one"}}
	}
	text, err := json.Marshal(spec)
	if err != nil {
		panic(err)
	}
	object, err := mesh.DecodeParts(d.ref.Kind, mesh.Parts{Spec: text})
	if err != nil {
		panic(err)
	}
	return object
}

// everythingFederated is the configuration in which everything here is federated.
var everythingFederated = sync.OnceValue(func() *mesh.Federation {
	compiled, errs := mesh.Compile(v1alpha1.FederationSpec{
		LocalMember: "one",
		Members:     []v1alpha1.Member{{Name: "one", TrustDomain: "one.example"}},
	})
	if len(errs) > 0 {
		panic(errs.ToAggregate())
	}
	return compiled
})

// compatible reports whether two stored objects may both have a key.
func compatible(key Key, a, b *version) bool {
	return together(key, a, b) || key.Kind != VIP && (replaces(a.design, b.design) || replaces(b.design, a.design))
}

// together reports whether two stored objects may both have a key for ever.
func together(key Key, a, b *version) bool {
	if a.design.revision != "" && b.design.revision != "" && a.design.revision != b.design.revision {
		return true
	}
	return key.Kind == VIP && a.hostsFor(key) == b.hostsFor(key)
}

// replaces reports whether a says that it takes over from b.
func replaces(a, b design) bool {
	return a.replaces == b.ref.Name && a.ref.Kind == b.ref.Kind && a.ref.Namespace == b.ref.Namespace
}

// has reports whether an entry of the claim to a need's key is that of a version.
func (n need) has(entry *Entry, v *version) bool {
	return entry.UID == v.uid && entry.Ref == v.design.ref && strings.Join(entry.Hosts, " ") == n.hosts
}

func (v *version) need(key Key) (need, bool) {
	i := slices.IndexFunc(v.needs, func(n need) bool { return n.key == key })
	if i < 0 {
		return need{}, false
	}
	return v.needs[i], true
}

func (v *version) hostsFor(key Key) string {
	n, _ := v.need(key)
	return n.hosts
}
