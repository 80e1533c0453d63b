// Package controlplane runs a real Kubernetes control plane for tests and for
// the playground: etcd, kube-apiserver and kube-controller-manager, with the
// real kubectl to talk to them.
//
// Admission is a conversation with the API server, and most of what can go
// wrong in it (dry-run, retries on conflict, the order of webhooks, warnings,
// what kubectl prints) is decided there. A fake would only repeat our own
// assumptions. The controllers are part of it because the pods that fedmesh
// patches are made by them and not by users.
//
// All servers listen on loopback, on free ports, so that any number of control
// planes can run side by side. All they write is in one temporary directory.
// When the process that started them ends, in whatever way, they end too.
//
// The binaries are built from the Go modules under servers/, each of which has
// its own go.mod so that its dependencies never mix with the product's.
// "make servers" builds them.
package controlplane
