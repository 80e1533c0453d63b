// Package kustomize builds directories with a kustomization, by the library that
// kubectl builds them with: no plugins, no Helm charts, nothing from outside of the
// roots. What comes out are documents that know which file they were made of.
//
// What the objects mean is for package lint.
package kustomize
