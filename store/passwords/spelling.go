package passwords

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// opaque returns a password in the OpaqueString form of RFC 8265 §4.2.2: each
// space is the ASCII one, and the text is in Normalization Form C.
func opaque(password string) string {
	if isASCII(password) || !utf8.ValidString(password) {
		return password
	}
	return norm.NFC.String(strings.Map(func(r rune) rune {
		if unicode.Is(unicode.Zs, r) {
			return ' '
		}
		return r
	}, password))
}

// spellings returns the forms of a password from which a hash may have been made:
// as it was typed, and at most one other. That is the opaque form or, if the
// password was typed in it, the decomposed one, for hashes of what an older
// device typed.
func spellings(password string) []string {
	if isASCII(password) || !utf8.ValidString(password) {
		return []string{password}
	}
	other := opaque(password)
	if other == password {
		other = norm.NFD.String(password)
	}
	if other == password {
		return []string{password}
	}
	return []string{password, other}
}

func isASCII(s string) bool {
	for i := range len(s) {
		if s[i] >= 0x80 {
			return false
		}
	}
	return true
}
