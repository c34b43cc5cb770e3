package tokens

import (
	"context"
	"errors"
	"strings"
	"time"
)

// Introspection is the state of a token (RFC 7662 §2.2). The zero value is an
// inactive token ("active": false).
type Introspection struct {
	// Active reports that the token could be used now. If it is false, all other
	// fields are zero.
	Active bool

	// Refresh reports that the token is a refresh token. False: it is an access
	// token.
	Refresh bool

	// Subject is the user's ID, ClientID is the client that the token was issued to,
	// and SessionID is the "sid", as in a Principal.
	//
	// Scope is what the token allows now. For an access token it is the part of its
	// own scope that the user still holds and that its client and its session, or
	// its API key, still allow. For a refresh token it is the scope of a refresh
	// that requests none.
	Subject, ClientID, Scope, SessionID string

	// IssuedAt and ExpiresAt are those of an access token. A refresh token was
	// issued when its session last advanced, and expires when its session does.
	IssuedAt, ExpiresAt time.Time

	// Principal is the principal of an access token, with the scope in the token. It
	// is zero for a refresh token.
	Principal Principal
}

// Introspect returns the current state of an access token or a refresh token (RFC
// 7662), and changes nothing. It is stricter than Verify: the session or API key
// of an access token must be active, and its user must be able to log in. Of the
// refresh tokens of a session only the newest is active. An API key is inactive:
// exchange it instead.
//
// The caller must check that the requester may introspect tokens. ErrUnavailable
// is its only error.
func (a *Authority) Introspect(ctx context.Context, token Secret) (Introspection, error) {
	ctx, cancel := context.WithTimeout(ctx, a.timeout)
	defer cancel()
	of, err := a.introspect(ctx, token)
	switch {
	case err == nil:
		return of, nil
	case errors.Is(err, ErrUnavailable):
		return Introspection{}, a.failed(ctx, err)
	}
	return Introspection{}, nil
}

func (a *Authority) introspect(ctx context.Context, token Secret) (Introspection, error) {
	if shown, ok := a.refresh.open(token); ok {
		return a.introspectRefresh(ctx, shown)
	}
	p, err := a.verifier.Verify(ctx, token)
	if err != nil {
		return Introspection{}, err
	}
	if err := a.checkDenied(ctx, p); err != nil {
		return Introspection{}, err
	}
	limit, version, err := a.checkOrigin(ctx, p)
	if err != nil {
		return Introspection{}, err
	}
	c, err := a.registeredClient(ctx, p.ClientID)
	if err != nil {
		return Introspection{}, err
	}
	user, err := a.owner(ctx, p.Owner(), ErrInvalidToken)
	if err != nil {
		return Introspection{}, err
	}
	if outdated(version, user) {
		return Introspection{}, ErrNoSession
	}
	return Introspection{
		Active: true, Subject: p.Subject, ClientID: p.ClientID, SessionID: p.SessionID,
		Scope:    strings.Join(both(p.Scopes(), held(user.Scopes, limit, c.Scopes)), " "),
		IssuedAt: p.IssuedAt, ExpiresAt: p.ExpiresAt, Principal: p,
	}, nil
}

// checkOrigin returns ErrNoSession if the session or the API key behind an access
// token has ended. Otherwise it returns the scopes that limit it, and the
// CredentialVersion that must still be its user's.
func (a *Authority) checkOrigin(ctx context.Context, p Principal) (limit []string, version string, err error) {
	if p.SessionID == "" {
		return nil, "", nil
	}
	s, ok, err := a.sessionOf(ctx, p.Subject, p.SessionID)
	if err != nil || ok && lasts(s, a.lately()) {
		return s.Scopes, s.CredentialVersion, err
	}
	k, ok, err := a.keyOf(ctx, p.Owner(), p.SessionID)
	if err != nil || ok && (k.ExpiresAt.IsZero() || a.lately().Before(k.ExpiresAt)) {
		if !a.passwordEndsKeys {
			return k.Scopes, "", err
		}
		return k.Scopes, k.CredentialVersion, err
	}
	return nil, "", ErrNoSession
}

// registeredClient returns the client of a token as it is now, or the zero client
// if none is registered.
func (a *Authority) registeredClient(ctx context.Context, id string) (client, error) {
	if !a.registers() {
		return client{}, nil
	}
	return a.client(ctx, or(id, a.defaultClient))
}

func (a *Authority) introspectRefresh(ctx context.Context, shown presented) (Introspection, error) {
	s, err := a.session(ctx, shown.secret.id())
	if err != nil {
		return Introspection{}, err
	}
	if !lasts(s, a.now()) || shown.generation != s.Generation {
		return Introspection{}, ErrInvalidRefresh
	}
	c, err := a.registeredClient(ctx, s.ClientID)
	if err != nil {
		return Introspection{}, err
	}
	if err := c.mayRefresh(); err != nil {
		return Introspection{}, err
	}
	user, err := a.user(ctx, s.UserID, ErrRevokedRefresh)
	if err != nil {
		return Introspection{}, err
	}
	if outdated(s.CredentialVersion, user) {
		return Introspection{}, ErrRevokedRefresh
	}
	return Introspection{
		Active: true, Refresh: true, Subject: s.UserID, ClientID: s.ClientID,
		Scope: strings.Join(held(user.Scopes, s.Scopes, c.Scopes), " "), SessionID: s.ID,
		IssuedAt: s.AdvancedAt, ExpiresAt: earlier(s.IdleUntil, s.ExpiresAt),
	}, nil
}
