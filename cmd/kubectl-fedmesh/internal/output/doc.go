// Package output writes reports: text for people and JSON for machines. It decides
// nothing.
package output
