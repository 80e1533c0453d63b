package mutate

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	jsonpatch "gopkg.in/evanphx/json-patch.v4"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"fedmesh.io/fedmesh/cmd/kubectl-fedmesh/internal/configuration"
	"fedmesh.io/fedmesh/cmd/kubectl-fedmesh/internal/documents"
	"fedmesh.io/fedmesh/policies"
	"fedmesh.io/fedmesh/policies/api/v1alpha1"
	"fedmesh.io/fedmesh/policies/mesh"
	"fedmesh.io/fedmesh/policies/pods"
)

// Options of Run.
type Options struct {
	// Namespace of objects that name none.
	Namespace string
	// OptIn takes every namespace for opted in, whatever its labels in the files
	// say.
	OptIn bool
}

// Report is what becomes of a set of documents.
type Report struct {
	// Workloads in the order of the documents.
	Workloads []*Workload
	// Notes say what was left alone, taken for granted or warned about.
	Notes []Note
	// Problems are documents that could not be used.
	Problems []documents.Problem
}

// Note is something that a user is told.
type Note struct {
	// File and Line as in package documents; empty for what is about no document.
	File    string
	Line    int
	Message string
}

// String is the note in one line.
func (n Note) String() string {
	if n.File == "" {
		return n.Message
	}
	return documents.Problem(n).String()
}

// ErrNoFederation says that fedmesh would leave all pods alone.
var ErrNoFederation = errors.New("there is no Federation among the files, without which fedmesh leaves pods alone: add its file, or --federation FILE")

// run is a Run on its way.
type run struct {
	Report
	options       Options
	evaluator     *policies.Evaluator
	configuration configuration.Configuration
	namespaces    map[string]labels.Set // those among the documents
	assumed       map[string]bool       // namespaces that a note speaks of
}

// Run shows what becomes of the pods and workloads among the documents. The
// Federation and the namespaces that it hangs on are among the documents too.
// Without a Federation the error is ErrNoFederation.
func Run(all []documents.Document, options Options) (Report, error) {
	evaluator, err := policies.NewEvaluator(policies.Catalogue())
	if err != nil {
		return Report{}, err
	}
	// What else there is has no say in what becomes of a pod.
	settings := slices.DeleteFunc(slices.Clone(all), func(d documents.Document) bool { return !setting(d) })
	r := run{options: options, evaluator: evaluator, namespaces: map[string]labels.Set{}, assumed: map[string]bool{}}
	r.configuration, r.Problems = configuration.Load(settings, options.Namespace)
	if !r.configuration.Federation.Declared {
		return r.Report, ErrNoFederation
	}
	for _, object := range r.configuration.Objects {
		if object.Kind == mesh.Namespace {
			r.namespaces[object.Name] = object.Labels
		}
	}
	r.workloads(all)
	r.noteRootNamespace()
	return r.Report, nil
}

// setting reports whether a document is one of those that mutations hang on.
func setting(document documents.Document) bool {
	switch schema.FromAPIVersionAndKind(document.APIVersion, document.Kind).GroupKind() {
	case schema.GroupKind{Kind: "Namespace"}, schema.GroupKind{Group: v1alpha1.Group, Kind: "Federation"}:
		return true
	}
	return false
}

func (r *run) workloads(all []documents.Document) {
	var others []string
	count := map[string]int{}
	for _, document := range all {
		workload, err := newWorkload(document, r.options.Namespace)
		if err == nil && workload != nil {
			err = r.mutate(workload)
		}
		switch {
		case err != nil:
			r.Problems = append(r.Problems, documents.Problem{
				File: document.File, Line: document.Line(""),
				Message: "cannot read the " + document.Kind + ": " + strings.TrimPrefix(err.Error(), "cannot read the pod: "),
			})
		case workload != nil:
			r.Workloads = append(r.Workloads, workload)
		case !setting(document):
			if count[document.Kind]++; count[document.Kind] == 1 {
				others = append(others, document.Kind)
			}
		}
	}
	for i, kind := range others {
		others[i] = fmt.Sprintf("%d %s", count[kind], kind)
	}
	if len(others) > 0 {
		r.note("passed over, no pods and no templates of pods: " + strings.Join(others, ", "))
	}
	if len(r.Workloads)+len(r.Problems) == 0 {
		r.note("there is no pod and no template of pods among the files")
	}
}

// mutate does to a workload what the webhook does to its pods (webhook/pods.go).
// The error is that of a pod that cannot be read.
func (r *run) mutate(w *Workload) error {
	if w.pod == nil {
		r.noteOn(w, "", "left alone: there is no template at "+w.path(""))
		return nil
	}
	pod, err := pods.Decode(w.pod)
	if err != nil {
		return err
	}
	if why := pod.LeftAloneFor(); why != "" {
		r.noteOn(w, "", "left alone: "+why)
		return nil
	}
	namespace, why := r.namespace(w.Namespace)
	if why != "" {
		r.noteOn(w, "", "left alone: "+why)
		return nil
	}
	federation := r.configuration.Federation
	patch, err := policies.MutatePod(w.pod, policies.PodSettingsIn(w.Namespace, federation, r.configuration.Index))
	if err != nil {
		return err
	}
	for _, warning := range patch.Warnings {
		r.noteOn(w, "", "Warning: "+warning)
	}
	for _, finding := range patch.Findings {
		switch r.evaluator.Action(finding.Rule, namespace, federation) {
		case policies.Warn, policies.Deny:
			r.noteOn(w, finding.Field.String(), "Warning: "+finding.String())
		}
	}
	return w.apply(patch.Operations)
}

// namespace returns the labels that count for a namespace, or why pods in it are
// left alone.
func (r *run) namespace(name string) (set labels.Set, leftAlone string) {
	known, present := r.namespaces[name]
	set = maps.Clone(known)
	if !present && !r.assumed[name] {
		r.assumed[name] = true
		r.note("namespace " + name + " is not among the files: taken for one that is opted in and has no other label")
	}
	if !present || r.options.OptIn {
		if set == nil {
			set = labels.Set{}
		}
		set[mesh.OptInLabel] = mesh.OptInValue
	}
	switch {
	case mesh.OptedIn(set):
		return set, ""
	case set[mesh.OptInLabel] == mesh.OptInValue:
		return nil, "the mode of namespace " + name + " is ambient, and there is no sidecar"
	}
	return nil, "namespace " + name + " is not opted in (label " + mesh.OptInLabel + "=" + mesh.OptInValue +
		"); --opt-in shows what would be"
}

// noteRootNamespace says what the network label hangs on when that is not there.
func (r *run) noteRootNamespace() {
	spec := &r.configuration.Federation.Spec
	_, present := r.namespaces[spec.RootNamespace]
	if !present && spec.Pods.NetworkLabel == v1alpha1.NetworkLabelAuto && len(r.Workloads) > 0 {
		r.note("namespace " + spec.RootNamespace + " is not among the files: taken for one without label " + policies.NetworkLabel +
			", so that pods get none")
	}
}

func (r *run) note(message string) { r.Notes = append(r.Notes, Note{Message: message}) }

func (r *run) noteOn(w *Workload, field, message string) {
	r.Notes = append(r.Notes, Note{
		File: w.Document.File, Line: w.Document.Line(w.path(field)), Message: w.String() + ": " + message,
	})
}

// apply applies the patch of the pod to the object that it is in, by the library
// that the API server uses.
func (w *Workload) apply(operations []policies.PatchOperation) error {
	if len(operations) == 0 {
		return nil
	}
	moved := slices.Clone(operations)
	for i := range moved {
		moved[i].Path = w.pointer() + moved[i].Path
	}
	text, err := json.Marshal(moved)
	if err != nil {
		return err
	}
	patch, err := jsonpatch.DecodePatch(text)
	if err != nil {
		return err
	}
	w.Result, err = patch.Apply(w.Document.JSON)
	return err
}
