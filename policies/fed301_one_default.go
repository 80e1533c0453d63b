package policies

import (
	"cmp"
	"slices"

	"fedmesh.io/fedmesh/policies/mesh"
)

/*
FED301 one-default: a namespace has one Sidecar for all its pods.

Restricted fields of a Sidecar:

	spec.workloadSelector

Forbidden values: none (absent or null) while another Sidecar of the namespace
and of the same control plane revision has none either. In the root namespace,
whose Sidecar holds for the whole mesh, the same is true; it never conflicts with
that of another namespace.

Allowed: one Sidecar without workloadSelector and any number with one. An empty
workloadSelector is FED302's.

A Sidecar can take over from another one of its namespace, which it names in the
annotation fedmesh.io/replaces. While that is the only other one without
workloadSelector, there is a warning: it is to be deleted. Where there are further
ones, the finding is about those. The Sidecar that is replaced is reported like
any other, because the index does not keep who replaces it.

At admission the API server confirms that the other Sidecar still has no
workloadSelector before that denies. Claims (webhook/claims) make the rule hold
between requests at the same moment as well.
*/
func oneDefault() Rule {
	return Rule{
		ID:        "FED301",
		Name:      "one-default",
		Summary:   "a namespace has one Sidecar without workloadSelector",
		Action:    Deny,
		Exclusive: true,
		Applies:   []mesh.Kind{mesh.Sidecar},
		Reads:     []mesh.Kind{mesh.Sidecar},
		Doc: Doc{
			Why: "Istio does not merge Sidecars. Of several without `workloadSelector` the oldest holds for the namespace and the " +
				"others are ignored without a word: their egress hosts, federated ones among them, are imported nowhere. " +
				"When the oldest is deleted, the next one takes over.",
			Bad: `apiVersion: networking.istio.io/v1
kind: Sidecar
metadata: {name: federation, namespace: foo}
spec:
  egress: [{hosts: ["*/*.global"]}]
---
apiVersion: networking.istio.io/v1
kind: Sidecar
metadata: {name: default, namespace: foo}
spec:
  egress: [{hosts: ["./*", "istio-system/*"]}]
`,
			Good: `apiVersion: networking.istio.io/v1
kind: Sidecar
metadata: {name: default, namespace: foo}
spec:
  egress: [{hosts: ["./*", "istio-system/*", "*/*.global"]}]
`,
			Fix: "Merge the two into one Sidecar, or give this one a `workloadSelector` with labels. " +
				"To rename a Sidecar, annotate the new one with `fedmesh.io/replaces: <name of the old one>` and then delete the old one.",
		},
		Check: checkOneDefault,
	}
}

func checkOneDefault(review Review, view *mesh.View) []Finding {
	if review.Object.Sidecar.GetWorkloadSelector() != nil {
		return nil
	}
	others := slices.DeleteFunc(view.Sidecars(review.Object.Namespace), func(other *mesh.SidecarScope) bool { return !other.Default })
	if len(others) == 0 {
		return nil
	}
	return []Finding{besideDefaults(review.Object, others)}
}

// besideDefaults is the finding on a Sidecar without workloadSelector beside
// others, the oldest first. It is about the oldest that is not to be deleted: no
// other one is served.
func besideDefaults(sidecar *mesh.Object, others []*mesh.SidecarScope) Finding {
	predecessor, _ := sidecar.Predecessor()
	i := slices.IndexFunc(others, func(other *mesh.SidecarScope) bool { return other.Ref != predecessor })
	if i < 0 {
		return takeover(predecessor, "", "this Sidecar takes over from "+quoteRef(predecessor)+", which has no workloadSelector either")
	}
	other := others[i]
	finding := Finding{
		Field:   spec().Child("workloadSelector"),
		Related: []mesh.Ref{other.Ref},
	}
	name := quoteRef(other.Ref)
	serves := unclear // an older predecessor is served as long as it is there
	if i == 0 {
		serves = served(sidecar, other.Meta)
	}
	switch serves {
	case known:
		finding.Message = name + " has none either, Istio serves that one, the older"
		finding.Fix = "merge this one into it"
	case reviewed:
		finding.Message = name + " has none either, Istio serves this one, the older"
		finding.Fix = "merge the other into it"
	default:
		finding.Message = name + " has none either, Istio serves only the older"
		finding.Fix = "merge the two"
	}
	if len(others) > 1 {
		return finding // an object takes over from one other only
	}
	return offerTakeover(finding, sidecar, other.Ref, other.Created)
}

// party is one of two objects that cannot both be served.
type party int

const (
	unclear party = iota
	reviewed
	known
)

// served says which of two objects of a kind and namespace Istio serves: the older,
// and of those created in the same second the first by name (istio
// pilot/pkg/model/config.go, configCompareByCreationTime). Objects in files have no
// age, and one that is being created is younger than any that has.
func served(object *mesh.Object, other mesh.Meta) party {
	switch {
	case other.Created == 0:
		return unclear
	case object.Created.IsZero():
		return known
	case cmp.Or(cmp.Compare(object.Created.Unix(), other.Created), cmp.Compare(object.Name, other.Ref.Name)) < 0:
		return reviewed
	}
	return known
}
