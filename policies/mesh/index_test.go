package mesh

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"reflect"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// variants are objects of every kind that the Index keeps something of, each in
// several forms that replace one another.
var variants = map[Kind][]string{
	ServiceEntry: {
		`{spec: {hosts: [a.bar.global], addresses: [240.0.0.1]}}`,
		`{spec: {hosts: [a.bar.global, A.bar.global., b.bar.global], addresses: [240.0.0.1, 240.0.0.2/32, "::ffff:240.0.0.2"], exportTo: ["."]}}`,
		`{spec: {hosts: [b.bar.global]}, status: {addresses: [{value: 240.0.0.3, host: b.bar.global}, {value: "2001:2::3", host: b.bar.global}, {value: 240.0.0.3}]}}`,
		`{spec: {hosts: ["*.bar.global"], addresses: [240.0.0.0/20, x]}}`,
		`{spec: {hosts: [a.bar.global], workloadSelector: {labels: {app: a}}, ports: [{number: 80, targetPort: 8080}]}}`,
		`{spec: {hosts: [b.bar.global], workloadSelector: {labels: {}}, endpoints: [{locality: a}, {locality: b}]}}`,
		`{}`,
	},
	Service: {
		`{spec: {clusterIPs: [240.0.0.1]}}`,
		`{spec: {clusterIPs: [240.0.0.2, 240.0.0.2, "2001:2::3"]}}`,
		`{spec: {clusterIPs: [None]}}`,
		`{}`,
	},
	IPAddress: {
		`{spec: {parentRef: {group: gateway.networking.k8s.io, resource: gateways, name: x}}}`,
		`{spec: {parentRef: {resource: services, name: x}}}`,
		`{metadata: {labels: {ipaddress.kubernetes.io/managed-by: fedmesh.io}}}`,
	},
	Sidecar: {
		`{}`,
		`{spec: {workloadSelector: {labels: {app: a}}}}`,
	},
	ServiceCIDR: {
		`{spec: {cidrs: [240.0.0.0/24]}}`,
		`{spec: {cidrs: [240.0.0.0/28, "2001:2::/64"]}}`,
		`{spec: {cidrs: [x]}}`,
		`{}`,
	},
	Namespace: {
		`{metadata: {labels: {tier: legacy, fedmesh.io/federation: enabled}}}`,
		`{status: {phase: Terminating}}`,
		`{}`,
	},
	DestinationRule: {
		`{spec: {host: a.bar.global, trafficPolicy: {tls: {mode: ISTIO_MUTUAL}}}}`,
		`{spec: {host: "*.bar.global", exportTo: ["."]}}`,
		`{spec: {host: "*", subsets: [{name: v1}], workloadSelector: {}}}`,
		`{}`,
	},
	Gateway: {
		`{spec: {servers: [{hosts: [a], tls: {mode: AUTO_PASSTHROUGH}}]}}`,
		`{}`,
	},
	VirtualService: {
		`{spec: {hosts: [a], http: [{route: [{destination: {host: A.bar.global}}], mirror: {host: b.bar.global}}], exportTo: [bar]}}`,
		`{}`,
	},
	AuthorizationPolicy: {
		`{spec: {rules: [{from: [{source: {principals: [b, a, b]}}]}, {}], selector: {matchLabels: {app: a}}}}`,
		`{spec: {action: DENY, targetRef: {kind: Gateway, group: gateway.networking.k8s.io, name: a}}}`,
		`{}`,
	},
	WorkloadEntry: {
		`{spec: {address: 10.0.0.1}}`,
		`{spec: {address: "::ffff:10.0.0.1"}}`,
		`{spec: {address: VM.example.com.}}`,
		`{}`,
	},
	Certificate: {
		`{spec: {secretName: cacerts}}`,
		`{spec: {secretName: other}}`,
	},
	CertificateRequest: {`{}`},
	FederationExemption: {
		`{spec: {rules: [FED105], targets: [{kind: ServiceEntry, name: "a*"}], expiresAt: "2026-01-02T00:00:00Z"}}`,
		`{spec: {rules: [FED105, FED106], targets: [{kind: ServiceEntry, name: "*"}], expiresAt: "2026-01-01T00:00:00Z"}}`,
		`{}`,
	},
	EnvoyFilter: {`{}`},

	FederationKind:              {`{}`},
	ConfigMap:                   {`{}`},
	IstioOperator:               {`{}`},
	ClusterFederatedTrustDomain: {`{}`},
	ClusterSPIFFEID:             {`{}`},
	PeerAuthentication:          {`{}`},
	Pod:                         {`{}`},
}

// randomObject is one of the variants under one of a few names.
func randomObject(t *testing.T, random *rand.Rand) *Object {
	t.Helper()
	kind := Kind(1 + random.IntN(int(kindCount)-1))
	texts := variants[kind]
	object := decode(t, kind, texts[random.IntN(len(texts))])
	object.Name = []string{"a", "b", "c"}[random.IntN(3)]
	if kind == IPAddress {
		object.Name = []string{"240.0.0.1", "240.0.0.2"}[random.IntN(2)]
	}
	if kind.Namespaced() {
		object.Namespace = []string{"foo", "bar"}[random.IntN(2)]
	}
	return object
}

// answers is all that can be asked about what variants speak of.
func answers(t *testing.T, index *Index) map[string]any {
	t.Helper()
	view := NewView(index, Undeclared(), decode(t, ServiceEntry, `{metadata: {name: asker}}`))
	all := map[string]any{}
	for _, text := range []string{"240.0.0.0", "240.0.0.1", "240.0.0.2", "240.0.0.3", "2001:2::3"} {
		addr := netip.MustParseAddr(text)
		prefix, _ := view.ServiceRange(addr)
		all["range of "+text] = prefix.String()
		for _, holder := range view.HoldersOf(addr) {
			all["holders of "+text] = fmt.Sprint(all["holders of "+text], *holder)
		}
	}
	for _, host := range []string{"a.bar.global", "b.bar.global", "*.bar.global", "*"} {
		for _, entry := range view.EntriesOf(host) {
			all["entries of "+host] = fmt.Sprint(all["entries of "+host], *entry)
		}
		for _, entry := range view.DefinersOf(host) {
			all["definers of "+host] = fmt.Sprint(all["definers of "+host], *entry)
		}
	}
	for _, namespace := range []string{"foo", "bar", "a", "b", "c"} {
		for _, scope := range view.Sidecars(namespace) {
			all["sidecars of "+namespace] = fmt.Sprint(all["sidecars of "+namespace], *scope)
		}
		all["labels of "+namespace] = view.NamespaceLabels(namespace).String()
		all["is "+namespace] = []bool{view.HasNamespace(namespace), view.Terminating(namespace)}
	}
	alsoAnswers(view, all)
	all["some"] = []bool{view.HasServices(), view.HasNamespaces()}
	for _, exemption := range index.AllExemptions() {
		all["exemptions"] = fmt.Sprint(all["exemptions"], *exemption)
	}
	exemptions := index.ExemptionsAt(time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC))
	if exemption, holds := exemptions.From("FED105", Ref{Kind: ServiceEntry, Namespace: "foo", Name: "a"}); exemption != nil {
		all["exemption"] = fmt.Sprint(exemption.Ref, holds)
	}
	all["legacy"] = index.NamespacesWith("tier", "legacy")
	all["opted in"] = view.OptedInNamespaces()
	return all
}

// alsoAnswers adds what an Index that lags behind answers from live objects, too.
func alsoAnswers(view *View, all map[string]any) {
	for _, namespace := range []string{"foo", "bar"} {
		for _, entry := range view.SelectingEntries(namespace) {
			all["selecting of "+namespace] = fmt.Sprint(all["selecting of "+namespace], entry.Ref, *entry.Entry, entry.Selector, entry.TargetPorts)
		}
		for _, routes := range view.RoutesIn(namespace) {
			all["routes of "+namespace] = fmt.Sprint(all["routes of "+namespace], *routes)
		}
		for _, rule := range view.RulesIn(namespace) {
			all["rules of "+namespace] = fmt.Sprint(all["rules of "+namespace], *rule)
		}
		for _, policy := range view.AccessPolicies(namespace) {
			all["policies of "+namespace] = fmt.Sprint(all["policies of "+namespace], *policy)
		}
		count := 0
		for range view.EachEntryIn(namespace) {
			count++
		}
		all["entries in "+namespace] = count
		all["authorities of "+namespace] = fmt.Sprint(view.Authorities(namespace))
		all["has service a in "+namespace] = view.HasService(namespace, "a")
	}
	for _, host := range []string{"a.bar.global", "b.bar.global", "x.global", "*.bar.global", "*"} {
		for _, rule := range view.RulesUnder(host) {
			all["rules under "+host] = fmt.Sprint(all["rules under "+host], *rule)
		}
		for _, rule := range view.RulesCovering(host) {
			all["rules covering "+host] = fmt.Sprint(all["rules covering "+host], rule.Ref)
		}
		count := 0
		for range view.EachRule(host) {
			count++
		}
		all["each rule under "+host] = count
		for _, entry := range view.EntriesCovering(host) {
			all["entries covering "+host] = fmt.Sprint(all["entries covering "+host], entry.Ref)
		}
		if rule := view.RuleFor(host, "foo", "bar"); rule != nil {
			all["rule for "+host] = rule.Ref.String()
		}
	}
	for _, entry := range view.AllSelectingEntries() {
		all["selecting"] = fmt.Sprint(all["selecting"], entry.Ref)
	}
	all["workloads"] = []bool{view.HasWorkloadAt("10.0.0.1"), view.HasWorkloadAt("vm.example.com")}
	all["gateways"] = fmt.Sprint(view.PassthroughNamespaces())
}

// TestIndexFollows: after any number of changes the Index answers like one that
// was never told anything but how things are now.
func TestIndexFollows(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	index := NewIndex()
	current := map[Ref]*Object{}
	for step := range 3_000 {
		object := randomObject(t, random)
		if random.IntN(3) == 0 {
			index.Delete(object.Ref)
			delete(current, object.Ref)
		} else {
			index.Put(NewRecord(object))
			current[object.Ref] = object
		}
		if step%10 != 0 {
			continue
		}
		fresh := NewIndex()
		for _, object := range current {
			fresh.Put(NewRecord(object))
		}
		if diff := cmp.Diff(answers(t, fresh), answers(t, index)); diff != "" {
			t.Fatalf("after %d changes answers differ (-fresh +changed):\n%s", step, diff)
		}
	}
	for ref := range current {
		index.Delete(ref)
		index.Delete(ref) // not there any more
	}
	left := map[string]int{
		"entries": index.entries.Len(), "automatic": len(index.automatic), "services": len(index.services), "ips": len(index.ips),
		"sidecars": len(index.sidecars), "namespaces": len(index.namespaces), "cidrs": len(index.cidrs),
		"byHost": index.byHost.tree.Len(), "byAddress.first": len(index.byAddress.first), "byAddress.rest": len(index.byAddress.rest),
		"blocks": index.blocks.tree.Len(), "ports": len(index.ports),
		"selecting": len(index.selecting), "rules": len(index.rules), "byRuleHost": index.byRuleHost.tree.Len(),
		"routes": len(index.routes), "accessPolicies": len(index.accessPolicies), "passthroughs": len(index.passthroughs),
		"authorities": len(index.authorities), "exemptions": len(index.exemptions), "workloads": len(index.workloads),
		"byWorkloadAddress.first": len(index.byWorkloadAddress.first), "byWorkloadAddress.rest": len(index.byWorkloadAddress.rest),
	}
	for part, count := range left {
		if count != 0 {
			t.Errorf("%s holds %d; want nothing once all is deleted", part, count)
		}
	}
}

// keeps reports whether the Index has anything to keep of a record.
func keeps(record Record) bool {
	switch record.Ref.Kind {
	case IPAddress:
		return record.held.holder != nil
	case Gateway:
		return record.passthrough != nil
	case Certificate:
		return record.authority != nil
	case Pod, EnvoyFilter, PeerAuthentication, CertificateRequest:
		return false
	}
	return !record.Ref.Kind.Whole()
}

// TestIndexTells: Put and Delete return what was put before, and the snapshots
// have what is there, in order.
func TestIndexTells(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 4))
	index := NewIndex()
	current := map[Ref]Record{}
	for step := range 2_000 {
		record := NewRecord(randomObject(t, random))
		want, action := current[record.Ref], "Put"
		var got Record
		if random.IntN(3) == 0 {
			action = "Delete"
			got = index.Delete(record.Ref)
			delete(current, record.Ref)
		} else {
			got = index.Put(record)
			delete(current, record.Ref)
			if keeps(record) {
				current[record.Ref] = record
			}
		}
		if diff := cmp.Diff(want, got, cmp.Exporter(func(reflect.Type) bool { return true }), cmp.Comparer(func(a, b netip.Addr) bool { return a == b }), cmp.Comparer(func(a, b netip.Prefix) bool { return a == b })); diff != "" {
			t.Fatalf("step %d: %s(%s) returns something else than what was put before (-want +got):\n%s", step, action, record.Ref, diff)
		}
		if diff := cmp.Diff(wantSnapshots(current), gotSnapshots(index)); diff != "" {
			t.Fatalf("step %d: entries and default Sidecars differ (-want +got):\n%s", step, diff)
		}
	}
}

// wantSnapshots names the ServiceEntries and default Sidecars among records.
func wantSnapshots(records map[Ref]Record) []Ref {
	var refs []Ref
	for ref, record := range records {
		if record.Entry() != nil || record.Sidecar() != nil && record.Sidecar().Default {
			refs = append(refs, ref)
		}
	}
	slices.SortFunc(refs, Ref.Compare) // by kind first: entries, then Sidecars
	return refs
}

// gotSnapshots names what the snapshots of index have, in their order.
func gotSnapshots(index *Index) []Ref {
	var refs []Ref
	for _, entry := range index.Entries() {
		refs = append(refs, entry.Ref)
	}
	for _, scope := range index.DefaultSidecars() {
		refs = append(refs, scope.Ref)
	}
	return refs
}

// TestRecord: a Record has what its kind has and nothing else.
func TestRecord(t *testing.T) {
	if record := (Record{}); record.Entry() != nil || record.Sidecar() != nil {
		t.Errorf("the zero Record has %v and %v; want nothing", record.Entry(), record.Sidecar())
	}
	for kind := Kind(1); kind < kindCount; kind++ {
		record := NewRecord(decode(t, kind, `{metadata: {name: a, namespace: foo}}`))
		if got, want := record.Entry() != nil, kind == ServiceEntry; got != want {
			t.Errorf("%s: Entry() is there: %t; want %t", kind, got, want)
		}
		if got, want := record.Sidecar() != nil, kind == Sidecar; got != want {
			t.Errorf("%s: Sidecar() is there: %t; want %t", kind, got, want)
		}
	}
}

// TestAutomaticAddresses: one that is declared as well is held once, and one for
// a host belongs to that host alone.
func TestAutomaticAddresses(t *testing.T) {
	index := NewIndex()
	index.Put(NewRecord(decode(t, ServiceEntry, `
metadata: {name: a, namespace: foo}
spec: {hosts: [a.bar.global, b.bar.global], addresses: [240.0.0.1]}
status: {addresses: [{value: 240.0.0.1, host: a.bar.global}, {value: 240.240.0.1, host: B.bar.global}, {value: 240.240.0.2}, {value: x}]}
`)))
	view := NewView(index, Undeclared(), decode(t, ServiceEntry, `{metadata: {name: x}}`))
	for addr, want := range map[string][]string{
		"240.0.0.1": {"a.bar.global", "b.bar.global"}, "240.240.0.1": {"b.bar.global"}, "240.240.0.2": {"a.bar.global", "b.bar.global"},
	} {
		holders := view.HoldersOf(netip.MustParseAddr(addr))
		if len(holders) != 1 || !slices.Equal(holders[0].Hosts, want) {
			t.Errorf("%s is held by %+v; want one holder, for %v", addr, holders, want)
		}
	}
}

// TestHoldersBesideEntries: a Service holds each of its addresses once; an
// IPAddress holds its own unless it stands for what the Index knows by itself.
func TestHoldersBesideEntries(t *testing.T) {
	for text, test := range map[string]struct {
		kind Kind
		want int
	}{
		`{spec: {clusterIPs: [240.0.0.1]}}`:                                                                                      {Service, 1},
		`{spec: {clusterIPs: [240.0.0.1, 240.0.0.1, "::ffff:240.0.0.1"]}}`:                                                       {Service, 1},
		`{spec: {clusterIPs: [None, ""]}}`:                                                                                       {Service, 0},
		`{metadata: {name: 240.0.0.1}, spec: {parentRef: {group: gateway.networking.k8s.io, resource: gateways}}}`:               {IPAddress, 1},
		`{metadata: {name: 240.0.0.1}, spec: {parentRef: {group: example.com, resource: services}}}`:                             {IPAddress, 1},
		`{metadata: {name: 240.0.0.1}, spec: {parentRef: {group: "", resource: services}}}`:                                      {IPAddress, 0},
		`{metadata: {name: 240.0.0.1, labels: {ipaddress.kubernetes.io/managed-by: fedmesh.io}}}`:                                {IPAddress, 0},
		`{metadata: {name: 240.0.0.1, labels: {ipaddress.kubernetes.io/managed-by: ipallocator.k8s.io}}, spec: {parentRef: {}}}`: {IPAddress, 1},
	} {
		index := NewIndex()
		index.Put(NewRecord(decode(t, test.kind, text)))
		view := NewView(index, Undeclared(), decode(t, ServiceEntry, `{metadata: {name: x}}`))
		if got := view.HoldersOf(netip.MustParseAddr("240.0.0.1")); len(got) != test.want {
			t.Errorf("%s holds the address %d times; want %d", text, len(got), test.want)
		}
	}
}

func TestViewHidesSelf(t *testing.T) {
	index := NewIndex()
	self := decode(t, ServiceEntry, `{metadata: {name: a, namespace: foo}, spec: {hosts: [a.bar.global], addresses: [240.0.0.1]}, status: {addresses: [{value: 240.240.0.1}]}}`)
	index.Put(NewRecord(self))
	sidecar := decode(t, Sidecar, `{metadata: {name: a, namespace: foo}}`)
	index.Put(NewRecord(sidecar))
	for _, asker := range []struct {
		object *Object
		want   int
	}{
		{self, 0},
		{decode(t, ServiceEntry, `{metadata: {name: a, namespace: bar}}`), 1},
		{decode(t, ServiceEntry, `{metadata: {name: b, namespace: foo}}`), 1},
		{sidecar, 1}, // has the name of an entry, but is another kind
	} {
		view := NewView(index, Undeclared(), asker.object)
		for question, got := range map[string]int{
			"declared":  len(view.HoldersOf(netip.MustParseAddr("240.0.0.1"))),
			"automatic": len(view.HoldersOf(netip.MustParseAddr("240.240.0.1"))),
			"covered":   len(view.EntriesOf("*.global")),
			"defined":   len(view.DefinersOf("a.bar.global")),
		} {
			if got != asker.want {
				t.Errorf("%s asked for %s: got %d answers; want %d", asker.object.Ref, question, got, asker.want)
			}
		}
	}
	if got := NewView(index, Undeclared(), sidecar).Sidecars("foo"); len(got) != 0 {
		t.Errorf("a Sidecar is shown itself: %v", got)
	}
}

// TestViewRevisions: entries and Sidecars of another revision are never shown;
// those without one, Services and IPAddresses belong to all.
func TestViewRevisions(t *testing.T) {
	index := NewIndex()
	for kind, texts := range map[Kind][]string{
		ServiceEntry: {
			`{metadata: {name: default, namespace: foo}, spec: {hosts: [a.bar.global], addresses: [240.0.0.1]}}`,
			`{metadata: {name: named, namespace: foo, labels: {istio.io/rev: default}}, spec: {hosts: [a.bar.global], addresses: [240.0.0.1]}}`,
			`{metadata: {name: canary, namespace: foo, labels: {istio.io/rev: canary}}, spec: {hosts: [a.bar.global], addresses: [240.0.0.1]}}`,
		},
		Sidecar: {
			`{metadata: {name: default, namespace: foo}}`,
			`{metadata: {name: canary, namespace: foo, labels: {istio.io/rev: canary}}}`,
		},
		Service:   {`{metadata: {name: s, namespace: foo, labels: {istio.io/rev: other}}, spec: {clusterIPs: [240.0.0.1]}}`},
		IPAddress: {`{metadata: {name: 240.0.0.1, labels: {istio.io/rev: other}}}`},
	} {
		for _, text := range texts {
			index.Put(NewRecord(decode(t, kind, text)))
		}
	}
	for revision, want := range map[string][3]int{ // holders, entries, Sidecars
		"": {5, 3, 2}, "default": {4, 2, 1}, "canary": {4, 2, 2}, "unknown": {3, 1, 1},
	} {
		asker := decode(t, ServiceEntry, `{metadata: {name: x, namespace: foo, labels: {istio.io/rev: "`+revision+`"}}}`)
		view := NewView(index, Undeclared(), asker)
		got := [3]int{len(view.HoldersOf(netip.MustParseAddr("240.0.0.1"))), len(view.EntriesOf("*.global")), len(view.Sidecars("foo"))}
		if got != want {
			t.Errorf("revision %q is shown %v holders, entries and Sidecars; want %v", revision, got, want)
		}
	}
}

func TestViewOrder(t *testing.T) {
	index := NewIndex()
	for name, created := range map[string]string{"d": "2026-01-01T00:00:00Z", "c": "2026-01-02T00:00:00Z", "b": "2026-01-02T00:00:00Z", "a": "2026-01-03T00:00:00Z"} {
		index.Put(NewRecord(decode(t, ServiceEntry, `{metadata: {namespace: foo, name: `+name+`, creationTimestamp: "`+created+`"}, spec: {hosts: [x.bar.global, y.bar.global], addresses: [240.0.0.1]}}`)))
		index.Put(NewRecord(decode(t, Sidecar, `{metadata: {namespace: foo, name: `+name+`, creationTimestamp: "`+created+`"}}`)))
	}
	view := NewView(index, Undeclared(), decode(t, ServiceEntry, `{metadata: {name: x}}`))
	var holders, entries, sidecars []string
	for _, holder := range view.HoldersOf(netip.MustParseAddr("240.0.0.1")) {
		holders = append(holders, holder.Ref.Name)
	}
	for _, entry := range view.EntriesOf("*.global") {
		entries = append(entries, entry.Ref.Name)
	}
	for _, scope := range view.Sidecars("foo") {
		sidecars = append(sidecars, scope.Ref.Name)
	}
	want := []string{"d", "b", "c", "a"}
	for question, got := range map[string][]string{"holders": holders, "entries": entries, "sidecars": sidecars} {
		if !slices.Equal(got, want) {
			t.Errorf("%s come as %v; want the oldest first, then by name, %v", question, got, want)
		}
	}
}

func TestViewServiceRange(t *testing.T) {
	index := NewIndex()
	for name, cidrs := range map[string]string{"wide": "10.96.0.0/12", "narrow": "10.96.0.0/24, x", "six": "\"fd00:10:96::/112\""} {
		index.Put(NewRecord(decode(t, ServiceCIDR, `{metadata: {name: `+name+`}, spec: {cidrs: [`+cidrs+`]}}`)))
	}
	view := NewView(index, Undeclared(), decode(t, ServiceEntry, `{metadata: {name: x}}`))
	for addr, want := range map[string]string{
		"10.96.0.7": "10.96.0.0/24", "10.97.0.7": "10.96.0.0/12", "fd00:10:96::7": "fd00:10:96::/112", "10.112.0.0": "", "fd00:10:97::7": "",
	} {
		got, ok := view.ServiceRange(netip.MustParseAddr(addr))
		if ok != (want != "") || ok && got.String() != want {
			t.Errorf("ServiceRange(%s) = %s, %t; want %q", addr, got, ok, want)
		}
	}
}

// TestIndexConcurrently: writers and askers share an Index; the race detector is
// the judge.
func TestIndexConcurrently(t *testing.T) {
	index := NewIndex()
	var group sync.WaitGroup
	for worker := range 4 {
		random := rand.New(rand.NewPCG(uint64(worker), 7))
		objects := make([]*Object, 200)
		for i := range objects {
			objects[i] = randomObject(t, random)
		}
		group.Go(func() {
			for i, object := range objects {
				if i%3 == 0 {
					index.Delete(object.Ref)
				} else {
					index.Put(NewRecord(object))
				}
			}
		})
		group.Go(func() {
			view := NewView(index, Undeclared(), objects[0])
			for range 200 {
				view.NextFree(netip.MustParseAddr("240.0.0.1"))
				for _, holder := range view.HoldersOf(netip.MustParseAddr("240.0.0.1")) {
					_ = fmt.Sprint(*holder)
				}
				for _, entry := range view.EntriesOf("*.global") {
					_ = fmt.Sprint(*entry)
				}
				view.Sidecars("foo")
				for _, entry := range index.Entries() {
					_ = fmt.Sprint(*entry)
				}
				for _, scope := range index.DefaultSidecars() {
					_ = fmt.Sprint(*scope)
				}
				index.NamespacesWith("tier", "legacy")
			}
		})
	}
	group.Wait()
}
