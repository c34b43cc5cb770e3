package tokens

import "context"

// Pseudonym returns a keyed hash of a text (HMAC-SHA-256 with RefreshKeys[0], 22
// characters of base64url), for places that others may read, such as the names of
// counters. Without the refresh keys the text cannot be recovered, not even by
// trying all candidates. Nodes with the same RefreshKeys[0] return the same
// pseudonym. A new RefreshKeys[0] changes all pseudonyms.
func (a *Authority) Pseudonym(text string) string {
	sum := a.refresh.keys[0].mac("sallyport pseudonym", []byte(text))
	return b64(sum[:16])
}

// LoginPseudonym returns the pseudonym that stands for a login in events.Event.
// Package middleware calls it with the form of the login that BruteForce.SameLogin
// returns.
func (a *Authority) LoginPseudonym(login string) string { return a.Pseudonym("login/" + login) }

// SessionOf returns the "sid" of the session or API key that a token belongs to.
// It accepts a refresh token of any generation, and an access token that has not
// expired. It returns "" if the token is not genuine or has no session or key. It
// does not call Config.Store or the deny list, so the session may have ended.
func (a *Authority) SessionOf(ctx context.Context, token Secret) string {
	if shown, ok := a.refresh.open(token); ok {
		return shown.secret.id()
	}
	p, err := a.verifier.Verify(ctx, token)
	if err != nil {
		return ""
	}
	return p.SessionID
}

// IsRefreshToken reports whether a text is a refresh token that was made with one
// of Config.RefreshKeys. It does not call the store, so the token may be used,
// expired or revoked. Only a text for which it returns false can be part of a
// brute-force attempt.
func (a *Authority) IsRefreshToken(text Secret) bool {
	_, ok := a.refresh.open(text)
	return ok
}
