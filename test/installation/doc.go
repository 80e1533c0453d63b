// Package installation installs fedmesh on a control plane of package
// controlplane the way a user does: kubectl applies an overlay as it is, the one
// for clusters without cert-manager unless the caller wants another.
//
// The server is the real binary. It runs beside the control plane and not in a
// pod, since there are no nodes, but with the flags and the environment of the
// Deployment and with the token of its ServiceAccount: what the manifests forget
// to allow or to say, fails here. Two things differ from a cluster. The webhook
// configurations point at a loopback address instead of the Service, and the
// certificate is for that, too.
//
// Any number of replicas can run at the same time. The API server asks one of
// them, or several by turns; which, the caller decides.
package installation
