// Package mutate shows what fedmesh makes of pods, by the mutation that admission
// uses. A workload is shown with the template that its pods are made of; in a
// cluster templates stay as they are, and the pods are patched.
//
// What does not belong here: what is patched and why, which is for package policies.
package mutate
