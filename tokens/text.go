package tokens

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// isText reports what a store can hold: UTF-8 without NUL.
func isText(s string) bool { return utf8.ValidString(s) && strings.IndexByte(s, 0) < 0 }

// isString reports what a store can hold under a name.
func isString(s string) bool { return len(s) <= maxString && isText(s) }

// printable is s where a store could hold it, and nothing else.
func printable(s string) string {
	if isString(s) {
		return s
	}
	return ""
}

// label makes of a text from outside (a User-Agent) one line of 200 bytes.
func label(s string) string {
	s = strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) { // a line end of some script, or a mark that turns a line around
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
