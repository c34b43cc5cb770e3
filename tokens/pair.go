package tokens

import (
	"fmt"
	"time"
)

// Pair is the result of a login, a refresh or an exchange (RFC 6749 §5.1). Its
// Secrets are printed as "[redacted]".
type Pair struct {
	// AccessToken is a JWT of RFC 9068, of at most MaxAccessToken bytes.
	AccessToken Secret

	// RefreshToken is valid for one refresh. Empty: the access token has no session
	// that can be refreshed.
	RefreshToken Secret

	// RefreshExpiresIn is how long the refresh token is valid if it is not used, in
	// whole seconds. Zero: there is no refresh token.
	RefreshExpiresIn time.Duration

	// ExpiresIn is how long the access token is valid, in whole seconds:
	// Config.AccessTTL, or less if its session, API key or signing key ends before.
	ExpiresIn time.Duration

	// Narrowed reports that less scope was granted than requested, so that the
	// response must have the scope (RFC 6749 §5.1). Principal.Scope is what was
	// granted.
	Narrowed bool

	// Replayed reports that the previous refresh token was presented again within
	// Config.RetryGrace. RefreshToken is then the same successor as before.
	Replayed bool

	// Exchanged reports that the access token was made from an API key (RFC 8693).
	Exchanged bool

	// BrowserSession asks that the browser forgets the tokens when it is closed. The
	// Authority does not set it; package middleware does, for its cookies.
	BrowserSession bool

	// Principal is the principal of the access token.
	Principal Principal
}

// fits returns ErrClaims if the access token is longer than limit bytes. Zero: no
// limit.
func (p Pair) fits(limit int) error {
	if limit > 0 && len(p.AccessToken) > limit {
		return fmt.Errorf("%w: the access token must be at most %d bytes, got %d", ErrClaims, limit, len(p.AccessToken))
	}
	return nil
}
