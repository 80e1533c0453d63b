package policies

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/proto"
	networking "istio.io/api/networking/v1alpha3"

	"fedmesh.io/fedmesh/policies/mesh"
)

// FuzzDecodeAndEvaluate: whatever JSON comes in as an object of whatever kind,
// and as the one that it replaces, is either refused with an error or read as
// Istio itself reads it and evaluated without a panic, and evaluated again it has
// the same findings. The object also stands in the Index among others.
func FuzzDecodeAndEvaluate(f *testing.F) {
	for kind := mesh.ServiceEntry; kind <= mesh.Pod; kind++ {
		for _, seed := range []string{
			`{}`, `null`, `[]`, `0`, `""`,
			`{"metadata": {"name": "a", "namespace": "foo"}}`,
			`{"metadata": null, "spec": null, "status": null}`,
			`{"metadata": {"name": 1}, "spec": {}}`,
			`{"metadata": {"labels": {"istio.io/rev": null}}, "spec": []}`,
			`{"metadata": {"name": "x", "namespace": "other", "annotations": {"fedmesh.io/replaces": "a"}}, "spec": {"hosts": ["a.bar.global"]}}`,
			`{"metadata": {"name": "x", "namespace": "foo", "annotations": {"fedmesh.io/replaces": "default"}}}`,
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
			f.Add(uint8(kind), []byte(seed), []byte(seed))
			f.Add(uint8(kind), []byte(`{}`), []byte(seed))
		}
	}
	for _, pod := range hostilePods() {
		f.Add(uint8(mesh.Pod), []byte(`{}`), []byte(pod))
	}
	for _, pod := range fixturePods(f) {
		f.Add(uint8(mesh.Pod), []byte(`{}`), pod)
	}
	// Updates with findings that stay, that move and that are new.
	for _, update := range []struct {
		kind     mesh.Kind
		old, new string
	}{
		{mesh.ServiceEntry, `{"spec": {"hosts": ["b.bar.global", "c.bar.global"]}}`, `{"spec": {"hosts": ["x.bar.global", "b.bar.global"], "addresses": ["240.0.0.1", "10.96.0.1"]}}`},
		{mesh.DestinationRule, `{"spec": {"host": "a.bar.global", "subsets": [{"name": "v1", "trafficPolicy": {"tls": {"mode": "SIMPLE"}}}]}}`,
			`{"spec": {"host": "a.bar.global", "subsets": [{"name": "v2", "trafficPolicy": {"tls": {}}}, {"name": "v1", "trafficPolicy": {"tls": {"mode": "SIMPLE"}}}]}}`},
		{mesh.DestinationRule, `{"spec": {"host": "*.global", "trafficPolicy": {"tls": {"mode": "ISTIO_MUTUAL"}}}}`,
			`{"spec": {"host": "*.global", "trafficPolicy": {"tls": {"mode": "ISTIO_MUTUAL", "sni": "a.bar.global"}}}}`},
		{mesh.DestinationRule, `{"spec": {"host": "*.global", "trafficPolicy": {"connectionPool": {"tcp": {"connectTimeout": "30ms"}}}}}`,
			`{"spec": {"host": "*.global", "trafficPolicy": {"connectionPool": {"tcp": {"connectTimeout": "0.03s"}}}}}`},
		{mesh.Sidecar, `{"spec": {"egress": [{"hosts": ["foo/*.global"]}]}}`, `{"spec": {"egress": [{"hosts": ["./*.global", "foo/*.global", "other/*.global"]}]}}`},
		{mesh.Gateway, `{"spec": {"servers": []}}`, `{"spec": {"servers": [{"hosts": ["*"], "port": {"number": 15443}, "tls": {"mode": 2}}]}}`},
	} {
		f.Add(uint8(update.kind), []byte(update.old), []byte(update.new))
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
		"kind: Namespace\napiVersion: v1\nmetadata: {name: foo, labels: {fedmesh.io/federation: enabled}}\n",
	} {
		object, _, err := parseDocument([]byte(document))
		if err != nil {
			f.Fatal(err)
		}
		others = append(others, object)
	}
	federations := []*mesh.Federation{usualFederation(), mesh.Undeclared()}
	f.Fuzz(func(t *testing.T, kind uint8, oldData, data []byte) {
		object, err := mesh.Decode(mesh.Kind(kind), data)
		if err != nil {
			return
		}
		sameAsIstio(t, object, data)
		again, err := mesh.Decode(mesh.Kind(kind), data)
		if err != nil {
			t.Fatalf("decoded once, then %v", err)
		}
		old, err := mesh.Decode(mesh.Kind(kind), oldData)
		if err != nil {
			old = nil
		} else {
			old.Ref = object.Ref // an update never renames
		}
		for _, federation := range federations {
			first := outcomeAmong(t, evaluator, Review{Object: object, Old: old}, others, federation)
			second := outcomeAmong(t, evaluator, Review{Object: again, Old: old}, others, federation)
			if diff := cmp.Diff(first, second); diff != "" {
				t.Errorf("evaluated twice (-first +second):\n%s", diff)
			}
		}
	})
}

// fixturePods are the pods of the fixtures of rules on finished pods.
func fixturePods(f *testing.F) [][]byte {
	f.Helper()
	files, err := filepath.Glob("testdata/FED60*/*/*.yaml")
	if err != nil || len(files) == 0 {
		f.Fatalf("reading fixtures: %v, %d files", err, len(files))
	}
	var pods [][]byte
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		pod, _, _ := strings.Cut(string(text), "\n---\n")
		pods = append(pods, toJSON(f, pod))
	}
	return pods
}

// sameAsIstio: an object that was accepted says what Istio's own decoder makes of
// it, where that does not refuse it. It is asked about the specification only,
// which is all that Istio decodes with it.
func sameAsIstio(t *testing.T, object *mesh.Object, data []byte) {
	t.Helper()
	type message interface {
		proto.Message
		json.Unmarshaler
	}
	var got, want message
	switch object.Kind {
	case mesh.ServiceEntry:
		got, want = object.ServiceEntry, &networking.ServiceEntry{}
	case mesh.DestinationRule:
		got, want = object.DestinationRule, &networking.DestinationRule{}
	case mesh.Sidecar:
		got, want = object.Sidecar, &networking.Sidecar{}
	case mesh.Gateway:
		got, want = object.Gateway, &networking.Gateway{}
	default:
		return
	}
	parts, err := mesh.Split(data)
	if err != nil {
		t.Fatalf("decoded, but cannot be split: %v", err)
	}
	if len(parts.Spec) > 0 && string(parts.Spec) != "null" {
		if err := want.UnmarshalJSON(parts.Spec); err != nil {
			t.Logf("Istio refuses it: %v", err)
			return
		}
	}
	if !proto.Equal(want, got) {
		t.Errorf("%s is read as %v; Istio reads %v", parts.Spec, got, want)
	}
}

func sameFinding(a, b Finding) bool {
	return a.String() == b.String() && a.Action == b.Action && slices.Equal(a.Related, b.Related)
}

// outcomeAmong evaluates the object of review in an index of its own, new and as
// a replacement, and returns the lines.
func outcomeAmong(t *testing.T, evaluator *Evaluator, review Review, others []*mesh.Object, federation *mesh.Federation) []string {
	t.Helper()
	index := mesh.NewIndex()
	for _, other := range append([]*mesh.Object{review.Object}, others...) {
		index.Put(mesh.NewRecord(other))
	}
	var lines []string
	findings := func(title string, review Review) []Finding {
		outcome := evaluator.Evaluate(review, index, federation)
		for _, failure := range outcome.Failures {
			t.Errorf("%s: rule %s panicked: %s", title, failure.Rule, failure.Reason)
		}
		for _, finding := range outcome.Findings {
			lines = append(lines, title+" "+string(finding.Action)+" "+finding.String()+" "+finding.Fingerprint())
		}
		return outcome.Findings
	}
	added := findings("new", Review{Object: review.Object})
	live := map[mesh.Ref]*mesh.Object{}
	for _, other := range others {
		live[other.Ref] = other
	}
	if diff := cmp.Diff(added, findings("confirmed", Review{Object: review.Object, Live: live}), cmp.Comparer(sameFinding)); diff != "" {
		t.Errorf("once the API server has said what the index says (-index +live):\n%s", diff)
	}
	if replaced := findings("unchanged", Review{Object: review.Object, Old: review.Object}); len(replaced) > 0 {
		t.Errorf("an unchanged object has findings: %v", replaced)
	}
	if review.Old != nil {
		had := map[string]int{}
		for _, finding := range findings("old", Review{Object: review.Old}) {
			had[finding.Fingerprint()]++
		}
		updated := findings("update", review)
		if len(updated) > 0 && mesh.SameSpec(review.Old, review.Object) {
			t.Errorf("an object with an equal specification has findings: %v", updated)
		}
		// Of several alike, those are tolerated that the old object had.
		tolerated, denied := map[string]int{}, map[string]int{}
		for _, finding := range updated {
			if finding.Action == Deny {
				denied[finding.Fingerprint()]++
			} else {
				tolerated[finding.Fingerprint()]++
			}
		}
		for fingerprint, count := range denied {
			if tolerated[fingerprint] < had[fingerprint] {
				t.Errorf("%d of %s are denied and %d are not, though the old object had %d", count, fingerprint, tolerated[fingerprint], had[fingerprint])
			}
		}
	}
	index.Delete(review.Object.Ref)
	findings("without itself", Review{Object: review.Object})
	return lines
}
