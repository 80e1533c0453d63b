package policies

import (
	"fmt"

	"k8s.io/apimachinery/pkg/labels"

	"fedmesh.io/fedmesh/policies/mesh"
	"fedmesh.io/fedmesh/policies/pods"
)

// Labels by which a namespace asks for Istio's injector (istio
// manifests/charts/istio-control/istio-discovery/templates/mutatingwebhook.yaml).
const (
	injectionLabel    = "istio-injection"
	injectionEnabled  = "enabled"
	injectionDisabled = "disabled"
)

/*
FED606 no-proxy: a pod of the federation has a proxy.

Restricted fields of a finished pod:

	spec.containers[*].name, spec.initContainers[*].name

Forbidden values: no container istio-proxy in either list, or only one that a user
declared for the injector to complete.

Allowed: every pod that opts out, by fedmesh.io/inject: "false",
sidecar.istio.io/inject: "false", istio.io/dataplane-mode: ambient or by being on
the host network.
*/
func noProxy() Rule {
	return Rule{
		ID:         "FED606",
		Name:       "no-proxy",
		Summary:    "a pod of an opted-in namespace has Istio's proxy, or opts out",
		Action:     Warn,
		FinalCheck: true,
		Applies:    []mesh.Kind{mesh.Pod},
		Doc: Doc{
			Why: "No part of the federation works without the proxy: federated names do not resolve, and nobody speaks mutual TLS for " +
				"the pod. Most often the namespace lacks the label that has Istio inject it.",
			Bad: `apiVersion: v1
kind: Pod
metadata: {name: web, namespace: foo}
spec:
  containers: [{name: web, image: web}]
---
apiVersion: v1
kind: Namespace
metadata: {name: foo, labels: {fedmesh.io/federation: enabled}}
`,
			Good: `apiVersion: v1
kind: Pod
metadata: {name: web, namespace: foo, labels: {fedmesh.io/inject: "false"}}
spec:
  containers: [{name: web, image: web}]
---
apiVersion: v1
kind: Namespace
metadata: {name: foo, labels: {fedmesh.io/federation: enabled}}
`,
			Fix: "Label the namespace `istio-injection=enabled` (or `istio.io/rev=<revision>`) and create the pod again; or label the pod " +
				"`fedmesh.io/inject: \"false\"` if it is to stay out.",
		},
		Check: checkNoProxy,
	}
}

func checkNoProxy(review Review, view *mesh.View) []Finding {
	pod := review.Object.Pod
	if !participates(review, view) || len(injectedProxies(pod)) > 0 {
		return nil
	}
	why, fix := whyNotInjected(review.Object.Namespace, namespaceOf(review, view))
	message := "no container " + pods.ProxyContainer
	for i := range pod.Containers {
		if pod.Containers[i].IsProxy() {
			message = "container " + pods.ProxyContainer + " is not completed by Istio's injector"
		}
	}
	return []Finding{{
		Field:   spec().Child("containers"),
		Message: message + ", without which nothing of the federation works: " + why,
		Fix:     fix + `, or label the pod fedmesh.io/inject: "false"`,
	}}
}

// whyNotInjected says what the labels of the namespace have to do with it.
// istio-injection comes before istio.io/rev.
func whyNotInjected(name string, namespace labels.Set) (why, fix string) {
	revision := namespace[mesh.RevisionLabel]
	switch injection := namespace[injectionLabel]; {
	case injection == injectionDisabled:
		return fmt.Sprintf("namespace %s is labelled %s=%s", name, injectionLabel, injection), "change that"
	case injection == injectionEnabled:
		return fmt.Sprintf("namespace %s is labelled %s=%s, and no injector came", name, injectionLabel, injection), "see whether istiod runs"
	case injection == "" && revision != "":
		return fmt.Sprintf("namespace %s is labelled %s=%s, and no injector came", name, mesh.RevisionLabel, revision), "see whether that revision runs"
	}
	return fmt.Sprintf("namespace %s has neither %s=%s nor %s", name, injectionLabel, injectionEnabled, mesh.RevisionLabel), "label it"
}
