package policies

import (
	"slices"
	"strings"

	"fedmesh.io/fedmesh/policies/mesh"
)

/*
FED303 selector-overlap: the Sidecars of a namespace select different pods.

Restricted fields of a Sidecar:

	spec.workloadSelector.labels

Forbidden values: those of another Sidecar of the namespace and of the same control
plane revision.

Warned about: labels that another one has among its own, or that have all of another
one's among them. To that belongs an other one with an empty selector, which is
FED302's to deny where it is.

Allowed: all other labels. Selectors of which neither contains the other can match
one pod as well, but need not.

A Sidecar can take over from another one of its namespace, as with FED301: the one
that it names in the annotation fedmesh.io/replaces is to be deleted, and while there
is no further one the finding is a warning that says so.

There is one finding for equal labels and one for the rest, each about the oldest
Sidecar of its kind. At admission the API server confirms that it still has its
labels before that denies. No claim makes the rule hold between requests at the same
moment; the background audit finds what comes of them.
*/
func selectorOverlap() Rule {
	return Rule{
		ID:        "FED303",
		Name:      "selector-overlap",
		Summary:   "the Sidecars of a namespace select different pods",
		Action:    Deny,
		Exclusive: true,
		Applies:   []mesh.Kind{mesh.Sidecar},
		Reads:     []mesh.Kind{mesh.Sidecar},
		Doc: Doc{
			Why: "Istio does not merge Sidecars, nor does it prefer the one that selects more narrowly. Of several whose " +
				"`workloadSelector` matches a pod the oldest holds for it and the others are ignored without a word. Restored or " +
				"applied anew in another order, the same Sidecars hold for other pods.",
			Bad: `apiVersion: networking.istio.io/v1
kind: Sidecar
metadata: {name: httpbin-federation, namespace: foo}
spec:
  workloadSelector: {labels: {app: httpbin}}
  egress: [{hosts: ["*/*.global"]}]
---
apiVersion: networking.istio.io/v1
kind: Sidecar
metadata: {name: httpbin, namespace: foo}
spec:
  workloadSelector: {labels: {app: httpbin}}
  egress: [{hosts: ["./*", "istio-system/*"]}]
`,
			Good: `apiVersion: networking.istio.io/v1
kind: Sidecar
metadata: {name: httpbin, namespace: foo}
spec:
  workloadSelector: {labels: {app: httpbin}}
  egress: [{hosts: ["./*", "istio-system/*", "*/*.global"]}]
`,
			Fix: "Merge the two into one Sidecar, or select pods by labels that no pod has both of. " +
				"To rename a Sidecar, annotate the new one with `fedmesh.io/replaces: <name of the old one>` and then delete the old one.",
		},
		Check: checkSelectorOverlap,
	}
}

func checkSelectorOverlap(review Review, view *mesh.View) []Finding {
	selector := review.Object.Sidecar.GetWorkloadSelector()
	if selector == nil {
		return nil
	}
	overlaps := selectorOverlaps{sidecar: review.Object, labels: mesh.SelectorLabels(selector.GetLabels())}
	for _, other := range view.Sidecars(review.Object.Namespace) {
		overlaps.add(other)
	}
	var findings []Finding
	for _, others := range [][]*mesh.SidecarScope{overlaps.equal, overlaps.contained} {
		if len(others) > 0 {
			findings = append(findings, overlaps.finding(others))
		}
	}
	return findings
}

// selectorOverlaps is what a Sidecar's selector has in common with others.
type selectorOverlaps struct {
	sidecar *mesh.Object
	labels  []string
	// oldest is that of the lists below, which begin with their oldest.
	oldest *mesh.SidecarScope
	// equal have the same labels; of contained, one of the two has the labels of
	// the other and further ones.
	equal, contained []*mesh.SidecarScope
}

// add notes other where it overlaps. Older ones come before younger ones.
func (o *selectorOverlaps) add(other *mesh.SidecarScope) {
	switch {
	case other.Default:
		return
	case slices.Equal(o.labels, other.Selector):
		o.equal = append(o.equal, other)
	case hasAll(o.labels, other.Selector), hasAll(other.Selector, o.labels):
		o.contained = append(o.contained, other)
	default:
		return
	}
	if o.oldest == nil {
		o.oldest = other
	}
}

// hasAll reports whether all of some are among labels.
func hasAll(labels, some []string) bool {
	return !slices.ContainsFunc(some, func(label string) bool { return !slices.Contains(labels, label) })
}

// finding is about the oldest of others, one of the two lists, that is not to be
// deleted.
func (o *selectorOverlaps) finding(others []*mesh.SidecarScope) Finding {
	predecessor, _ := o.sidecar.Predecessor()
	i := slices.IndexFunc(others, func(other *mesh.SidecarScope) bool { return other.Ref != predecessor })
	if i < 0 {
		return takeover(predecessor, "", "this Sidecar takes over from "+quoteRef(predecessor)+", which "+o.selects(others[0]))
	}
	other := others[i]
	finding := Finding{
		Field:   spec().Child("workloadSelector", "labels"),
		Value:   strings.Join(o.labels, ","),
		Message: quoteRef(other.Ref) + " " + o.selects(other) + ", Istio serves ",
		Related: []mesh.Ref{other.Ref},
	}
	serves := unclear // one that is older still is served to some of them at least
	if other == o.oldest {
		serves = served(o.sidecar, other.Meta)
	}
	equal := slices.Equal(o.labels, other.Selector)
	if !equal {
		finding.Action = Warn
		finding.Message += "them "
	}
	switch serves {
	case known:
		finding.Message += "that one, the older"
		finding.Fix = "merge this one into it"
	case reviewed:
		finding.Message += "this one, the older"
		finding.Fix = "merge the other into it"
	default:
		finding.Message += "only the older"
		finding.Fix = "merge the two"
	}
	if !equal {
		finding.Fix = "use labels that no pod has both of"
	}
	if !equal || len(others) > 1 {
		return finding // an object takes over from one other only
	}
	return offerTakeover(finding, o.sidecar, other.Ref, other.Created)
}

// selects says which of the Sidecar's pods other selects.
func (o *selectorOverlaps) selects(other *mesh.SidecarScope) string {
	switch {
	case slices.Equal(o.labels, other.Selector):
		return "selects the same pods"
	case hasAll(o.labels, other.Selector):
		return "selects these pods too"
	}
	return "selects some of these pods"
}
