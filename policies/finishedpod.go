package policies

import (
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"fedmesh.io/fedmesh/policies/mesh"
	"fedmesh.io/fedmesh/policies/pods"
)

// FED601 to FED606 look at pods as they are after all mutators: at what fedmesh
// and Istio's injector were to do, and whether it is there. They ask about pods of
// opted-in namespaces that the mutations do not leave alone.

// participates reports whether the review's object is a pod that is to take part in
// the federation.
func participates(review Review, view *mesh.View) bool {
	return mesh.OptedIn(namespaceOf(review, view)) && !review.Object.Pod.LeftAlone()
}

// namespaceOf returns the labels of the namespace of the review's object.
func namespaceOf(review Review, view *mesh.View) labels.Set {
	return view.NamespaceLabels(review.Object.Namespace)
}

// injectedProxies returns the proxies of a pod that Istio has injected. One
// without an image is none: see leftover.
func injectedProxies(pod *pods.Pod) []*pods.Container {
	if !pod.Injected() {
		return nil
	}
	var proxies []*pods.Container
	for i := range pod.Containers {
		if c := &pod.Containers[i]; c.IsProxy() && c != leftover(pod) {
			proxies = append(proxies, c)
		}
	}
	return proxies
}

// containerField is the path of a container.
func containerField(c *pods.Container) *field.Path {
	list := "containers"
	if c.IsInit() {
		list = "initContainers"
	}
	return spec().Child(list).Index(c.Index)
}

func annotationField(key string) *field.Path {
	return field.NewPath("metadata", "annotations").Key(key)
}

// Parts of the examples: the specification of a pod that is as it should be, and
// its namespace.
const (
	injectedExample = `spec:
  initContainers:
  - name: istio-proxy
    image: istio/proxyv2
    restartPolicy: Always
    volumeMounts: [{name: workload-socket, mountPath: /var/run/secrets/workload-spiffe-uds, readOnly: true}]
  containers: [{name: web, image: web}]
  volumes: [{name: workload-socket, csi: {driver: csi.spiffe.io, readOnly: true}}]
`
	optedInExample = `---
apiVersion: v1
kind: Namespace
metadata: {name: foo, labels: {fedmesh.io/federation: enabled, istio-injection: enabled}}
`
)
