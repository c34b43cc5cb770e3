package tokens

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/sallyport-go/sallyport/internal/carry"
	"github.com/sallyport-go/sallyport/internal/strictjson"
	"github.com/sallyport-go/sallyport/store"
)

// Principal is the caller that a genuine access token names. It is an immutable
// value: copies share no memory that can be written. The zero Principal means
// that there is no caller.
type Principal struct {
	// Issuer is who issued the token ("iss"). It tells the users of several issuers
	// apart, unless their Issuer has a SubjectPrefix or SameUsers. Empty: the host made
	// the Principal itself.
	Issuer string

	// Subject is the user's ID ("sub", RFC 9068 §2.2). In a token of an API key whose
	// owner is not a user, it is the Subject of the store.Owner, such as
	// "service:nightly-import".
	Subject string

	// Account is the account whose quota is used ("acct"). Empty: the subject has a
	// quota of its own.
	Account string

	// Tier is the account's tier when the token was issued ("tier"). Empty: the
	// account has no tier. A new tier is in the next access token.
	Tier string

	// Seats is the number of seats that the account paid for when the token was
	// issued ("seats"), at least 1. Zero: the token does not say.
	Seats int

	// ClientID is the client that the token was issued to ("client_id"). Empty: the
	// request named no client.
	ClientID string

	// Scope is the granted scope: scope-tokens separated by one space.
	Scope string

	// Restricted reports that the token may do less than its user ("restricted"): it
	// was made from an API key, or it lacked some of the scopes that its user held
	// when it was issued. Such a token should not manage the user's sessions and
	// keys. It is set for each token of another issuer (see [Issuer]).
	Restricted bool

	kind kind

	// SessionID identifies the session ("sid"): it is its ID in the store, a one-way
	// hash of what the refresh tokens contain. In a token that was made from an API
	// key it is the ID of the key. Empty: the token has neither.
	SessionID string

	// TokenID identifies the token ("jti", RFC 7519 §4.1.7).
	TokenID string

	// AuthenticatedAt is when the user was authenticated ("auth_time"), in whole
	// seconds. Refreshing does not change it. Zero: the token was made from an API
	// key, or of a session for which it is not known.
	AuthenticatedAt time.Time

	// ContextClass is the authentication context class ("acr"): see
	// Config.ContextClass. Empty: the token has none.
	ContextClass string

	// Actor is the ID of who acts for the user ("act", RFC 8693 §4.1), for example of
	// support staff: see SignInRequest.Actor. Empty: the user acts for themselves.
	Actor string

	// IssuedAt and ExpiresAt are "iat" and "exp", in whole seconds.
	IssuedAt, ExpiresAt time.Time

	claims string
}

// kind is a store.OwnerKind in one byte: each request copies its Principal.
type kind uint8

var kinds = [...]store.OwnerKind{store.OwnerUser, store.OwnerAccount, store.OwnerService}

// kindOf returns a kind for its text, and false if there is no such kind.
func kindOf(k store.OwnerKind) (kind, bool) {
	i := slices.Index(kinds[:], k)
	return kind(max(i, 0)), i >= 0 //nolint:gosec // there are three
}

// Kind returns what the Subject is ("sub_kind"): a user, or the account or service
// account that owns the API key from which the token was made. A Principal that was not
// made from a token is that of a user.
func (p Principal) Kind() store.OwnerKind { return kinds[p.kind] }

// Owner returns whom the token is for: a user, or the account or service account that
// owns the API key from which it was made.
func (p Principal) Owner() store.Owner {
	kind := p.Kind()
	if kind == store.OwnerUser {
		return store.Owner{ID: p.Subject}
	}
	return store.Owner{Kind: kind, ID: strings.TrimPrefix(p.Subject, string(kind)+":")}
}

// HasScope reports whether the scope-token name was granted. Scope-tokens are
// compared byte by byte.
func (p Principal) HasScope(name string) bool {
	for have := range strings.SplitSeq(p.Scope, " ") {
		if have == name && name != "" {
			return true
		}
	}
	return false
}

// Scopes returns the granted scope-tokens in a new slice, or an empty slice.
func (p Principal) Scopes() []string { return strings.Fields(p.Scope) }

// Methods returns how the user was authenticated ("amr"), by the names of RFC 8176
// §2, in a new slice: "pwd" for a password. None: the token was made from an API key,
// or of a session for which it is not known.
func (p Principal) Methods() []string {
	var c struct {
		Methods texts `json:"amr"`
	}
	if p.Claims(&c) != nil { // another issuer's, of another type
		return nil
	}
	return c.Methods
}

// Claims decodes all claims of the token, registered ones and the host's own,
// into v as [json.Unmarshal] does, and returns its error. The zero Principal has
// no claims: v stays unchanged.
func (p Principal) Claims(v any) error {
	if p.claims == "" {
		return nil
	}
	return json.Unmarshal([]byte(p.claims), v)
}

// WithClaims returns a copy of p with the claims that v has as JSON, which must be an
// object. Claims and Methods then read them; the fields of p stay as they are. It is
// for a Principal that a host makes itself, for example in a test of its handlers. It
// returns an error if v is no JSON object.
func (p Principal) WithClaims(v any) (Principal, error) {
	text, err := json.Marshal(v)
	if err != nil {
		return Principal{}, fmt.Errorf("tokens: claims: %w", err)
	}
	if _, err := strictjson.Members(text); err != nil {
		return Principal{}, fmt.Errorf("tokens: claims: %w", err)
	}
	p.claims = string(text)
	return p, nil
}

// PrincipalFrom returns the principal that the bearer middleware put into the
// request's context. It returns false if there is none: the middleware is missing,
// or it allows callers without a token and this caller has none.
func PrincipalFrom(ctx context.Context) (Principal, bool) {
	if p := carry.From[Principal](ctx); p != nil {
		return *p, true
	}
	return Principal{}, false
}

// WithPrincipal returns a context from which PrincipalFrom returns p. The bearer
// middleware does the same, and tests of handlers may.
func WithPrincipal(ctx context.Context, p Principal) context.Context {
	return &carry.Context[Principal]{Context: ctx, Carried: p}
}
