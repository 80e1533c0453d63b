package pods

import (
	"strconv"
	"unicode/utf8"
)

// Shorten cuts a value of a user's to what a message has room for.
func Shorten(value string) string { return OneLine(value, 40) }

// OneLine cuts text, and writes what is not printable in it as Go does.
func OneLine(text string, limit int) string {
	quoted := strconv.Quote(Cut(text, limit))
	return quoted[1 : len(quoted)-1]
}

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
