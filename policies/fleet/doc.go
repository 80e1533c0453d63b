// Package fleet holds the rules about several clusters at once, FED901 to FED906: what
// one member asks for and another one does not give. Only the command line, which can
// be given the configuration of all of them, has these.
//
// The contract of a rule is that of package policies, whose findings these are; but a
// rule here sees all clusters and reports on the objects of any.
//
// What does not belong here: rules about one cluster, and reading of files and
// clusters.
package fleet
