package mutate

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	jsonpatch "gopkg.in/evanphx/json-patch.v4"

	"fedmesh.io/fedmesh/cmd/kubectl-fedmesh/internal/documents"
	"fedmesh.io/fedmesh/policies"
)

// usual is what the mutations hang on, with foo opted in and bar not.
const usual = `
apiVersion: fedmesh.io/v1alpha1
kind: Federation
metadata: {name: default}
spec:
  localMember: cluster-1
  members:
  - {name: cluster-1, network: network-1, trustDomain: foo.com, gateways: [{address: 34.136.67.85}]}
  - {name: cluster-2, network: network-2, trustDomain: bar.com, gateways: [{address: 34.122.11.2}]}
---
{apiVersion: v1, kind: Namespace, metadata: {name: istio-system, labels: {topology.istio.io/network: network-1}}}
---
{apiVersion: v1, kind: Namespace, metadata: {name: foo, labels: {fedmesh.io/federation: enabled}}}
---
{apiVersion: v1, kind: Namespace, metadata: {name: bar}}
---
`

// kind is a kind of workloads, with an object of it around a template.
type kind struct{ apiVersion, kind, around string }

// kinds are all that are printed.
var kinds = []kind{
	{"v1", "Pod", ``},
	{"v1", "PodTemplate", `{"template":%s}`},
	{"v1", "ReplicationController", `{"spec":{"template":%s,"replicas":1}}`},
	{"apps/v1", "Deployment", `{"spec":{"strategy":{"unknown":[0.5,12345678901234567890]},"template":%s},"status":{"a":"<&>"}}`},
	{"apps/v1", "StatefulSet", `{"spec":{"volumeClaimTemplates":[{"spec":{"template":1}}],"template":%s}}`},
	{"apps/v1beta2", "DaemonSet", `{"spec":{"template":%s}}`},
	{"apps/v1", "ReplicaSet", `{"spec":{"template":%s}}`},
	{"batch/v1", "Job", `{"spec":{"template":%s}}`},
	{"batch/v1", "CronJob", `{"spec":{"schedule":"* * * * *","jobTemplate":{"spec":{"backoffLimit":1,"template":%s},"metadata":{"labels":{"a":"b"}}}}}`},
	{"argoproj.io/v1alpha1", "Rollout", `{"spec":{"template":%s,"strategy":{"canary":{"template":1}}}}`},
}

// TestPodsOfEveryKind: in each kind of workload a pod becomes what the mutation of
// admission makes of it, and nothing around it changes.
func TestPodsOfEveryKind(t *testing.T) {
	settings := policies.PodSettings{Network: "network-1", RootNetwork: "network-1"}
	recorded := recordedPods(t)
	files := slices.Sorted(maps.Keys(recorded))
	for _, kind := range kinds {
		texts := []string{usual}
		var want []any
		changed := 0
		for _, file := range files {
			patch, err := policies.MutatePod(recorded[file], settings)
			if err != nil {
				t.Fatalf("%s: %v", file, err)
			}
			if len(patch.Operations) > 0 {
				changed++
			}
			texts = append(texts, kind.object(t, recorded[file]))
			want = append(want, decoded(t, kind.object(t, apply(t, recorded[file], patch.Operations))))
		}
		report := runOn(t, texts...)
		if report.Problems != nil || len(report.Workloads) != len(files) {
			t.Fatalf("%s: got %d workloads and problems %v, want %d", kind.kind, len(report.Workloads), report.Problems, len(files))
		}
		for i, workload := range report.Workloads {
			got := decoded(t, string(workload.Result))
			if !reflect.DeepEqual(want[i], got) { // is faster than cmp
				t.Errorf("%s in a %s: the result differs (-want +got):\n%s", files[i], kind.kind, cmp.Diff(want[i], got))
			}
		}
		if changed < 20 || changed == len(files) {
			t.Errorf("%s: %d of %d are changed, want most and not all", kind.kind, changed, len(files))
		}
	}
}

// recordedPods are the pods of the tests of package policies, and those that Istio's
// injector made, by file: what a template has of them.
func recordedPods(t *testing.T) map[string][]byte {
	t.Helper()
	found := map[string][]byte{}
	for _, pattern := range []string{"../../../../policies/testdata/pods/*.yaml", "../../../../test/istio/testdata/pods/*/usual.before.yaml", "../../../../test/istio/testdata/pods/*/pod.yaml"} {
		files, err := filepath.Glob(pattern)
		if err != nil || len(files) == 0 {
			t.Fatalf("reading %s: %v, %d files", pattern, err, len(files))
		}
		for _, file := range files {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			read, _ := documents.Parse(file, text) // a second document with settings is no object
			if len(read) == 0 || read[0].Kind != "Pod" {
				continue
			}
			var pod map[string]any
			if err := json.Unmarshal(read[0].JSON, &pod); err != nil {
				t.Fatal(err)
			}
			delete(pod, "apiVersion")
			delete(pod, "kind")
			if found[file], err = json.Marshal(pod); err != nil {
				t.Fatal(err)
			}
		}
	}
	return found
}

// object is an object of the kind in namespace foo, with this template.
func (k kind) object(t *testing.T, template []byte) string {
	t.Helper()
	var object map[string]any
	around := string(template)
	if k.kind != "Pod" {
		around = fmt.Sprintf(k.around, template)
	}
	decoder := json.NewDecoder(strings.NewReader(around))
	decoder.UseNumber()
	if err := decoder.Decode(&object); err != nil {
		t.Fatal(err)
	}
	object["apiVersion"], object["kind"] = k.apiVersion, k.kind
	metadata, _ := object["metadata"].(map[string]any)
	if metadata == nil {
		metadata = map[string]any{}
		object["metadata"] = metadata
	}
	metadata["namespace"] = "foo"
	text, err := json.Marshal(object)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func runOn(t *testing.T, texts ...string) Report {
	t.Helper()
	var all []documents.Document
	for i, text := range texts {
		read, problems := documents.Parse(fmt.Sprintf("f%d", i), []byte(text))
		if problems != nil {
			t.Fatal(problems)
		}
		all = append(all, read...)
	}
	report, err := Run(all, Options{Namespace: "default"})
	if err != nil {
		t.Fatal(err)
	}
	return report
}

func apply(t *testing.T, pod []byte, operations []policies.PatchOperation) []byte {
	t.Helper()
	if len(operations) == 0 {
		return pod
	}
	text, err := json.Marshal(operations)
	if err != nil {
		t.Fatal(err)
	}
	patch, err := jsonpatch.DecodePatch(text)
	if err != nil {
		t.Fatal(err)
	}
	patched, err := patch.Apply(pod)
	if err != nil {
		t.Fatal(err)
	}
	return patched
}

func decoded(t *testing.T, text string) (value any) {
	t.Helper()
	decoder := json.NewDecoder(strings.NewReader(text))
	decoder.UseNumber()
	if err := decoder.Decode(&value); err != nil {
		t.Fatal(err)
	}
	return value
}

// TestNotes: what is said, and whether anything changes.
func TestNotes(t *testing.T) {
	const containers = "containers: [{name: web}]"
	pod := func(meta, spec string) string {
		return "{apiVersion: v1, kind: Pod, metadata: {name: web, namespace: foo" + meta + "}, spec: {" + spec + "}}"
	}
	deployment := func(namespace, meta, spec string) string {
		return "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web, namespace: " + namespace +
			"}\nspec:\n  template:\n    metadata: {" + meta + "}\n    spec: {" + spec + "}\n"
	}
	for name, test := range map[string]struct {
		settings string
		text     string
		options  Options
		want     []string // notes, then problems
		changed  bool
	}{
		"patched":              {text: pod("", containers), changed: true},
		"host network":         {text: deployment("foo", "", "hostNetwork: true, "+containers), want: []string{"f1:5: Deployment foo/web: left alone: it is on the host network"}},
		"no containers":        {text: pod("", ""), want: []string{"f1:1: Pod foo/web: left alone: it has no containers"}},
		"opted out of fedmesh": {text: pod(`, labels: {fedmesh.io/inject: "false"}`, containers), want: []string{`f1:1: Pod foo/web: left alone: its label fedmesh.io/inject is "false"`}},
		"opted out of Istio": {text: pod(`, labels: {sidecar.istio.io/inject: "false"}`, containers), want: []string{
			`f1:1: Pod foo/web: left alone: its label sidecar.istio.io/inject is "false", and there is no sidecar`}},
		"opted out by annotation": {text: pod(`, annotations: {sidecar.istio.io/inject: "false"}`, containers), want: []string{
			`f1:1: Pod foo/web: left alone: its annotation sidecar.istio.io/inject is "false", and there is no sidecar`}},
		"ambient": {text: pod(`, labels: {istio.io/dataplane-mode: ambient}`, containers), want: []string{
			"f1:1: Pod foo/web: left alone: its label istio.io/dataplane-mode is ambient, and there is no sidecar"}},
		"namespace not opted in": {text: deployment("bar", "", containers), want: []string{
			"f1:5: Deployment bar/web: left alone: namespace bar is not opted in (label fedmesh.io/federation=enabled); --opt-in shows what would be"}},
		"not opted in, taken for it": {text: deployment("bar", "", containers), options: Options{OptIn: true}, changed: true},
		"ambient namespace": {settings: usual + "{apiVersion: v1, kind: Namespace, metadata: {name: shop, labels: {istio.io/dataplane-mode: ambient}}}\n",
			text: deployment("shop", "", containers), options: Options{OptIn: true},
			want: []string{"f1:5: Deployment shop/web: left alone: the mode of namespace shop is ambient, and there is no sidecar"}},
		"namespace not there, said once": {text: deployment("shop", "", containers) + "---\n" + deployment("shop", "", containers), changed: true,
			want: []string{"namespace shop is not among the files: taken for one that is opted in and has no other label"}},
		"namespace of its own": {text: "{apiVersion: v1, kind: Pod, metadata: {generateName: web-}, spec: {" + containers + "}}", changed: true,
			options: Options{Namespace: "foo"}},
		"generated name": {text: "{apiVersion: v1, kind: Pod, metadata: {generateName: web-}, spec: {}}", options: Options{Namespace: "foo"}, want: []string{
			"f1:1: Pod foo/web-: left alone: it has no containers"}},
		"no template": {text: "{apiVersion: argoproj.io/v1alpha1, kind: Rollout, metadata: {name: web, namespace: foo}, spec: {workloadRef: {name: web}}}", want: []string{
			"f1:1: Rollout foo/web: left alone: there is no template at spec.template"}},
		"root namespace not there": {settings: strings.Replace(usual, "istio-system", "other", 1), text: pod("", containers), changed: true, want: []string{
			"namespace istio-system is not among the files: taken for one without label topology.istio.io/network, so that pods get none"}},
		"root namespace not asked": {settings: strings.Replace(strings.Replace(usual, "istio-system", "other", 1), "localMember", "pods: {networkLabel: Never}\n  localMember", 1),
			text: pod("", containers), changed: true},
		"other kinds": {text: pod("", containers) + "\n---\n{apiVersion: v1, kind: Service}\n---\n{apiVersion: v1, kind: ConfigMap}\n---\n{apiVersion: v1, kind: Service}\n", changed: true,
			want: []string{"passed over, no pods and no templates of pods: 2 Service, 1 ConfigMap"}},
		"same kind of another group": {text: "{apiVersion: example.com/v1, kind: Deployment}", want: []string{
			"passed over, no pods and no templates of pods: 1 Deployment", "there is no pod and no template of pods among the files"}},
		"a warning": {text: deployment("foo", "annotations: {proxy.istio.io/config: '['}", containers), changed: true, want: []string{
			"f1:5: Deployment foo/web: Warning: annotation proxy.istio.io/config"}},
		"a finding": {text: deployment("foo", "annotations: {sidecar.istio.io/status: x}", "initContainers: [{name: istio-proxy, image: p, restartPolicy: Always}], containers: [{name: web}, {name: istio-proxy}]"), changed: true, want: []string{
			"f1:7: Deployment foo/web: Warning: [FED601] spec.containers[1]: second istio-proxy, no image"}},
		"not a pod": {text: "{apiVersion: v1, kind: Pod, metadata: {name: web, namespace: foo}, spec: {containers: 1}}", want: []string{
			"f1:1: cannot read the Pod: spec.containers: got a number, want a list"}},
		"not a workload": {text: "{apiVersion: apps/v1, kind: Deployment, metadata: {name: web, namespace: foo}, spec: 1}", want: []string{
			"f1:1: cannot read the Deployment: spec: want an object"}},
	} {
		t.Run(name, func(t *testing.T) {
			if test.settings == "" {
				test.settings = usual
			}
			settings, failed := documents.Parse("f0", []byte(test.settings))
			read, problems := documents.Parse("f1", []byte(test.text))
			if failed != nil || problems != nil {
				t.Fatal(failed, problems)
			}
			if test.options.Namespace == "" {
				test.options.Namespace = "default"
			}
			report, err := Run(append(settings, read...), test.options)
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, note := range report.Notes {
				got = append(got, note.String())
			}
			for _, problem := range report.Problems {
				got = append(got, problem.String())
			}
			for i := range min(len(got), len(test.want)) { // wanted are beginnings
				if strings.HasPrefix(got[i], test.want[i]) {
					got[i] = test.want[i]
				}
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("notes differ (-want +got):\n%s", diff)
			}
			changed := false
			for _, workload := range report.Workloads {
				changed = changed || string(workload.Result) != string(workload.Document.JSON)
			}
			if changed != test.changed {
				t.Errorf("changed: got %t, want %t", changed, test.changed)
			}
		})
	}
}

// TestNoFederation: then fedmesh leaves pods alone, which is not what was meant.
func TestNoFederation(t *testing.T) {
	pod, _ := documents.Parse("f", []byte("{apiVersion: v1, kind: Pod, metadata: {name: web}, spec: {containers: [{name: web}]}}"))
	if report, err := Run(pod, Options{}); !errors.Is(err, ErrNoFederation) || report.Workloads != nil {
		t.Errorf("got %d workloads, error %v; want none, %v", len(report.Workloads), err, ErrNoFederation)
	}
	broken, _ := documents.Parse("f", []byte(strings.Replace(usual, "localMember", "localMembers", 1)))
	if report, err := Run(broken, Options{}); !errors.Is(err, ErrNoFederation) || len(report.Problems) != 1 {
		t.Errorf("one that cannot be read: got problems %v, error %v; want one, %v", report.Problems, err, ErrNoFederation)
	}
}
