// Package claims makes uniqueness hold: for requests that arrive at the same
// moment, through any number of replicas, and without a word between them but
// through the API server.
//
// Every cache lags behind, so two requests that each look at one can both pass.
// Here an admission that needs something only one may have, a key, first writes
// that down, where the API server lets only one writer win.
//
// # Keys
//
// A key is a virtual address, a federated host (exported to every namespace, or
// to exactly one), or the place of the default Sidecar in a namespace (key.go,
// use.go). A claim is a Lease in fedmesh's namespace, named after its key. It
// holds one Entry for each admission that relied on it (claim.go, lease.go).
//
// # Judging an entry
//
// What an entry is worth says its object itself, read from the API server after
// the claim was (entry.go):
//
//   - held: the object with the entry's uid has the key; an address with the same
//     set of hosts.
//   - void, otherwise, when the object has been there with the key, as a confirmed
//     entry says, or the entry of a creation whose object is there, so that it has
//     been given up since; or when the entry is an update's, and the object is not
//     the version any more that the API server would replace; or when it is older
//     than Grace.
//   - pending, otherwise: the request may still be stored.
//
// # Admission
//
// The last step of a request that every rule has let pass (admission.go): for
// each key that the object needs and did not have, in one order for all, read the
// claim and judge the entries that are in the way. One held: the request is
// denied. One pending: it is told to come again. Else the claim is written, on
// condition that nobody else has written it since, with an entry of this request
// and without the void ones. When a later key is refused, the entries of this
// request are taken back. A dry-run reads the same and writes nothing.
//
// Why it holds: of two requests for one key, the second to write its claim has
// read the first one's entry. Until the first is stored, or cannot be any more,
// that entry is pending; from then on it is held for as long as the object has the
// key. An entry is dropped only when its request cannot be stored any more: the
// API server gives up on a request after 34 s (k8s.io/apiserver
// pkg/endpoints/handlers/rest.go, requestTimeoutUpperBound), and Grace leaves the
// rest of a minute to etcd and to clocks that differ.
//
// What is not claimed: a host for several namespaces; an address that Istio's
// allocator gave; what a rule does not deny in an object's namespace; what an object
// comes to share when nothing but its label istio.io/rev changes, since labels can
// always be changed. Rules judge these by the index, and what is claimable among
// them the controller claims, and reports, once it is stored.
//
// # Controller
//
// One replica at a time (controller.go, leader.go), though two do no harm, follows
// the objects and the claims and brings the claims in line (reconcile.go): it
// confirms held entries, drops void ones, makes claims for objects that have none,
// and keeps IPAddress objects, so that Kubernetes gives no claimed address to a
// Service (guard.go). It reports objects that share what only one may have
// (conflict.go).
//
// What does not belong here: rules, which are for package policies, and answers
// to requests, which are for package webhook.
package claims
