// Package live reads the configuration of running clusters, as documents: once, and
// never anything but lists.
//
// What does not belong here: what the objects mean, which is for package
// configuration, and watching, which is the business of the webhook's package feed.
// Nothing here writes to a cluster.
package live
