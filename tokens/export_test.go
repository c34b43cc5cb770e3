package tokens

import (
	"bytes"
	"encoding/json"
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

// PayloadsDiffer returns an error unless the payload of a token with this text and number
// in each claim is what encoding/json makes of it. set selects the optional claims.
func PayloadsDiffer(text string, number int64, set uint) error {
	c := minted{claims{Issuer: text, Subject: text, ExpiresAt: &number, IssuedAt: &number, TokenID: text, ClientID: text}, text}
	for i, claim := range []func(){
		func() { c.NotBefore = &number }, func() { c.Scope = text }, func() { c.SessionID = text }, func() { c.Account = text },
		func() { c.Tier = text }, func() { c.Seats = int(number) }, func() { c.Restricted = true }, func() { c.AuthenticatedAt = &number },
		func() { c.Methods = texts{text} }, func() { c.Methods = texts{text, text, "otp"} }, func() { c.ContextClass = text },
		func() { c.Actor = &actor{text} }, func() { c.SubjectKind = text },
	} {
		if set&(1<<i) != 0 {
			claim()
		}
	}
	want, err := json.Marshal(c)
	if err != nil {
		return err
	}
	if got := c.append(nil); !bytes.Equal(got, want) {
		return fmt.Errorf("%s\nencoding/json: %s", got, want)
	}
	return nil
}
