// Package vip says who holds which virtual address, and which one a new host could
// have.
//
// What does not belong here: what an address may be and which is proposed, which is
// for the packages policies and mesh, and reading files or clusters.
package vip
