package tokens

import "context"

// Pseudonym is what a text is called where others may read it, as in the names
// of counters: 22 characters of base64url that say nothing of the text, not even
// to whoever tries all that it could be, without the refresh keys. It is the
// same on all nodes that have the same RefreshKeys[0], and another with another.
func (a *Authority) Pseudonym(text string) string {
	return b64(a.refresh.keys[0].mac("sallyport pseudonym", []byte(text))[:16])
}

// SessionOf returns the "sid" of the session or the API key that a token belongs
// to: a refresh token of any generation, or an access token that has not expired.
// Empty: the token is not genuine, or belongs to none. It asks no store, so it
// does not say whether the session lasts.
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

// IsRefreshToken reports whether a text is a refresh token that was made with
// one of RefreshKeys. It asks no store, so it does not say whether the token
// opens anything any more; that one does not is what a guess looks like.
func (a *Authority) IsRefreshToken(text Secret) bool {
	_, ok := a.refresh.open(text)
	return ok
}
