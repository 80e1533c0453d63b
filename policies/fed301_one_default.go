package policies

import (
	"cmp"

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

At admission this looks at what the index knows.
*/
func oneDefault() Rule {
	return Rule{
		ID:      "FED301",
		Name:    "one-default",
		Summary: "a namespace has one Sidecar without workloadSelector",
		Action:  Deny,
		Applies: []mesh.Kind{mesh.Sidecar},
		Reads:   []mesh.Kind{mesh.Sidecar},
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
			Fix: "Merge the two into one Sidecar, or give this one a `workloadSelector` with labels.",
		},
		Check: checkOneDefault,
	}
}

func checkOneDefault(review Review, view *mesh.View) []Finding {
	if review.Object.Sidecar.GetWorkloadSelector() != nil {
		return nil
	}
	for _, other := range view.Sidecars(review.Object.Namespace) {
		if !other.Default {
			continue
		}
		finding := Finding{
			Field:   spec().Child("workloadSelector"),
			Related: []mesh.Ref{other.Ref},
		}
		name := quoteRef(other.Ref)
		switch served(review.Object, other) {
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
		return []Finding{finding} // the oldest is enough: no other one is served
	}
	return nil
}

// party is one of two objects that cannot both be served.
type party int

const (
	unclear party = iota
	reviewed
	known
)

// served says which of two Sidecars Istio serves: the older, and of those
// created in the same second the first by name (istio pilot/pkg/model/config.go,
// configCompareByCreationTime). Objects in files have no age, and one that is
// being created is younger than any that has.
func served(sidecar *mesh.Object, other *mesh.SidecarScope) party {
	switch {
	case other.Created == 0:
		return unclear
	case sidecar.Created.IsZero():
		return known
	case cmp.Or(cmp.Compare(sidecar.Created.Unix(), other.Created), cmp.Compare(sidecar.Name, other.Ref.Name)) < 0:
		return reviewed
	}
	return known
}
