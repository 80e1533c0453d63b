// Package feed keeps the mesh index of a live cluster: it watches the kinds of
// objects that questions are about and puts what the index keeps of them into
// it.
//
// It uses reflectors rather than informers, so that no second copy of every
// object is held beside the index; objects are decoded by package mesh, as
// those of admission requests and of files are. A kind that is not installed
// counts as empty until it is.
//
// The index lags behind the API server, be it by milliseconds. What hangs on how
// a single object is this very moment asks a Reader.
//
// What does not belong here: decisions about requests.
package feed
