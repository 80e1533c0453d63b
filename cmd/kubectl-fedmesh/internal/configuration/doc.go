// Package configuration makes of documents what questions are answered from: the
// Federation that is among them, the objects of the kinds that fedmesh knows, and
// an index of these.
//
// What does not belong here: reading files or clusters, which gives documents, and
// judging, which is for package lint.
package configuration
