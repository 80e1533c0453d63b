// Package lint holds documents against the rules, by the evaluator that admission
// uses: an index of all of them, and each judged by it.
//
// What does not belong here: reading files, which is for package documents, and
// writing reports, which is for package output.
package lint
