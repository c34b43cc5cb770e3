package tokens

import (
	"fmt"
	"time"
)

// Pair is what a login, a refresh or an exchange hands out.
type Pair struct {
	// AccessToken is a JWT as RFC 9068 has it, of at most MaxAccessToken bytes.
	AccessToken Secret

	// RefreshToken is good for one refresh. Empty where no session is behind
	// the access token.
	RefreshToken Secret

	// RefreshExpiresIn is how long the refresh token is good for if nobody uses it,
	// in whole seconds. Zero where there is none.
	RefreshExpiresIn time.Duration

	// ExpiresIn is how long the access token is good for, in whole seconds.
	ExpiresIn time.Duration

	// Narrowed reports that less was granted than was asked for; what was
	// granted is Principal.Scope.
	Narrowed bool

	// Replayed reports that the refresh token was the predecessor, presented
	// again within the grace: RefreshToken is the successor that was handed out
	// before.
	Replayed bool

	// Exchanged reports that the access token was made of an API key: RFC 8693.
	Exchanged bool

	// Principal is whom the access token names.
	Principal Principal
}

// fits says whether the access token has room in so many bytes; 0 is room for any.
func (p Pair) fits(room int) error {
	if room > 0 && len(p.AccessToken) > room {
		return fmt.Errorf("%w: the access token has %d bytes, and there is room for %d", ErrClaims, len(p.AccessToken), room)
	}
	return nil
}
