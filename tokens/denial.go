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

// ended is what is about to be revoked: the "sid" of its access tokens, and when
// it would have ended by itself.
type ended struct {
	sid  string
	ends time.Time
}

func endedSessions(sessions ...store.Session) []ended {
	all := make([]ended, len(sessions))
	for i, s := range sessions {
		all[i] = ended{sessionImage(s.ID), s.ExpiresAt}
	}
	return all
}

// revoke ends things for good, which write does in the store. Their access tokens
// are denied first, and with them those that they might still get: so whatever
// fails in between, nothing of theirs can be used. If it is the denial that
// fails nothing was done, and the same request finds the same things again.
func (a *Authority) revoke(ctx context.Context, gone []ended, write func(context.Context, time.Time) error) error {
	now := a.now()
	if err := a.deny(ctx, gone, a.over(now)); err != nil {
		return err
	}
	return a.write(ctx, gone, now, write)
}

// revokeSession ends one session for good.
func (a *Authority) revokeSession(ctx context.Context, s store.Session) error {
	return a.revoke(ctx, endedSessions(s), func(ctx context.Context, at time.Time) error {
		return a.store.RevokeSession(ctx, s.ID, at)
	})
}

// revokePresented ends a session of which a token was presented. Both steps are
// made even if the other fails: whoever presents the token again finds the
// session, and has it denied if it was not.
func (a *Authority) revokePresented(ctx context.Context, s store.Session) error {
	now, gone := a.now(), endedSessions(s)
	denied := a.deny(ctx, gone, a.over(now))
	return errors.Join(denied, a.write(ctx, gone, now, func(ctx context.Context, at time.Time) error {
		return a.store.RevokeSession(ctx, s.ID, at)
	}))
}

// write is the second step of a revocation. What it could not end lives, so the
// denial has to last as long as that can; if that fails too there is the first
// one, and the caller knows that it did not work.
func (a *Authority) write(ctx context.Context, gone []ended, now time.Time, write func(context.Context, time.Time) error) error {
	within, cancel := a.bounded(ctx)
	defer cancel()
	err := write(within, now)
	if err == nil {
		return nil
	}
	for _, e := range gone {
		if e.ends.After(now) {
			_ = a.deny(ctx, []ended{e}, a.over(e.ends))
		}
	}
	return unavailable("revoke", err)
}

// denyAgain denies the access tokens of what was revoked before: that revocation
// may have failed half-way, or have been made without the deny list. It writes
// nothing if they are denied already, or if all of them have expired.
func (a *Authority) denyAgain(ctx context.Context, sid string, until time.Time) error {
	if a.revocations == nil || !until.After(a.now()) {
		return nil
	}
	within, cancel := a.bounded(ctx)
	defer cancel()
	if denied, err := a.revocations.SessionDenied(within, sid); err == nil && denied {
		return nil
	}
	return a.deny(ctx, []ended{{sid: sid}}, until)
}

// deny puts what has ended on the deny list, whether or not the caller still
// waits.
func (a *Authority) deny(ctx context.Context, gone []ended, until time.Time) error {
	if a.revocations == nil {
		return nil
	}
	ctx, cancel := a.bounded(ctx)
	defer cancel()
	for _, e := range gone {
		if err := a.revocations.DenySession(ctx, e.sid, until); err != nil {
			return unavailable("deny session", err)
		}
	}
	return nil
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
