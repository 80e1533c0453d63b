// Package mesh knows what is in the mesh: which objects there are, what they
// are called, which hosts and addresses they hold, and what the federation's
// configuration says about them.
//
// An Index is fed with objects, by informers or from files, and keeps of each
// only what questions need. A View asks the Index on behalf of one object: it
// never shows that object to itself, nor objects of another control plane
// revision. Answers cost O(1) or O(log n) in the number of objects, or as much
// as the answer is long; there is no way to walk over everything.
//
// What does not belong here: judgement. Whether something is wrong is for the
// rules in package policies to say. Nor does this package read clocks, files,
// the environment or the network.
package mesh
