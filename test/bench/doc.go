// Package bench measures the real server on a real control plane, from outside:
// over TLS and HTTP/2, with reviews as an API server sends them, at no entries
// and at ten thousand.
//
// What a review costs says little by itself, since most of it is TLS, HTTP and
// the decoding of JSON, which no webhook can do without. So each measurement has
// the floor beside it, program floor: a plain server that decodes the
// AdmissionReview and allows it. Both are asked in turns, many times a second,
// so that whatever else the machine does hits both; what counts is the CPU time
// of the one process over that of the other, cpu-x-floor.
//
// Nothing is asserted on time or memory. Every answer is compared with what it
// has to be, so that no error path is measured.
//
// What does not belong here: benchmarks of functions, which are beside what they
// measure.
package bench
