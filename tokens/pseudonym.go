package tokens

import "context"

// Pseudonym returns a keyed hash of a text (HMAC-SHA-256 with RefreshKeys[0], 22
// characters of base64url), for places that others may read, such as the names of
// counters. Without the refresh keys the text cannot be recovered, not even by
// trying all candidates. Nodes with the same RefreshKeys[0] return the same
// pseudonym, and nodes with another key another one.
func (a *Authority) Pseudonym(text string) string {
	return b64(a.refresh.keys[0].mac("sallyport pseudonym", []byte(text))[:16])
}

// SessionOf returns the "sid" of the session or API key that a token belongs to.
// It accepts a refresh token of any generation, and an access token that has not
// expired. It returns "" if the token is not genuine or has no session or key. It
// does not call the Store, so the session may have ended.
func (a *Authority) SessionOf(ctx context.Context, token Secret) string {
	if shown, ok := a.refresh.open(token); ok {
		return sessionSID(shown.sessionID)
	}
	p, err := a.verifier.Verify(ctx, token)
	if err != nil {
		return ""
	}
	return p.SessionID
}

// IsRefreshToken reports whether a text is a refresh token that was made with one
// of RefreshKeys. It does not call the store, so the token may be spent or
// revoked. A text for which it returns false is what a brute-force attempt looks
// like.
func (a *Authority) IsRefreshToken(text Secret) bool {
	_, ok := a.refresh.open(text)
	return ok
}
