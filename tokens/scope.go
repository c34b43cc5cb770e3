package tokens

import (
	"slices"
	"strings"
)

// maxScopes bounds how many scope-tokens one request may name.
const maxScopes = 64

// ParseScope splits a scope parameter of RFC 6749 §3.3: scope-tokens with one
// space between them, each once. It returns ErrInvalidScope for anything that
// the grammar does not have; an empty scope is none.
func ParseScope(scope string) ([]string, error) {
	if scope == "" {
		return nil, nil
	}
	names := strings.Split(scope, " ")
	if err := checkScopes(names); err != nil {
		return nil, err
	}
	slices.Sort(names)
	return slices.Compact(names), nil
}

func checkScopes(names []string) error {
	if len(names) > maxScopes {
		return ErrInvalidScope
	}
	for _, name := range names {
		if !isScopeToken(name) {
			return ErrInvalidScope
		}
	}
	return nil
}

// isScopeToken: 1*( %x21 / %x23-5B / %x5D-7E ).
func isScopeToken(s string) bool {
	if s == "" || len(s) > 128 {
		return false
	}
	for i := range len(s) {
		if c := s[i]; c < 0x21 || c > 0x7e || c == '"' || c == '\\' {
			return false
		}
	}
	return true
}

// both returns what is in a and in b, in a's order, each once.
func both(a, b []string) []string {
	var out []string
	for _, s := range a {
		if slices.Contains(b, s) && !slices.Contains(out, s) {
			out = append(out, s)
		}
	}
	return out
}

// narrowed returns the part of what the user may do today that is within
// limits: all of it where nothing narrows.
func narrowed(user, limit []string) []string {
	if len(limit) == 0 {
		return both(user, user)
	}
	return both(user, limit)
}
