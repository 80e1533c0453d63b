package policies

import (
	"fmt"

	"fedmesh.io/fedmesh/policies/api/v1alpha1"
	"fedmesh.io/fedmesh/policies/mesh"
)

const hostPathID = "FED604"

// PodSecurityLabel names the Pod Security level that a namespace enforces
// (k8s.io/pod-security-admission, api/constants.go).
const PodSecurityLabel = "pod-security.kubernetes.io/enforce"

/*
FED604 hostpath: the namespace allows the directory of the node that the socket is
configured to come from.

Restricted fields: the label pod-security.kubernetes.io/enforce of the namespace,
for pods with an injected istio-proxy that has no socket, while the Federation's
pods.workloadSocket is of type HostPath.

Forbidden values: baseline, restricted.
*/
func hostPath() Rule {
	return Rule{
		ID:         hostPathID,
		Name:       "hostpath",
		Summary:    "a namespace of the federation allows the hostPath volume that the socket comes from",
		Action:     Warn,
		FinalCheck: true,
		Applies:    []mesh.Kind{mesh.Pod},
		Doc: Doc{
			Why: "The Pod Security levels `baseline` and `restricted` forbid hostPath volumes. fedmesh adds none there, for the API " +
				"server would refuse the pod. So the proxy has no socket and takes an identity of Istio's own authority.",
			Bad: `apiVersion: v1
kind: Pod
metadata: {name: web, namespace: foo, annotations: {sidecar.istio.io/status: "{}"}}
spec:
  initContainers: [{name: istio-proxy, image: istio/proxyv2, restartPolicy: Always}]
  containers: [{name: web, image: web}]
---
apiVersion: v1
kind: Namespace
metadata:
  name: foo
  labels: {fedmesh.io/federation: enabled, istio-injection: enabled, pod-security.kubernetes.io/enforce: baseline}
---
apiVersion: fedmesh.io/v1alpha1
kind: Federation
metadata: {name: default}
spec:
  localMember: cluster-1
  members: [{name: cluster-1, network: network-1, trustDomain: foo.com}]
  pods: {workloadSocket: {type: HostPath, path: /run/spire/agent-sockets}}
`,
			Good: `apiVersion: v1
kind: Pod
metadata: {name: web, namespace: foo, annotations: {sidecar.istio.io/status: "{}"}}
spec:
  initContainers:
  - name: istio-proxy
    image: istio/proxyv2
    restartPolicy: Always
    volumeMounts: [{name: workload-socket, mountPath: /var/run/secrets/workload-spiffe-uds, readOnly: true}]
  containers: [{name: web, image: web}]
  volumes: [{name: workload-socket, csi: {driver: csi.spiffe.io, readOnly: true}}]
---
apiVersion: v1
kind: Namespace
metadata:
  name: foo
  labels: {fedmesh.io/federation: enabled, istio-injection: enabled, pod-security.kubernetes.io/enforce: baseline}
`,
			Fix: "Provide the socket by the SPIFFE CSI driver (`pods.workloadSocket: {type: CSI}`), or have the namespace enforce the " +
				"level `privileged`.",
		},
		Check: checkHostPath,
	}
}

func checkHostPath(review Review, view *mesh.View) []Finding {
	source := view.Federation().Spec.Pods.WorkloadSocket
	level := namespaceOf(review, view)[PodSecurityLabel]
	if !forbidsSource(level, source) || !participates(review, view) || len(socketFindings(review.Object.Pod, source)) == 0 {
		return nil
	}
	return []Finding{hostPathFinding(level, source)}
}

// forbidsSource reports whether a Pod Security level forbids the volume that source
// asks for (k8s.io/pod-security-admission, policy/check_hostPathVolumes.go and
// check_restrictedVolumes.go).
func forbidsSource(level string, source v1alpha1.WorkloadSocket) bool {
	return source.Type == v1alpha1.WorkloadSocketHostPath && (level == "baseline" || level == "restricted")
}

// hostPathFinding is the finding of FED604. The mutation, which leaves the volume
// out, says it too.
func hostPathFinding(level string, source v1alpha1.WorkloadSocket) Finding {
	return Finding{
		Rule:    hostPathID,
		Field:   spec().Child("volumes"),
		Value:   level,
		Message: fmt.Sprintf("the socket cannot come from %s: the namespace enforces Pod Security level %s, which forbids hostPath volumes", describeSource(source), level),
		Fix:     "set pods.workloadSocket to CSI, or enforce privileged",
	}
}
