// Command playground is what "make run" starts: a control plane with fedmesh on
// it, to look at and to play with.
//
// It shows what fedmesh does with the real kubectl on the manifests beside this
// file, every command printed before what it prints, and checks what it shows:
// steps.go is the list of what is to be seen. Then it stays up until Ctrl-C.
// With -oneshot it ends after the last step. The exit status is 1 when anything
// was not as it should be.
//
// What does not belong here: tests of single rules, which are fixtures of package
// policies, and tests of the server, which are in test/integration. The playground
// is a demonstration that happens to be checked.
package main
