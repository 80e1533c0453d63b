// Package pods reads pods: of each, what the mutations and the rules of package
// policies ask about, straight from its JSON and without a copy. A pod is read on
// every creation in an opted-in namespace, so that this is the one decoder for
// both, and it decodes nothing that neither asks about.
//
// What lives here: the scanner of JSON, the names that Istio gives to what its
// injector makes, and what a pod says of itself, such as whether it is injected
// or left alone.
//
// What must not live here: what the Federation or a namespace wants of a pod, and
// patches and findings. Those are for package policies. Nor does this package read
// clocks, files, the environment or the network.
package pods
