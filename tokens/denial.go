package tokens

import (
	"context"
	"errors"
	"time"

	"github.com/sallyport-go/sallyport/store"
)

// bounded is a context for what must be written whether or not the caller still
// waits, with a timeout of its own.
func (a *Authority) bounded(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.WithoutCancel(ctx), a.timeout)
}

// over is when the last access token that a session has at a time can have
// expired on every node: one may be in the making, and clocks differ.
func (a *Authority) over(at time.Time) time.Time {
	return at.Add(a.accessTTL + a.timeout + 3*a.leeway)
}

// revoke ends sessions for good, which write does in the store. Their access
// tokens are denied first, and with them those that they might still get: so
// whatever fails in between, nothing of the sessions can be used. Both steps have
// the timeout for themselves, and are made even if the other fails, or if the
// caller has hung up.
func (a *Authority) revoke(ctx context.Context, sessions []store.Session, write func(context.Context, time.Time) error) error {
	now := a.now()
	denied := a.deny(ctx, sessions, func(store.Session) time.Time { return a.over(now) })
	within, cancel := a.bounded(ctx)
	defer cancel()
	err := write(within, now)
	if err == nil {
		return denied
	}
	// they live, so the denial has to last as long as they can; if that fails too
	// there is the first one, and the caller knows that it did not work
	_ = a.deny(ctx, sessions, func(s store.Session) time.Time { return a.over(s.ExpiresAt) })
	return errors.Join(unavailable("revoke", err), denied)
}

// revokeSession ends one session.
func (a *Authority) revokeSession(ctx context.Context, s store.Session) error {
	return a.revoke(ctx, []store.Session{s}, func(ctx context.Context, at time.Time) error {
		return a.store.RevokeSession(ctx, s.ID, at)
	})
}

// denyRevoked denies the access tokens of a session that was revoked before:
// the one who did it may have failed in between, or not have known of the list.
func (a *Authority) denyRevoked(ctx context.Context, s store.Session) error {
	until := a.over(s.RevokedAt)
	if !until.After(a.now()) {
		return nil
	}
	return a.deny(ctx, []store.Session{s}, func(store.Session) time.Time { return until })
}

// deny puts sessions on the deny list, each until a time of its own.
func (a *Authority) deny(ctx context.Context, sessions []store.Session, until func(store.Session) time.Time) error {
	if a.revocations == nil {
		return nil
	}
	ctx, cancel := a.bounded(ctx)
	defer cancel()
	var failed error
	for _, s := range sessions {
		if err := a.revocations.DenySession(ctx, sessionImage(s.ID), until(s)); err != nil {
			failed = unavailable("deny session", err)
		}
	}
	return failed
}

// checkDenied returns ErrRevokedToken if the principal's session is on the deny
// list.
func (a *Authority) checkDenied(ctx context.Context, p Principal) error {
	if a.revocations == nil || p.SessionID == "" {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, a.timeout)
	defer cancel()
	denied, err := a.revocations.SessionDenied(ctx, p.SessionID)
	switch {
	case err != nil:
		err = a.failed(ctx, unavailable("deny list", err))
		if a.ignoreDenyFailure {
			return nil
		}
		return err
	case denied:
		return ErrRevokedToken
	}
	return nil
}
