package policies

import (
	"slices"
	"strconv"

	"k8s.io/apimachinery/pkg/util/validation/field"

	"fedmesh.io/fedmesh/policies/mesh"
)

/*
FED120 serving-mtls: workloads behind a federated host take Istio's mutual TLS.

Restricted fields of a WorkloadEntry that a ServiceEntry with a federated host selects:

	metadata.labels["security.istio.io/tlsMode"]
	spec.labels["security.istio.io/tlsMode"]
	spec.serviceAccount

Warned about: the label has another value than istio, or is not there and
spec.serviceAccount is not, either. Istio takes a label of the object before the same
one of the specification, and selects by both (istio
pilot/pkg/serviceregistry/serviceentry/conversion.go, ConvertWorkloadEntry and
getTLSModeFromWorkloadEntry).

Allowed: WorkloadEntries that only other entries select, or entries outside the mesh,
of which FED107 speaks.
*/
func servingMTLS() Rule {
	return Rule{
		ID:      "FED120",
		Name:    "serving-mtls",
		Summary: "a WorkloadEntry behind a federated host is marked for mutual TLS",
		Action:  Warn,
		Applies: []mesh.Kind{mesh.WorkloadEntry},
		Reads:   []mesh.Kind{mesh.ServiceEntry},
		Doc: Doc{
			Why: "An `AUTO_PASSTHROUGH` gateway passes mutual TLS on without ending it, and so leaves out every workload that does not " +
				"take it. Pods are marked by Istio's injector, WorkloadEntries are not: other members find nobody behind the host.",
			Bad: `apiVersion: networking.istio.io/v1
kind: WorkloadEntry
metadata: {name: httpbin-vm, namespace: foo}
spec: {address: 10.0.0.7, labels: {app: httpbin}}
---
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: httpbin, namespace: foo}
spec:
  hosts: [httpbin.foo.global]
  addresses: [240.0.0.2]
  location: MESH_INTERNAL
  resolution: STATIC
  ports: [{number: 8000, name: http, protocol: HTTP}]
  workloadSelector: {labels: {app: httpbin}}
`,
			Good: `apiVersion: networking.istio.io/v1
kind: WorkloadEntry
metadata: {name: httpbin-vm, namespace: foo}
spec: {address: 10.0.0.7, labels: {app: httpbin}, serviceAccount: httpbin}
---
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: httpbin, namespace: foo}
spec:
  hosts: [httpbin.foo.global]
  addresses: [240.0.0.2]
  location: MESH_INTERNAL
  resolution: STATIC
  ports: [{number: 8000, name: http, protocol: HTTP}]
  workloadSelector: {labels: {app: httpbin}}
`,
			Fix: "Name the workload's `serviceAccount`, or label it `security.istio.io/tlsMode: istio`.",
		},
		Check: checkServingMTLS,
	}
}

func checkServingMTLS(review Review, view *mesh.View) []Finding {
	object := review.Object
	workload := mesh.WorkloadOf(object)
	if mesh.EndpointMutualTLS(workload) {
		return nil
	}
	labels := mesh.SelectorLabels(workload.GetLabels())
	entries := view.SelectingEntries(object.Namespace)
	i := slices.IndexFunc(entries, func(e *mesh.SelectingEntry) bool {
		return !e.Entry.External && servedHost(e, view.Federation()) != "" && mesh.Covers(e.Selector, labels)
	})
	if i < 0 {
		return nil
	}
	path := spec().Child("labels").Key(mesh.TLSModeLabel)
	finding := Finding{
		Field:   path,
		Message: "no mutual TLS for this workload",
		Fix:     "set it to istio, or name its serviceAccount",
		Related: []mesh.Ref{entries[i].Ref},
	}
	if mode, labelled := workload.GetLabels()[mesh.TLSModeLabel]; labelled {
		finding.Value = mode
		finding.Message = strconv.Quote(Quote(mode)) + " means no mutual TLS"
		finding.Fix = "set it to istio"
		if _, first := object.Labels[mesh.TLSModeLabel]; first {
			finding.Field = field.NewPath("metadata", "labels").Key(mesh.TLSModeLabel)
		}
	}
	host := servedHost(entries[i], view.Federation())
	finding.Message += ", gateways leave it out of "
	finding.Message += fit(host, finding.Field, finding.Message+"; "+finding.Fix)
	return []Finding{finding}
}
