// Package manifests has the tests of the manifests, as a user applies them, on a
// real control plane: what the API server makes of each overlay, what pods and
// permissions come of it, whose seats fedmesh's requests take, who may write which
// IPAddress, which requests are sent to fedmesh, and that the real server lives on
// what the overlay gives it.
//
// One control plane takes one overlay after the other, and each test is a chain of
// steps from kubectl apply to kubectl delete. For most of it a stand-in takes the
// server's place, because what is asked is looked at and not what is answered: that
// is for package integration.
package manifests
