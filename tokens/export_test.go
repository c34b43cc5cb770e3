package tokens

import (
	"fmt"
	"slices"

	"github.com/sallyport-go/sallyport/store"
)

// Checked is a store whose answers are checked, as an Authority asks it.
func Checked(s store.Store) store.Store { return checkedStore{s, true} }

// ReadersDiffer returns an error if the one-pass reader accepts claims that
// encoding/json and the strict rules reject, or reads them differently.
func ReadersDiffer(payload []byte, issuer, audience string) error {
	fast, ok := scanClaims(payload, issuer, audience)
	if !ok {
		return nil // encoding/json decides
	}
	var c claims
	if err := decodeClaims(payload, &c); err != nil {
		return fmt.Errorf("the one-pass reader accepts what the other rejects: %w", err)
	}
	if fast.issuer != (c.Issuer == issuer) || fast.audience != slices.Contains(c.Audience, audience) {
		return fmt.Errorf("issuer %v, audience %v, and the other reads %q, %q", fast.issuer, fast.audience, c.Issuer, c.Audience)
	}
	for _, n := range []struct {
		name string
		has  bool
		fast int64
		slow *int64
	}{{"exp", fast.hasExp, fast.exp, c.ExpiresAt}, {"nbf", fast.hasNbf, fast.nbf, c.NotBefore}, {"iat", fast.hasIat, fast.iat, c.IssuedAt}, {"auth_time", fast.hasAuthTime, fast.authTime, c.AuthenticatedAt}} {
		if n.has != (n.slow != nil) || n.has && n.fast != *n.slow {
			return fmt.Errorf("%s: %v %d, and the other reads %v", n.name, n.has, n.fast, n.slow)
		}
	}
	if !fast.hasIat || !fast.hasExp {
		return nil
	}
	one, other := (&unverified{scanned: fast}).principal(payload), c.principal(payload)
	other.Issuer = "" // verify sets it
	if one != other {
		return fmt.Errorf("%+v, and the other reads %+v", one, other)
	}
	return nil
}
