package policies

import "unicode/utf8"

// MaxWarning is the length, in bytes, beyond which the API server may cut a
// warning (k8s.io/apiserver, pkg/endpoints/filters/warning.go).
const MaxWarning = 256

// Cut shortens text to at most limit bytes without splitting a character.
func Cut(text string, limit int) string {
	if len(text) <= limit {
		return text
	}
	const ellipsis = "..."
	end := limit - len(ellipsis)
	for end > 0 && !utf8.RuneStart(text[end]) {
		end--
	}
	return text[:end] + ellipsis
}
