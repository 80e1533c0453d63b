// Package v1alpha1 holds the Federation API: what the clusters of a federation
// are called, which trust domains and networks they have, which hosts and
// virtual addresses are federated, and what pods get.
//
// The types carry their defaults and whatever validation the API server can do
// by itself (schema and CEL). What it cannot express is checked where the
// specification is compiled, in package mesh. No behaviour lives here.
//
// +kubebuilder:object:generate=true
// +groupName=fedmesh.io
package v1alpha1
