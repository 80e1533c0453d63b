package policies

import "fedmesh.io/fedmesh/policies/pods"

// MaxWarning is the length, in bytes, beyond which the API server may cut a
// warning (k8s.io/apiserver, pkg/endpoints/filters/warning.go).
const MaxWarning = 256

// Cut shortens text to at most limit bytes without splitting a character.
func Cut(text string, limit int) string { return pods.Cut(text, limit) }
