package policies

import "fedmesh.io/fedmesh/policies/mesh"

/*
FED302 empty-selector: a Sidecar selects some workloads or says nothing.

Restricted fields of a Sidecar:

	spec.workloadSelector.labels

Forbidden values: none or an empty map, in a workloadSelector that is there.

Allowed: no workloadSelector (absent or null), which is the namespace's default;
one with labels.
*/
func emptySelector() Rule {
	return Rule{
		ID:      "FED302",
		Name:    "empty-selector",
		Summary: "a Sidecar's workloadSelector has labels",
		Action:  Deny,
		Applies: []mesh.Kind{mesh.Sidecar},
		Doc: Doc{
			Why: "Istio counts a Sidecar with an empty `workloadSelector` among those that select workloads, which come before the " +
				"namespace's default, and it matches every pod. It takes the place of the default, and of every younger Sidecar " +
				"with real labels.",
			Bad: `apiVersion: networking.istio.io/v1
kind: Sidecar
metadata: {name: default, namespace: foo}
spec:
  workloadSelector: {}
  egress: [{hosts: ["./*", "istio-system/*"]}]
`,
			Good: `apiVersion: networking.istio.io/v1
kind: Sidecar
metadata: {name: default, namespace: foo}
spec:
  egress: [{hosts: ["./*", "istio-system/*"]}]
`,
			Fix: "Remove `workloadSelector` for the default of the namespace, or give it labels.",
		},
		Check: checkEmptySelector,
	}
}

func checkEmptySelector(review Review, _ *mesh.View) []Finding {
	selector := review.Object.Sidecar.GetWorkloadSelector()
	if selector == nil || len(selector.GetLabels()) > 0 {
		return nil
	}
	return []Finding{{
		Field:   spec().Child("workloadSelector"),
		Value:   "{}",
		Message: "an empty selector matches every pod and comes before others that select some",
		Fix:     "remove it or give it labels",
	}}
}
