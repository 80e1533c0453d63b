// Package command is the commands of kubectl fedmesh: flags, help and exit codes.
// What they do is in the packages beside it.
package command
