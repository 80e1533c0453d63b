package fleet

import (
	"cmp"
	"slices"

	"fedmesh.io/fedmesh/policies"
	"fedmesh.io/fedmesh/policies/mesh"
)

// Cluster is the configuration of one cluster.
type Cluster struct {
	// Name is what messages call it.
	Name string
	// Federation that is declared in it; mesh.Undeclared without one.
	Federation *mesh.Federation
	// Index of its objects, and these.
	Index   *mesh.Index
	Objects []*mesh.Object
	// Exemptions are those in force.
	Exemptions mesh.Exemptions
}

// Rule is a rule about several clusters. Its Rule says all about it but how it is
// checked.
type Rule struct {
	policies.Rule
	// Check returns the findings, each in the order of the clusters and of their
	// objects.
	Check func(*Fleet) []Finding
}

// Finding is a finding in one of the clusters.
type Finding struct {
	policies.Finding
	// Cluster is which, counted from 0, and Object is one of its objects.
	Cluster int
	Object  *mesh.Object
}

// Fleet is several clusters, prepared for questions.
type Fleet struct {
	clusters []*cluster
	byMember map[string]*cluster
}

// cluster is a Cluster, prepared for questions.
type cluster struct {
	Cluster
	number int
	// declaration is the Federation as it is written; nil where none is declared.
	declaration *mesh.Object
	// member is the name of the member that the cluster is; empty where no Federation
	// says so.
	member string
	// definers are the ServiceEntries by host in canonical form. What is federated, each
	// cluster says for itself.
	definers map[string][]*mesh.Object
	// rewriters are the DestinationRules that set the SNI somewhere.
	rewriters map[mesh.Ref]bool
}

// New prepares clusters, of which no two are the same member.
func New(clusters []Cluster) *Fleet {
	fleet := &Fleet{byMember: map[string]*cluster{}}
	for i := range clusters {
		prepared := &cluster{Cluster: clusters[i], number: i, definers: map[string][]*mesh.Object{}, rewriters: map[mesh.Ref]bool{}}
		for _, object := range prepared.Objects {
			if object.Kind == mesh.FederationKind && prepared.declaration == nil {
				prepared.declaration = object
			}
			if setsSNI(object.DestinationRule) {
				prepared.rewriters[object.Ref] = true
			}
			for _, host := range hostsOf(object) {
				prepared.definers[host.name] = append(prepared.definers[host.name], object)
			}
		}
		if prepared.Federation.Declared {
			prepared.member = prepared.Federation.Local.Name
			fleet.byMember[prepared.member] = prepared
		}
		fleet.clusters = append(fleet.clusters, prepared)
	}
	return fleet
}

// Evaluate runs the rules. The findings come in the order of the clusters, of their
// objects, and of the catalogue; each with the action that the Federation of its
// cluster makes of it.
func (f *Fleet) Evaluate(rules []Rule) []Finding {
	var findings []Finding
	for _, rule := range rules {
		for _, finding := range rule.Check(f) {
			in := f.clusters[finding.Cluster]
			finding.Rule, finding.Ref = rule.ID, finding.Object.Ref
			finding.Action = in.Federation.Action(rule.ID, cmp.Or(finding.Action, rule.Action), in.Index.NamespaceLabels(finding.Ref.Namespace))
			if exemption, holds := in.Exemptions.From(rule.ID, finding.Ref); holds && finding.Action != policies.Off {
				finding.Action, finding.Exemption = policies.Audit, exemption.Ref.Name
			}
			if finding.Action != policies.Off {
				findings = append(findings, finding)
			}
		}
	}
	f.sort(findings)
	return findings
}

func (f *Fleet) sort(findings []Finding) {
	order := map[*mesh.Object]int{}
	for _, cluster := range f.clusters {
		for i, object := range cluster.Objects {
			order[object] = i
		}
	}
	slices.SortStableFunc(findings, func(a, b Finding) int {
		return cmp.Or(
			cmp.Compare(a.Cluster, b.Cluster),
			cmp.Compare(order[a.Object], order[b.Object]),
			cmp.Compare(a.Rule, b.Rule),
		)
	})
}

// view answers questions about the cluster on behalf of nobody.
func (c *cluster) view() *mesh.View {
	return mesh.NewView(c.Index, c.Federation, &mesh.Object{})
}
