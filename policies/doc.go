// Package policies holds the rules of mesh federation and the mutations of
// pods: what fedmesh exists for.
//
// # The contract of a rule
//
// A rule is a file of its own, fedNNN_<name>.go: a comment that is the
// specification, the metadata beside it, and a pure function. It may look at
// whatever the View shows and may report only on the object that it was given;
// that is why admission, the command line and the background audit agree. A
// rule returns findings and no error: what cannot be decoded never reaches it.
// It declares the kinds that it applies to and the kinds that it reads, and a
// test holds both against what it does. Its findings come in the order of the
// fields that they speak of, and nothing in them depends on the order of a map,
// on a clock or on chance.
//
// A finding says what was found, what is wrong with it, and the one step that
// fixes it, in one line. What Istio or the CRD's schema refuses by itself is not
// reported again, and ordinary Istio configuration is passed in silence.
//
// # What must not live here
//
// This package imports no controller-runtime, client-go, context, clock, logger,
// metrics, os or net/http. A test checks that.
package policies
