// Package schema finds fields that the schema of an object does not have: misspelt
// ones, and ones in the wrong place. The schemas are those that the program has
// anyway: the descriptors of Istio's API and the Go types of cert-manager's, which
// their CRDs are generated from.
//
// What the fields say is for the rules.
package schema
