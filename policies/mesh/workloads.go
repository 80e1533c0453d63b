package mesh

import (
	"maps"
	"slices"
	"strings"

	"google.golang.org/protobuf/proto"
	networking "istio.io/api/networking/v1alpha3"
)

// SelectingEntry is what the Index keeps, beside its Entry, of a ServiceEntry with a
// workloadSelector: pods and WorkloadEntries of its own namespace stand behind its
// hosts.
type SelectingEntry struct {
	Meta
	// Entry is the rest that is known of the ServiceEntry.
	Entry *Entry
	// Selector is the labels of the workloads, as SelectorLabels has them.
	Selector []string
	// TargetPorts are the ports that the workloads are reached on, in the order of
	// the entry's ports.
	TargetPorts []uint32
}

func newSelectingEntry(object *Object, entry *Entry) *SelectingEntry {
	spec := object.ServiceEntry
	// Istio takes one without labels for one that is not there (istio
	// pilot/pkg/serviceregistry/serviceentry/controller.go, serviceEntryHandler).
	if len(spec.GetWorkloadSelector().GetLabels()) == 0 {
		return nil
	}
	selecting := &SelectingEntry{
		Meta:     newMeta(object),
		Entry:    entry,
		Selector: SelectorLabels(spec.GetWorkloadSelector().GetLabels()),
	}
	for _, port := range spec.GetPorts() {
		target := port.GetTargetPort()
		if target == 0 {
			target = port.GetNumber()
		}
		selecting.TargetPorts = append(selecting.TargetPorts, target)
	}
	return selecting
}

// SelectingEntries returns the ServiceEntries of a namespace that select workloads,
// the oldest first.
func (v *View) SelectingEntries(namespace string) []*SelectingEntry {
	return shownIn(v, ServiceEntry, namespace, selectingEntries)
}

// AllSelectingEntries returns the ServiceEntries of all namespaces that select
// workloads, the oldest first. It costs what there are; it is for what holds for
// the whole mesh.
func (v *View) AllSelectingEntries() []*SelectingEntry {
	return shown(v, ServiceEntry, selectingEntries)
}

func selectingEntries(x *Index) byNamespace[*SelectingEntry] { return x.selecting }

// Covers reports whether every workload that has the labels of selected has those of
// selector, too. Both are as SelectorLabels has them.
func Covers(selector, selected []string) bool {
	for len(selector) > 0 {
		if len(selected) == 0 || selected[0] > selector[0] {
			return false
		}
		if selected[0] == selector[0] {
			selector = selector[1:]
		}
		selected = selected[1:]
	}
	return true
}

// Disjoint reports whether no workload can have the labels of both: they want
// different values of one label. Both are as SelectorLabels has them.
func Disjoint(one, other []string) bool {
	for _, label := range one {
		key, _, _ := strings.Cut(label, "=")
		if !slices.Contains(other, label) &&
			slices.ContainsFunc(other, func(l string) bool { return strings.HasPrefix(l, key+"=") }) {
			return true
		}
	}
	return false
}

// WorkloadOf returns the specification of a WorkloadEntry with the labels that Istio
// sees: those of the specification and those of the object, which come first (istio
// pilot/pkg/serviceregistry/serviceentry/conversion.go, ConvertWorkloadEntry).
func WorkloadOf(object *Object) *networking.WorkloadEntry {
	workload := proto.CloneOf(object.WorkloadEntry)
	if workload.Labels == nil {
		workload.Labels = map[string]string{}
	}
	maps.Copy(workload.Labels, object.Labels)
	return workload
}

// workload is what the Index keeps of a WorkloadEntry.
type workload struct {
	Meta
	address string
}

func newWorkload(object *Object) *workload {
	return &workload{Meta: newMeta(object), address: workloadAddress(object.WorkloadEntry)}
}

func workloadAddress(spec *networking.WorkloadEntry) string {
	return canonicalAddress(spec.GetAddress())
}

// HasWorkloadAt reports whether a WorkloadEntry has this address, which is an IP
// address or a name in any spelling.
func (v *View) HasWorkloadAt(address string) bool {
	v.reads |= KindSet(WorkloadEntry)
	address = canonicalAddress(address)
	for index := range v.indexes {
		index.lock.RLock()
		for _, at := range index.byWorkloadAddress.appendTo(nil, address) {
			if v.shows(index, at.Ref, at.Revision) {
				index.lock.RUnlock()
				return true
			}
		}
		index.lock.RUnlock()
	}
	return false
}
