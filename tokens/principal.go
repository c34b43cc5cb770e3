package tokens

import (
	"context"
	"encoding/json"
	"strings"
	"time"
)

// Principal is who is calling, as a genuine access token says. It is a value
// that nobody can change for others: copies share nothing that can be written.
// The zero Principal is nobody.
type Principal struct {
	// Subject is the user's ID ("sub"); see RFC 9068 §2.2.
	Subject string

	// Account is whose quota is spent ("acct"); empty: the user's own.
	Account string

	// Tier is the account's plan when the token was made ("tier").
	Tier string

	// Seats is how many seats the account paid for then ("seats").
	Seats int

	// ClientID is the client that the token was made for ("client_id"); empty
	// if it named none.
	ClientID string

	// Scope holds the scope-tokens granted, with one space between them.
	Scope string

	// Restricted reports that the token may do less than its user
	// ("restricted"): it was made of an API key, or it had not all the scopes that
	// its user held when it was made. Such a token should not manage the user's
	// sessions and keys.
	Restricted bool

	// SessionID tells sessions apart ("sid"). It is a one-way image of the
	// session's ID in the store, or of the API key's that the token was exchanged
	// for, and empty where neither is behind the token.
	SessionID string

	// TokenID is the token's own name ("jti").
	TokenID string

	// IssuedAt and ExpiresAt are "iat" and "exp", in whole seconds.
	IssuedAt, ExpiresAt time.Time

	claims string
}

// HasScope reports whether the scope-token name was granted.
func (p Principal) HasScope(name string) bool {
	for have := range strings.SplitSeq(p.Scope, " ") {
		if have == name && name != "" {
			return true
		}
	}
	return false
}

// Scopes returns the scope-tokens granted, in a slice of the caller's own.
func (p Principal) Scopes() []string { return strings.Fields(p.Scope) }

// Claims decodes all claims of the token, registered ones and the host's own,
// into v as [json.Unmarshal] does. The zero Principal has none: v stays as it
// is.
func (p Principal) Claims(v any) error {
	if p.claims == "" {
		return nil
	}
	return json.Unmarshal([]byte(p.claims), v)
}

type principalKey struct{}

// PrincipalFrom returns the principal that the bearer middleware has put into
// the request's context, and false if there is none: the middleware is
// missing, or it lets callers without a token through and this is one.
func PrincipalFrom(ctx context.Context) (Principal, bool) {
	p, ok := ctx.Value(principalKey{}).(Principal)
	return p, ok
}

// WithPrincipal returns a context that PrincipalFrom finds p in. The bearer
// middleware calls it; so may a test of a handler.
func WithPrincipal(ctx context.Context, p Principal) context.Context {
	return context.WithValue(ctx, principalKey{}, p)
}
