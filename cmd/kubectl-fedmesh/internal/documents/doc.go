// Package documents reads manifests: files, directories of them and standard
// input, split into documents that know where they came from.
//
// A document that cannot be read is a Problem, and takes no other with it. What
// the objects mean is for package lint.
package documents
