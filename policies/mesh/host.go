package mesh

import "strings"

// CanonicalHost is the form that hosts are compared in: lower case, without a
// trailing dot.
func CanonicalHost(host string) string {
	return strings.ToLower(strings.TrimSuffix(host, "."))
}

// IsWildcard reports whether a canonical host stands for more than one name:
// "*" or "*.x".
func IsWildcard(host string) bool {
	return strings.HasPrefix(host, "*")
}

// CutNamespace splits the "namespace/host" form that Gateway and Sidecar hosts
// have. Without a slash the namespace is empty.
func CutNamespace(host string) (namespace, name string) {
	if namespace, name, found := strings.Cut(host, "/"); found {
		return namespace, name
	}
	return "", host
}

// under reports whether host is suffix itself or lies below it.
func under(host, suffix string) bool {
	if len(host) == len(suffix) {
		return host == suffix
	}
	return below(host, suffix)
}

// below reports whether host lies below suffix and is not suffix itself.
func below(host, suffix string) bool {
	return len(host) > len(suffix) &&
		host[len(host)-len(suffix)-1] == '.' &&
		strings.HasSuffix(host, suffix)
}

// matches reports whether a canonical host is one that pattern stands for:
// itself, or, for "*.x", anything below x.
func matches(pattern, host string) bool {
	if rest, wildcard := strings.CutPrefix(pattern, "*."); wildcard {
		return below(host, rest)
	}
	return pattern == host
}
