// Package istiod runs the real istiod beside a control plane of package
// controlplane, installed the way a user installs it: istioctl makes the
// manifests, kubectl applies them.
//
// Its pod would stay pending, since there are no nodes. So the same program runs
// as a process, with the arguments and the environment of its Deployment, the
// token of its ServiceAccount and the contents of the ConfigMaps that the
// Deployment mounts. Istio's webhook configurations are as the manifests have
// them but for where they point: at that process, with a certificate for
// localhost. One thing more differs: the validating one has no object selector.
// Istio's ambient and revisioned installations leave it to a second
// configuration to see objects without the label istio.io/rev, and tests are
// about those.
package istiod
