// Package fieldvalue has what values of HTTP header fields (RFC 9110 section 5.5) are
// checked and written with.
package fieldvalue

import "time"

// IsQuotable reports whether s can stand between quotes as it is: in a quoted-string
// (RFC 9110 section 5.6.4), a string of RFC 9651 section 3.3.3, and an
// error_description of RFC 6749 section 5.2. These are the printable characters of
// ASCII without the quote and the backslash. The empty string is quotable.
func IsQuotable(s string) bool {
	for i := range len(s) {
		if s[i] < 0x20 || s[i] > 0x7e || s[i] == '"' || s[i] == '\\' {
			return false
		}
	}
	return true
}

// Seconds returns d in whole seconds, rounded up, so that a client that waits as long
// is admitted. It returns 0 for a d of 0 or less.
func Seconds(d time.Duration) int64 {
	if d <= 0 {
		return 0
	}
	return int64((d + time.Second - 1) / time.Second)
}
