package tokens

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// isText reports whether a store can hold a text: UTF-8 without NUL.
func isText(s string) bool { return utf8.ValidString(s) && strings.IndexByte(s, 0) < 0 }

// isString reports whether a store can hold a text as an identifier.
func isString(s string) bool { return len(s) <= maxString && isText(s) }

// printable returns s if a store could hold it, and "" otherwise.
func printable(s string) string {
	if isString(s) {
		return s
	}
	return ""
}

// label returns the text of a client (a User-Agent) as one line of at most 200
// bytes.
func label(s string) string {
	s = strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) { // such as a line separator or a bidirectional mark
			return -1
		}
		return r
	}, strings.ToValidUTF8(s, ""))
	for len(s) > 200 {
		_, size := utf8.DecodeLastRuneInString(s)
		s = s[:len(s)-size]
	}
	return s
}
