package policies

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"fedmesh.io/fedmesh/policies/mesh"
)

// FuzzDecodeAndEvaluate: whatever JSON comes in as an object of whatever kind is
// either refused with an error or evaluated without a panic, and evaluated again
// it has the same findings. The object also replaces itself as the old one, and
// stands in the Index among others.
func FuzzDecodeAndEvaluate(f *testing.F) {
	for kind := mesh.ServiceEntry; kind <= mesh.Namespace; kind++ {
		for _, seed := range []string{
			`{}`, `null`, `[]`, `0`, `""`,
			`{"metadata": {"name": "a", "namespace": "foo"}}`,
			`{"metadata": null, "spec": null, "status": null}`,
			`{"metadata": {"name": 1}, "spec": {}}`,
			`{"metadata": {"labels": {"istio.io/rev": null}}, "spec": []}`,
			`{"spec": {"hosts": null, "addresses": [], "ports": [null], "endpoints": [null], "exportTo": null, "workloadSelector": null}}`,
			`{"spec": {"hosts": "a.bar.global"}}`,
			`{"spec": {"hosts": [null]}}`,
			`{"spec": {"hosts": ["", ".", "*", "*.", "*.global", "global", ".global", "a..global", "A.bar.global."], "addresses": ["240.0.0.1"]}}`,
			`{"spec": {"hosts": ["a.bar.global"], "addresses": ["", "/", "192.168.0.01", "${VAR}/32", "fe80::1%eth0", "::ffff:240.0.0.1/96", "0.0.0.0/0", "::/0"]}}`,
			`{"spec": {"hosts": ["a.bar.global", "a.bar.global"], "location": 1, "resolution": "2", "exportTo": [".", "~", "*", ""]}}`,
			`{"spec": {"hosts": ["a.bar.global"], "location": "NOWHERE", "resolution": 99}}`,
			`{"spec": {"hosts": ["b.bar.global"], "addresses": ["240.0.0.9"]}, "status": {"addresses": [{"value": "240.0.0.9", "host": "b.bar.global"}, {"value": "x"}, null]}}`,
			`{"spec": {"host": "*.global", "trafficPolicy": {"tls": {}, "portLevelSettings": [{}, {"port": {"number": 15443}}, null]}, "subsets": [null, {"name": "v1"}]}}`,
			`{"spec": {"workloadSelector": {"labels": null}, "egress": [null, {"hosts": ["/", "*/*", "~/*", "./a.bar.global", "bar/a.bar.global"]}]}}`,
			`{"spec": {"servers": [null, {"hosts": ["*", "foo/*"], "port": null, "tls": {"mode": "AUTO_PASSTHROUGH"}}]}}`,
			`{"spec": {"clusterIPs": ["None", "", "240.0.0.1"], "cidrs": ["10.0.0.0/8", "x"], "parentRef": {"resource": "services"}}}`,
		} {
			f.Add(uint8(kind), []byte(seed))
		}
	}
	evaluator, err := NewEvaluator(Catalogue())
	if err != nil {
		f.Fatal(err)
	}
	var others []*mesh.Object
	for _, document := range []string{
		otherEntry("a", "hosts: [a.bar.global, b.bar.global], addresses: [240.0.0.1], ports: [{number: 80}]"),
		"kind: Service\napiVersion: v1\nmetadata: {name: s, namespace: foo}\nspec: {clusterIPs: [240.0.0.2]}\n",
		"kind: ServiceCIDR\napiVersion: networking.k8s.io/v1\nmetadata: {name: k}\nspec: {cidrs: [10.96.0.0/12]}\n",
		"kind: Sidecar\napiVersion: networking.istio.io/v1\nmetadata: {name: default, namespace: foo}\n",
	} {
		object, _, err := parseDocument([]byte(document))
		if err != nil {
			f.Fatal(err)
		}
		others = append(others, object)
	}
	federations := []*mesh.Federation{usualFederation(), mesh.Undeclared()}
	f.Fuzz(func(t *testing.T, kind uint8, data []byte) {
		object, err := mesh.Decode(mesh.Kind(kind), data)
		if err != nil {
			return
		}
		again, err := mesh.Decode(mesh.Kind(kind), data)
		if err != nil {
			t.Fatalf("decoded once, then %v", err)
		}
		for _, federation := range federations {
			first, second := outcomeAmong(t, evaluator, object, others, federation), outcomeAmong(t, evaluator, again, others, federation)
			if diff := cmp.Diff(first, second); diff != "" {
				t.Errorf("evaluated twice (-first +second):\n%s", diff)
			}
		}
	})
}

// outcomeAmong evaluates object in an index of its own, new and as its own
// replacement, and returns the lines.
func outcomeAmong(t *testing.T, evaluator *Evaluator, object *mesh.Object, others []*mesh.Object, federation *mesh.Federation) []string {
	t.Helper()
	index := mesh.NewIndex()
	for _, other := range append([]*mesh.Object{object}, others...) {
		index.Put(mesh.NewRecord(other))
	}
	outcome := evaluator.Evaluate(Review{Object: object}, index, federation)
	for _, failure := range outcome.Failures {
		t.Errorf("rule %s panicked: %s", failure.Rule, failure.Reason)
	}
	var lines []string
	for _, finding := range outcome.Findings {
		lines = append(lines, string(finding.Action)+" "+finding.String()+" "+finding.Fingerprint())
	}
	if replaced := evaluator.Evaluate(Review{Object: object, Old: object}, index, federation); len(replaced.Findings) > 0 {
		t.Errorf("an unchanged object has findings: %v", replaced.Findings)
	}
	index.Delete(object.Ref)
	for _, finding := range evaluator.Evaluate(Review{Object: object}, index, federation).Findings {
		lines = append(lines, "without itself "+finding.String())
	}
	return lines
}
