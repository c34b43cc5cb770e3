package tokens

import (
	"fmt"
	"slices"
	"strings"

	"github.com/sallyport-go/sallyport/store"
)

// maxScopes is the maximum number of scope-tokens in one request.
const maxScopes = 64

// ParseScope splits a scope parameter (RFC 6749 §3.3): scope-tokens separated by
// one space. It returns them sorted and without duplicates. It returns nil for an
// empty text.
//
// It returns ErrInvalidScope for a text that does not match the grammar, for more
// than 64 scope-tokens, or for one of more than 128 bytes.
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

// checkScopes returns ErrInvalidScope for scopes that cannot be requested. A list
// that is empty and not nil is one of them: it was narrowed to nothing, and an
// empty list in a store does not narrow.
func checkScopes(names []string) error {
	if len(names) > maxScopes || names != nil && len(names) == 0 {
		return ErrInvalidScope
	}
	for _, name := range names {
		if !isScopeToken(name) {
			return ErrInvalidScope
		}
	}
	return nil
}

// isScopeToken reports whether s is 1*( %x21 / %x23-5B / %x5D-7E ), at most 128
// bytes.
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

// both returns the elements of a that are also in b, in a's order and without
// duplicates.
func both(a, b []string) []string {
	var out []string
	for i, s := range a {
		if slices.Contains(b, s) && !slices.Contains(out, s) {
			if out == nil {
				out = make([]string, 0, len(a)-i)
			}
			out = append(out, s)
		}
	}
	return out
}

// distinct returns how many elements of a are different.
func distinct(a []string) (n int) {
	for i, s := range a {
		if !slices.Contains(a[:i], s) {
			n++
		}
	}
	return n
}

// held returns what can be granted to a user: the scopes that they hold now,
// within each limit: that of the client, the session and the API key. An empty
// limit does not narrow.
func held(user []string, limits ...[]string) []string {
	scopes := both(user, user)
	for _, limit := range limits {
		if len(limit) > 0 {
			scopes = both(scopes, limit)
		}
	}
	return scopes
}

// grant returns the scopes of a request: exactly those that it asks for, or all
// that is held if it asks for none. More than is held is ErrInvalidScope (RFC
// 6749 §5.2 and §6), so a narrowed list is never empty, and stays narrowed when
// it is written into a session or a key.
func grant(held, asked []string) ([]string, error) {
	if len(asked) == 0 {
		return held, nil
	}
	for _, name := range asked {
		if !slices.Contains(held, name) {
			return nil, fmt.Errorf("%w: more than is held", ErrInvalidScope)
		}
	}
	return both(held, asked), nil
}

// asked returns the scopes that a login requests: nil if it requests none, or if
// unknown ones are ignored and the user holds none of them.
func (r LoginRequest) asked(user store.User) []string {
	if !r.IgnoreUnknownScopes {
		return r.Scopes
	}
	return both(r.Scopes, user.Scopes) // nil if none is left
}
