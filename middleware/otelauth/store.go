package otelauth

import (
	"context"
	"errors"
	"time"

	"github.com/sallyport-go/sallyport/store"
)

// storeFailure returns the type of a store's error. The answers that the contract of
// package store names are no failures.
func storeFailure(err error) string {
	switch {
	case err == nil, errors.Is(err, store.ErrNotFound), errors.Is(err, store.ErrConflict), errors.Is(err, store.ErrBadCredentials):
		return ""
	case errors.Is(err, store.ErrBusy):
		return "busy"
	}
	if _, ok := errors.AsType[*store.RefusalError](err); ok {
		return ""
	}
	if _, ok := errors.AsType[*store.SecondFactorError](err); ok {
		return ""
	}
	return failureOf(err)
}

// Store returns a store that measures each call of s. What is called and returned does
// not change. The operation authenticate includes the hash of the password, and the wait
// for the hasher.
func (t *Telemetry) Store(s store.Store) store.Store { return users{s, &t.store} }

type users struct {
	store.Store

	timer *timer
}

// Authenticate checks a password.
func (s users) Authenticate(ctx context.Context, login, password string) (store.User, error) {
	return measured(ctx, s.timer, "authenticate", func(ctx context.Context) (store.User, error) { return s.Store.Authenticate(ctx, login, password) })
}

// User reads a user.
func (s users) User(ctx context.Context, id string) (store.User, error) {
	return measured(ctx, s.timer, "user", func(ctx context.Context) (store.User, error) { return s.Store.User(ctx, id) })
}

// CreateSession writes a session.
func (s users) CreateSession(ctx context.Context, session store.Session) error {
	return measuredWrite(ctx, s.timer, "create_session", func(ctx context.Context) error { return s.Store.CreateSession(ctx, session) })
}

// Session reads a session.
func (s users) Session(ctx context.Context, id string) (store.Session, error) {
	return measured(ctx, s.timer, "session", func(ctx context.Context) (store.Session, error) { return s.Store.Session(ctx, id) })
}

// AdvanceSession advances a session.
func (s users) AdvanceSession(ctx context.Context, id string, from int64, at, idleUntil time.Time) error {
	return measuredWrite(ctx, s.timer, "advance_session", func(ctx context.Context) error { return s.Store.AdvanceSession(ctx, id, from, at, idleUntil) })
}

// RevokeSession ends a session.
func (s users) RevokeSession(ctx context.Context, id string, at time.Time) error {
	return measuredWrite(ctx, s.timer, "revoke_session", func(ctx context.Context) error { return s.Store.RevokeSession(ctx, id, at) })
}

// UserSessions lists sessions.
func (s users) UserSessions(ctx context.Context, userID string, after store.Cursor, limit int) ([]store.Session, error) {
	return measured(ctx, s.timer, "user_sessions", func(ctx context.Context) ([]store.Session, error) {
		return s.Store.UserSessions(ctx, userID, after, limit)
	})
}

// RevokeUserSessions ends the sessions of a user.
func (s users) RevokeUserSessions(ctx context.Context, userID, except string, at, since time.Time) ([]string, error) {
	return measured(ctx, s.timer, "revoke_user_sessions", func(ctx context.Context) ([]string, error) {
		return s.Store.RevokeUserSessions(ctx, userID, except, at, since)
	})
}

// DeleteExpiredSessions deletes sessions.
func (s users) DeleteExpiredSessions(ctx context.Context, before time.Time) (int, error) {
	return measured(ctx, s.timer, "delete_expired_sessions", func(ctx context.Context) (int, error) { return s.Store.DeleteExpiredSessions(ctx, before) })
}

// Revocations returns a deny list that measures the calls of r that requests wait for:
// DenySession, DenySessions and SessionDenied. What is called and returned does not
// change.
func (t *Telemetry) Revocations(r store.Revocations) store.Revocations { return denials{r, &t.store} }

type denials struct {
	store.Revocations

	timer *timer
}

// DenySession denies a session.
func (d denials) DenySession(ctx context.Context, sid string, until time.Time) error {
	return measuredWrite(ctx, d.timer, "deny_session", func(ctx context.Context) error { return d.Revocations.DenySession(ctx, sid, until) })
}

// DenySessions denies many sessions.
func (d denials) DenySessions(ctx context.Context, sids []string, until time.Time) error {
	return measuredWrite(ctx, d.timer, "deny_sessions", func(ctx context.Context) error { return d.Revocations.DenySessions(ctx, sids, until) })
}

// SessionDenied asks for a session.
func (d denials) SessionDenied(ctx context.Context, sid string) (bool, error) {
	return measured(ctx, d.timer, "session_denied", func(ctx context.Context) (bool, error) { return d.Revocations.SessionDenied(ctx, sid) })
}

// APIKeys returns API keys that measure the calls of k that an exchange waits for: APIKey
// and UseAPIKey. What is called and returned does not change.
func (t *Telemetry) APIKeys(k store.APIKeys) store.APIKeys { return apiKeys{k, &t.store} }

type apiKeys struct {
	store.APIKeys

	timer *timer
}

// APIKey reads a key.
func (k apiKeys) APIKey(ctx context.Context, digest store.Digest) (store.APIKey, error) {
	return measured(ctx, k.timer, "api_key", func(ctx context.Context) (store.APIKey, error) { return k.APIKeys.APIKey(ctx, digest) })
}

// UseAPIKey notes that a key was used.
func (k apiKeys) UseAPIKey(ctx context.Context, id string, at time.Time) error {
	return measuredWrite(ctx, k.timer, "use_api_key", func(ctx context.Context) error { return k.APIKeys.UseAPIKey(ctx, id, at) })
}
